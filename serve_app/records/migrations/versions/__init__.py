"""The history of our tables; alembic runs what a database has not seen yet."""

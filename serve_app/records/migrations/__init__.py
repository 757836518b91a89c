"""The history of our tables; alembic runs what a database has not seen yet."""

NEWEST = "0005"  # a start that finds it does without alembic, which takes 0.3 s and 10 MB

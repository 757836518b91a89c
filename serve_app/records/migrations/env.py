"""How alembic meets our database: always on the connection that `Database.migrate` hands over."""

from alembic import context

from serve_app.records.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()

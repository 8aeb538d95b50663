"""Alembic's way in. It runs on the connection it is given, inside the transaction that connection is in."""

from alembic import context

from rlm_exporter.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot alter most things in place; a later step copies the table instead.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()

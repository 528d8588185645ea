"""Alembic's entry: runs the migrations on the connection that `indexer.catalog` hands over."""

from alembic import context

from indexer import job_tables, signal_tables, tag_tables  # noqa: F401 - they declare tables
from indexer.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()

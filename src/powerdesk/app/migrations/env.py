"""Alembic environment: runs inside the unit that Records.migrate opened, so a migration is all or nothing."""

from __future__ import annotations

from alembic import context

from powerdesk.access import tables as access_tables
from powerdesk.engines import bookkeeping, columns
from powerdesk.markets import tables as markets_tables
from powerdesk.store import tables as store_tables

REGISTERED = (access_tables, bookkeeping, markets_tables, store_tables)
"""Importing a tables module is what adds its tables to the metadata; a new context adds its module here."""

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=columns.metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()

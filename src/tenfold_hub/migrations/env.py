"""What Alembic runs: the connection and the roles come from `tenfold hub migrate`."""

from __future__ import annotations

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    version_table="migrations",
    version_table_schema="hub_migrations",
    # Each migration commits for itself: what is done stays done, and a later one may need it.
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()

"""Alembic's entry: run the migrations on the connection that `migrate` hands over, in one transaction."""

from __future__ import annotations

from alembic import context

from db_client.tables.all_tables import ledger_metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=ledger_metadata, transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()

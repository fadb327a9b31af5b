"""Everything that is in a database, so that it can be shown that a command wrote nothing."""

from __future__ import annotations

from sqlalchemy import Engine, text

from db_client.tables.all_tables import ledger_metadata


def contents_of(engine: Engine) -> dict[str, list[str]]:
    """Return every row of every table of the ledger, by table."""
    with engine.connect() as connection:
        return {
            table.name: sorted(map(str, connection.execute(text(f'SELECT * FROM "{table.name}"'))))
            for table in ledger_metadata.sorted_tables
        }

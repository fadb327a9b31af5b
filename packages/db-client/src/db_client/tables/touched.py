"""touched_epochs, touched_days, touched_identities: what was written since curation was brought up to date.

Notes for the next refresh, which takes them away again; triggers write them (`migrations/sql/touched.sql`).
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Date, Table

from db_client.tables.schema import Identifier, metadata, node_column

touched_epochs: Final = Table(
    "touched_epochs",
    metadata,
    Column("id", BigInteger(), primary_key=True, autoincrement=True),
    node_column(),
    Column("epoch_id", BigInteger(), nullable=False),
    Column("is_uncurated", Boolean(), nullable=False),
)

touched_days: Final = Table(
    "touched_days",
    metadata,
    Column("id", BigInteger(), primary_key=True, autoincrement=True),
    node_column(),
    Column("day", Date(), nullable=False),
)

touched_identities: Final = Table(
    "touched_identities",
    metadata,
    Column("id", BigInteger(), primary_key=True, autoincrement=True),
    node_column(),
    Column("provider", Identifier, nullable=False),
    Column("external_id", Identifier, nullable=False),
)

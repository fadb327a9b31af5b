"""payload_seed: what the keys are derived from that hide what travels through Temporal."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, CheckConstraint, Column, LargeBinary, Table, func, true

from db_client.tables.schema import Instant, metadata

# One row a database and no node: each node's key is derived from it together with the node's id.
payload_seed: Final = Table(
    "payload_seed",
    metadata,
    Column("is_only", Boolean(), primary_key=True, server_default=true()),
    Column("seed", LargeBinary(), nullable=False),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    CheckConstraint("is_only", name="one_row"),
    CheckConstraint("octet_length(seed) = 32", name="seed_length"),
)

"""The seed of a database's payload keys: made by its migration, and only read from then on."""

from __future__ import annotations

from sqlalchemy import Engine, select

from db_client.tables.payloads import payload_seed


def read_payload_seed(engine: Engine) -> bytes:
    """Return the 32 random bytes that this database was migrated with."""
    with engine.connect() as connection:
        seed: bytes = connection.execute(select(payload_seed.c.seed)).scalar_one()
    return seed

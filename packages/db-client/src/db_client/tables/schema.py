"""The one MetaData of the ledger's tables, and the column types they share."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Column, DateTime, MetaData, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

# Constraints that enforce an invariant carry its name; all others follow this convention.
NAMING_CONVENTION: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

metadata: Final = MetaData(naming_convention=NAMING_CONVENTION)

Identifier: Final = Text(collation="C")  # ordered by code point, as everything hashed is
Instant: Final = DateTime(timezone=True)
Credits: Final = BigInteger()
MilliUnits: Final = BigInteger()
Json: Final = JSONB(none_as_null=True)


def node_column() -> Column[Any]:
    """Return the column that scopes a row to its node (NODE_SCOPED)."""
    return Column("node_id", Uuid(), nullable=False)

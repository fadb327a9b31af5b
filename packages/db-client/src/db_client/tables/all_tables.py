"""Every table of the ledger, gathered: importing this module fills the MetaData."""

from __future__ import annotations

from typing import Final

from sqlalchemy import MetaData

from db_client.tables import (
    activity,
    completeness,
    curation,
    epochs,
    identities,
    payloads,
    statements,
    touched,
)
from db_client.tables.schema import metadata

TABLE_MODULES: Final = (activity, completeness, curation, epochs, identities, payloads, statements, touched)
ledger_metadata: Final[MetaData] = metadata

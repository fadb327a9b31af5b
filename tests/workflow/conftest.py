"""The runtime that workflow tests play their stories on."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from db_client.postgres_ledger import PostgresLedger
from tests.workflow.ledger_runs import Runtime


@pytest.fixture
def runtime(
    temporal_address: str, namespace: str, postgres_ledger: PostgresLedger, owner_engine: Engine
) -> Runtime:
    """A namespace and a database that no other test uses."""
    return Runtime(
        address=temporal_address, namespace=namespace, ledger=postgres_ledger, owner_engine=owner_engine
    )

"""The implementations that every contract test runs on.

To add one: write a fixture `open_<name>_ledger` that returns a function from a node id to a ledger of that
node, all of them in one fresh store, and name it in IMPLEMENTATIONS.
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

import pytest
from sqlalchemy import Engine

from db_client.postgres_ledger import PostgresLedger
from ledger_core import Ledger, NodeId
from ledger_core.testing import InMemoryLedger
from tests.contract.story import NEIGHBOUR_ID, NODE_ID, LedgerStory

IMPLEMENTATIONS = ("memory", "postgres")


class OpenLedger(Protocol):
    """Opens the ledger of a node in the test's own store."""

    def __call__(self, node_id: NodeId) -> Ledger: ...


@pytest.fixture
def open_memory_ledger() -> OpenLedger:
    """Ledgers in memory: each has its own, so neighbours never meet."""
    return InMemoryLedger


@pytest.fixture
def open_postgres_ledger(worker_engine: Engine) -> OpenLedger:
    """Ledgers in one fresh database, opened with the worker's rights only."""
    return partial(PostgresLedger, worker_engine)


@pytest.fixture(params=IMPLEMENTATIONS)
def open_ledger(request: pytest.FixtureRequest) -> OpenLedger:
    """Return how to open a ledger in the implementation under test."""
    opener: OpenLedger = request.getfixturevalue(f"open_{request.param}_ledger")
    return opener


@pytest.fixture
def ledger(open_ledger: OpenLedger) -> Ledger:
    """The ledger under test, empty."""
    return open_ledger(NODE_ID)


@pytest.fixture
def neighbour(open_ledger: OpenLedger) -> Ledger:
    """The ledger of another node in the same store."""
    return open_ledger(NEIGHBOUR_ID)


@pytest.fixture
def story(ledger: Ledger) -> LedgerStory:
    """The steps to tell a story of the ledger under test."""
    return LedgerStory(ledger)

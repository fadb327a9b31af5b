"""A GitHub on loopback, and the runtime that its deliveries are received on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from db_client.postgres_ledger import PostgresLedger
from tests.github_world.collecting import Collector, collector_on
from tests.github_world.server import GithubWorldServer
from tests.github_world.world import World
from tests.workflow.ledger_runs import Runtime


@pytest.fixture(scope="session")
def running_github() -> Iterator[GithubWorldServer]:
    with GithubWorldServer().running() as server:
        yield server


@pytest.fixture
def github(running_github: GithubWorldServer) -> GithubWorldServer:
    running_github.reset(World())
    return running_github


@pytest.fixture
def collector(github: GithubWorldServer) -> Iterator[Collector]:
    with collector_on(github) as collector:
        yield collector


@pytest.fixture
def runtime(
    temporal_address: str, namespace: str, postgres_ledger: PostgresLedger, owner_engine: Engine
) -> Runtime:
    """A namespace and a database that no other test uses."""
    return Runtime(
        address=temporal_address, namespace=namespace, ledger=postgres_ledger, owner_engine=owner_engine
    )

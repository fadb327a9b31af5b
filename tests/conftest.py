"""Real servers for the tests: started from wheels once a worker, or named by the environment."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from google.protobuf.duration_pb2 import Duration
from sqlalchemy import Engine, text
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from db_client.database_url import parse_database_url
from db_client.engine import create_ledger_engine
from db_client.migrate import upgrade_schema
from db_client.postgres_ledger import PostgresLedger
from db_client.roles import LedgerRole, grant_login, grant_roles
from ledger_core.identifiers import NodeId
from scheduler_worker.local.postgres import local_postgres
from scheduler_worker.local.temporal import local_temporal
from tests.local_owners import folder_for_all

WORKER_LOGIN = "ledger_test_worker"
READER_LOGIN = "ledger_test_reader"
LOGIN_PASSWORD = "only for tests on loopback"


@dataclass(frozen=True, slots=True)
class TestDatabase:
    """A database of its own, migrated: as its owner, as the worker, and as the reader."""

    __test__ = False

    owner_url: str
    worker_url: str
    reader_url: str


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A superuser's URL of a PostgreSQL server: TEST_DATABASE_URL, else one of our own."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    with folder_for_all() as folder, local_postgres(folder, durable=False) as server:
        yield server.url


@pytest.fixture(scope="session")
def admin_engine(postgres_url: str) -> Iterator[Engine]:
    engine = create_ledger_engine(postgres_url, application_name="ledger-tests")
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def template_database(postgres_url: str, admin_engine: Engine) -> Iterator[str]:
    """The name of a migrated, empty database that each test's is copied from."""
    name = f"ledger_template_{uuid.uuid4().hex[:12]}"
    _run_alone(admin_engine, f'CREATE DATABASE "{name}"')
    engine = create_ledger_engine(_url(postgres_url, name), application_name="ledger-tests")
    upgrade_schema(engine)
    grant_roles(engine)
    grant_login(engine, LedgerRole.WORKER, WORKER_LOGIN, password=LOGIN_PASSWORD)
    grant_login(engine, LedgerRole.READER, READER_LOGIN, password=LOGIN_PASSWORD)
    engine.dispose()
    yield name
    _run_alone(admin_engine, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def fresh_database(postgres_url: str, admin_engine: Engine, template_database: str) -> Iterator[TestDatabase]:
    name = f"ledger_test_{uuid.uuid4().hex[:12]}"
    # A copy of the files takes half the work of one that is written to the log first.
    _run_alone(admin_engine, f'CREATE DATABASE "{name}" TEMPLATE "{template_database}" STRATEGY FILE_COPY')
    yield TestDatabase(
        owner_url=_url(postgres_url, name),
        worker_url=_url(postgres_url, name, login=WORKER_LOGIN),
        reader_url=_url(postgres_url, name, login=READER_LOGIN),
    )
    _run_alone(admin_engine, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def owner_engine(fresh_database: TestDatabase) -> Iterator[Engine]:
    """Plain SQL as the owner of the tables: what an attacker with the keys would use."""
    engine = create_ledger_engine(fresh_database.owner_url, application_name="ledger-tests-owner")
    yield engine
    engine.dispose()


@pytest.fixture
def worker_engine(fresh_database: TestDatabase) -> Iterator[Engine]:
    engine = create_ledger_engine(
        fresh_database.worker_url, application_name="ledger-tests-worker", pool_connections=40
    )
    yield engine
    engine.dispose()


@pytest.fixture
def node_id() -> NodeId:
    return NodeId(uuid.UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff"))


@pytest.fixture
def postgres_ledger(worker_engine: Engine, node_id: NodeId) -> PostgresLedger:
    """The ledger as the worker uses it: with the worker's rights only."""
    return PostgresLedger(worker_engine, node_id)


def _url(url: str, database: str, *, login: str | None = None) -> str:
    changed = parse_database_url(url).set(database=database)
    if login is not None:
        changed = changed.set(username=login, password=LOGIN_PASSWORD)
    return changed.render_as_string(hide_password=False)


def _run_alone(engine: Engine, statement: str) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))


class Namespaces:
    """New namespaces of a Temporal server, one for each test: deterministic workflow ids never meet."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._prefix = f"ledger-test-{uuid.uuid4().hex[:8]}"
        self._taken = 0
        self._register(0)

    def take(self) -> str:
        """Return one that nobody has had, and make the next: a server takes a second to run schedules of a new one.

        They are not all made before the first test: each costs its server work for as long as it runs.
        """
        name, self._taken = self._name(self._taken), self._taken + 1
        self._register(self._taken)
        return name

    def _name(self, number: int) -> str:
        return f"{self._prefix}-{number}"

    def _register(self, number: int) -> None:
        asyncio.run(register_namespace(self.address, self._name(number)))


@pytest.fixture(scope="session")
def namespaces() -> Iterator[Namespaces]:
    """A Temporal server: TEMPORAL_ADDRESS, where namespaces are registered, else one of our own."""
    given = os.environ.get("TEMPORAL_ADDRESS")
    if given:
        yield Namespaces(given)
        return
    with local_temporal(None, ui=False) as server:
        yield Namespaces(server.address)


@pytest.fixture
def temporal_address(namespaces: Namespaces) -> str:
    return namespaces.address


@pytest.fixture
def namespace(namespaces: Namespaces) -> str:
    """A namespace that no other test uses."""
    return namespaces.take()


async def register_namespace(address: str, name: str) -> None:
    client = await Client.connect(address)
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=Duration(seconds=86_400))
    )

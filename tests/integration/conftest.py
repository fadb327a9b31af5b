"""A GitHub on loopback, with a world of its own for each test; and a node with servers and a worker."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from scheduler_worker.bootstrap import create_database, login_url
from tests.command_line import read_until, running_program, write_weeks
from tests.conftest import _run_alone
from tests.github_world.collecting import Collector, collector_on
from tests.github_world.server import GithubWorldServer
from tests.github_world.world import Account, Repository, World
from tests.node import POLICY, Node
from tests.signers import APPROVER


@pytest.fixture(scope="module")
def running() -> Iterator[GithubWorldServer]:
    with GithubWorldServer().running() as server:
        yield server


@pytest.fixture
def server(running: GithubWorldServer) -> GithubWorldServer:
    running.reset(World())
    return running


@pytest.fixture
def world(server: GithubWorldServer) -> World:
    return server.world


@pytest.fixture
def collector(server: GithubWorldServer) -> Iterator[Collector]:
    with collector_on(server) as collector:
        yield collector


@pytest.fixture
def repository(world: World) -> Repository:
    return world.repository("acme/web")


@pytest.fixture
def ada(world: World) -> Account:
    return world.account("ada")


@pytest.fixture
def settings(
    postgres_url: str, admin_engine: Engine, temporal_address: str, namespace: str, tmp_path: Path
) -> Iterator[dict[str, str]]:
    """The environment of a node whose database is there, and empty."""
    name = f"ledger_week_{uuid.uuid4().hex[:12]}"
    owner_url = create_database(postgres_url, name)
    repository = write_weeks(tmp_path / "repository", weeks=2)
    (tmp_path / "ledger.toml").write_text(
        POLICY.format(approver=APPROVER.address, node_id=uuid.uuid4(), path=repository)
    )
    yield {
        "LEDGER_CONFIG": str(tmp_path / "ledger.toml"),
        "LEDGER_OWNER_DATABASE_URL": owner_url,
        "LEDGER_DATABASE_URL": login_url(owner_url, name, "of the week"),
        "LEDGER_GRANT_PASSWORD": "of the week",
        "LEDGER_ACTOR": "an admin",
        "TEMPORAL_ADDRESS": temporal_address,
        "TEMPORAL_NAMESPACE": namespace,
    }
    _run_alone(admin_engine, f'DROP DATABASE "{name}" WITH (FORCE)')
    for login in (name, f"{name}_reader"):
        _run_alone(admin_engine, f'DROP ROLE IF EXISTS "{login}"')


@pytest.fixture
def node(
    settings: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Node:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    login = settings["LEDGER_OWNER_DATABASE_URL"].rpartition("/")[2]
    node = Node(capsys, login)
    before = node.says("db", "current", status=3)
    assert before["revision"] is None
    assert node.says("db", "upgrade")["revision"] == before["newest"]
    assert node.says("db", "upgrade") == {"revision": before["newest"]}
    assert "the newest" in node.does("db", "current")
    assert login in node.does("db", "grant", "--worker", login, "--reader", f"{login}_reader")
    return node


@pytest.fixture
def worker(node: Node, settings: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    del node  # which has migrated the database
    with running_program("worker", settings=settings) as process:
        read_until(process, "worker_started")
        yield process

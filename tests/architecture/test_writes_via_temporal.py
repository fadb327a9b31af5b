"""WRITES_VIA_TEMPORAL: the command line, the demo and the webhooks' receiver hold no way to write but a workflow."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InternalError

from db_client.postgres_ledger import PostgresLedger, PostgresTransaction
from ledger_core import WeightConfig
from ledger_core.identifiers import NodeId
from ledger_core.testing import MONDAY, make_window
from scheduler_worker.bootstrap import opened_reader
from tests.conftest import TestDatabase

SERVICE = Path(__file__).parents[2] / "services/scheduler-worker/src/scheduler_worker"
MODULES = sorted([*SERVICE.glob("cli/*.py"), *SERVICE.glob("demo/*.py"), *SERVICE.glob("webhooks/*.py")])
WRITING_ROOMS = ("ledger_core.use_cases", "db_client", "sqlalchemy", "psycopg")
WORKER_IN_A_DEMO = {"demo_session.py"}  # it runs the worker itself, which is where activities write


def ways_to_write(source: str, *, runs_the_worker: bool = False) -> list[str]:
    """Imports of use cases or of the database, and calls that open a transaction to write."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            names = []
        found += [name for name in names if name.startswith(WRITING_ROOMS)]
        if not runs_the_worker:
            found += [name for name in names if name.endswith(("opened_ledger", "create_activities"))]
        if isinstance(node, ast.Attribute) and node.attr in {"begin", "execute", "commit"}:
            found.append(f".{node.attr}")
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_module_of_the_command_line_can_write(module: Path) -> None:
    """WRITES_VIA_TEMPORAL: what a command imports is readers, and requests to workflows."""
    found = ways_to_write(module.read_text(encoding="utf-8"), runs_the_worker=module.name in WORKER_IN_A_DEMO)

    assert found == []


@pytest.mark.parametrize(
    "planted",
    [
        "from ledger_core.use_cases.finalize_epoch import finalize_epoch",
        "import ledger_core.use_cases.bind_identity",
        "from ledger_core.use_cases import curate_event",
        "from scheduler_worker.bootstrap import opened_ledger",
        "with ledger.begin() as transaction: pass",
        "view.connection.execute(statement)",
        "import psycopg",
    ],
)
def test_a_planted_way_to_write_is_found(planted: str) -> None:
    """WRITES_VIA_TEMPORAL: the check can fail."""
    assert ways_to_write(planted) != []


def test_only_one_place_makes_a_client_so_that_nothing_is_sent_in_clear() -> None:
    connecting = {
        path.name for path in SERVICE.rglob("*.py") if "Client.connect" in path.read_text(encoding="utf-8")
    }

    assert connecting == {"temporal_client.py"}


@pytest.mark.parametrize("login", ["owner_url", "worker_url", "reader_url"])
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO users DEFAULT VALUES",
        "UPDATE epochs SET status = 'open'",
        "DELETE FROM epoch_allocations",
        "TRUNCATE source_cursors",
        "CREATE TABLE mine ()",
        "SELECT nextval('epochs_id_seq')",
    ],
)
def test_what_the_command_line_reads_with_refuses_to_write(
    fresh_database: TestDatabase, node_id: NodeId, login: str, statement: str
) -> None:
    """WRITES_VIA_TEMPORAL: the database itself keeps the snapshot from writing, whoever is logged in."""
    url: str = getattr(fresh_database, login)

    with opened_reader(url, node_id) as reader, reader.read() as view:
        assert isinstance(view, PostgresTransaction)
        with pytest.raises(DBAPIError) as refusal:
            view.connection.execute(text(statement))

    problem = str(refusal.value.orig)
    assert "read-only transaction" in problem or (login != "owner_url" and "permission denied" in problem)
    if login == "owner_url":
        assert isinstance(refusal.value, InternalError)  # psycopg's class of ReadOnlySqlTransaction


def test_what_the_command_line_reads_with_refuses_to_write_also_in_a_transaction_of_its_own(
    fresh_database: TestDatabase, node_id: NodeId
) -> None:
    """WRITES_VIA_TEMPORAL: a reader that is taken for more than its type says cannot write either."""
    with opened_reader(fresh_database.owner_url, node_id) as reader:
        assert isinstance(reader, PostgresLedger)
        with pytest.raises(DBAPIError, match="read-only"), reader.begin() as transaction:
            transaction.epochs.open(make_window(), WeightConfig({}), opened_at=MONDAY)

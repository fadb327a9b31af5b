"""A worker's start: it waits for what may come up, and refuses at once what waiting can't help."""

from __future__ import annotations

import asyncio
import signal
from uuid import uuid4

import pytest

from db_client.database_url import parse_database_url
from scheduler_worker.passing_problems import may_come_up
from tests.conftest import TestDatabase, register_namespace
from tests.operating.alert_rules import firing, scraped
from tests.operating.gate import Gate
from tests.operating.operated import OperatedNode, until


def test_a_worker_waits_for_its_servers_says_so_and_tells_when_one_is_lost(
    operated_node: OperatedNode, temporal_address: str
) -> None:
    url = parse_database_url(operated_node.settings["LEDGER_DATABASE_URL"])
    host, _, port = temporal_address.partition(":")
    assert url.host is not None
    assert url.port is not None
    with Gate(url.host, url.port) as database, Gate(host, int(port)) as temporal:
        behind = {
            "LEDGER_DATABASE_URL": url.set(host="127.0.0.1", port=database.port).render_as_string(
                hide_password=False
            ),
            "TEMPORAL_ADDRESS": f"127.0.0.1:{temporal.port}",
        }
        with operated_node.worker(**behind) as worker:
            no_database = worker.await_event("database_unreachable")
            waiting = (worker.get("/healthz"), worker.get("/readyz")[0])
            database.open()
            no_temporal = worker.await_event("temporal_unreachable")
            temporal.open()
            worker.await_ready()
            database.shut()
            worker.await_event("server_lost", server="database")
            without = until(lambda: worker.value("ledger_reachable", server="database") == 0, "lost")
            lost = (worker.get("/healthz")[0], worker.get("/readyz"))
            alerts = firing(scraped(worker))
            database.open()
            worker.await_event("server_back", server="database")
            worker.await_ready()
            status = worker.stop(signal.SIGTERM)

    assert "refused" in no_database["problem"]
    assert no_database["next_try_seconds"] == 1
    assert no_temporal["address"] == behind["TEMPORAL_ADDRESS"]
    assert waiting == ((200, {"status": "OK", "stage": "starting", "worker": "running"}), 503)
    assert without
    assert alerts == ["LedgerScheduleNotRun", "LedgerServerLost"]  # of this node no schedule was ever applied
    assert lost[0] == 200
    assert (lost[1][0], lost[1][1]["database"], lost[1][1]["temporal"]) == (503, "unreachable", "reachable")
    assert status == 0


def test_what_waiting_does_not_help_is_refused_at_once_by_name(
    operated_node: OperatedNode, fresh_database: TestDatabase, postgres_url: str
) -> None:
    url = parse_database_url(fresh_database.worker_url)
    secret = "not the password"
    wrong = {
        "password": url.set(password=secret),
        "database": url.set(database="ledger_nowhere"),
        "schema": parse_database_url(postgres_url),
    }
    ended = {
        what: operated_node.run("worker", LEDGER_DATABASE_URL=found.render_as_string(hide_password=False))
        for what, found in wrong.items()
    }
    ended["health"] = operated_node.run("worker", LEDGER_HEALTH_ADDRESS="127.0.0.1:99999")
    ended["format"] = operated_node.run("worker", LEDGER_LOG_FORMAT="xml")

    assert {what: end.status for what, end in ended.items()} == {
        "password": 4,
        "database": 4,
        "schema": 1,
        "health": 1,
        "format": 1,
    }
    last = {what: end.errors.splitlines()[-1] for what, end in ended.items()}
    assert "password authentication failed" in last["password"]
    assert last["schema"].startswith("ledger: schema-outdated: ")
    assert "run `ledger db upgrade`" in last["schema"]
    assert last["health"].startswith("ledger: invalid-value: LEDGER_HEALTH_ADDRESS")
    assert last["format"].startswith("ledger: invalid-value: LEDGER_LOG_FORMAT")
    assert not any("database_unreachable" in end.errors or secret in end.errors for end in ended.values())


def test_a_worker_waits_for_a_namespace_that_its_server_makes_later(
    operated_node: OperatedNode, temporal_address: str
) -> None:
    later = f"later-{uuid4().hex}"
    with operated_node.worker(TEMPORAL_NAMESPACE=later) as worker:
        awaited = worker.await_event("namespace_awaited")
        asyncio.run(register_namespace(temporal_address, later))
        worker.await_ready()
        status = worker.stop(signal.SIGTERM)

    assert awaited["problem"].startswith(f"Temporal has no namespace {later};")
    assert status == 0


def test_a_namespace_that_never_comes_is_refused_by_name(operated_node: OperatedNode) -> None:
    ended = operated_node.run("worker", TEMPORAL_NAMESPACE="nowhere")

    assert ended.status == 1
    assert ended.errors.splitlines()[-1].startswith(
        "ledger: namespace-missing: Temporal has no namespace nowhere;"
    )


@pytest.mark.parametrize(
    ("problem", "helps"),
    [
        ('connection failed: connection to server at "::1", port 5432 failed: Connection refused', True),
        ("failed to resolve host 'db': [Errno -2] Name or service not known", True),
        ("connection timeout expired", True),
        ("server closed the connection unexpectedly", True),
        ("connection failed: FATAL:  the database system is starting up", True),
        ("connection failed: FATAL:  the database system is not yet accepting connections", True),
        ("connection failed: FATAL:  sorry, too many clients already", True),
        ('connection failed: FATAL:  remaining connection slots are reserved for "x"', True),
        ('connection failed: FATAL:  password authentication failed for user "ledger"', False),
        ('connection failed: FATAL:  database "nope" does not exist', False),
        ('connection failed: FATAL:  no pg_hba.conf entry for host "10.0.0.1"', False),
        ("connection failed: server does not support SSL, but SSL was required", False),
        ("connection failed: SSL error: certificate verify failed", False),
    ],
)
def test_waiting_helps_where_nobody_answered_or_a_server_is_busy_with_itself(
    problem: str,
    helps: bool,  # noqa: FBT001
) -> None:
    assert may_come_up(problem) is helps

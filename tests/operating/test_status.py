"""`ledger status` on a real node: all right, with each part missing or down, and never for long."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from db_client.database_url import parse_database_url
from scheduler_worker.cli import status_servers
from scheduler_worker.local.startup import free_ports
from tests.command_line import COLUMNS
from tests.operating.gate import Gate
from tests.operating.operated import OperatedNode, until

SCREEN_LINES = 24


def states(node: OperatedNode, *, status: int, **more: str) -> dict[str, str]:
    """The state of each check by its name, and the exit status that it must end with."""
    ended = node.run("status", "--json", **more)
    assert ended.status == status, ended
    answer: dict[str, Any] = json.loads(ended.output)
    assert answer["ok"] is (status == 0)
    assert all(check["next"] for check in answer["checks"] if check["state"] == "problem")
    return {check["name"]: check["state"] for check in answer["checks"]}


def test_status_tells_what_is_missing_until_everything_is_all_right(operated_node: OperatedNode) -> None:
    node = operated_node
    fine = dict.fromkeys(("database", "temporal", "worker", "schedule", "chain", "stream"), "ok")
    fresh = states(node, status=3)
    with node.worker() as worker:
        worker.await_ready()
        assert node.run("schedule", "apply").status == 0
        assert node.run("epoch", "collect", "--at", datetime.now(tz=UTC).date().isoformat()).status == 0
        until(lambda: states_worker(node), "polls")
        healthy = states(node, status=0)
        screen = node.run("status")
        assert node.run("schedule", "pause", "--reason", "an audit").status == 0
        paused = states(node, status=3)
        moved = node.repository.with_name("moved")
        node.repository.rename(moved)
        node.run("epoch", "collect", "--at", "2026-01-05", "--no-wait")
        until(lambda: states(node, status=3)["stream"] == "problem" or None, "a failing stream")
        failing = node.run("status")
        print(screen.output, failing.output, sep="\n")
    [nowhere] = free_ports(1)
    no_temporal = states(node, status=4, TEMPORAL_ADDRESS=f"127.0.0.1:{nowhere}")
    no_database = states(node, status=4, LEDGER_DATABASE_URL=f"postgresql://a@127.0.0.1:{nowhere}/b")
    no_namespace = states(node, status=3, TEMPORAL_NAMESPACE="nowhere")
    nothing = states(
        node,
        status=4,
        TEMPORAL_ADDRESS=f"127.0.0.1:{nowhere}",
        LEDGER_DATABASE_URL=f"postgresql://a@127.0.0.1:{nowhere}/b",
    )

    assert fresh == fine | {
        "worker": "problem",
        "schedule": "problem",
        "stream": "note",
        "epoch": "ok",
        "accounts": "ok",
    }
    assert healthy == fine | {"epoch": "ok", "accounts": "ok"}
    assert screen.output.startswith("all right, at ")
    assert paused == healthy | {"schedule": "problem"}
    assert failing.status == 3
    assert "PROBLEM  stream   git:acme/web:commits fails for" in failing.output
    assert "PROBLEM  schedule it is paused: an audit" in failing.output
    for ended in (screen, failing):
        lines = ended.output.splitlines()
        assert len(lines) <= SCREEN_LINES
        assert max(map(len, lines)) <= COLUMNS
    assert (no_temporal["temporal"], no_temporal["worker"], no_temporal["schedule"]) == (
        "problem",
        "unknown",
        "unknown",
    )
    assert no_temporal["database"] == "ok"
    assert (no_database["database"], no_database["ledger"], no_database["temporal"]) == (
        "problem",
        "unknown",
        "ok",
    )
    assert (no_namespace["temporal"], no_namespace["database"]) == ("problem", "ok")
    assert (nothing["database"], nothing["temporal"]) == ("problem", "problem")


def states_worker(node: OperatedNode) -> bool | None:
    """Say whether a worker polls both queues by now."""
    found = json.loads(node.run("status", "--json").output)["checks"]
    return any(check["name"] == "worker" and check["state"] == "ok" for check in found) or None


def test_a_schedule_as_ledger_toml_has_it_differs_in_nothing(operated_node: OperatedNode) -> None:
    policy = Path(operated_node.settings["LEDGER_CONFIG"])
    patterns = '[[sources.github]]\nrepos = ["acme/web", "acme/*"]\n'
    policy.write_text(policy.read_text(encoding="utf-8") + patterns, encoding="utf-8")
    assert operated_node.run("schedule", "apply").status == 0

    def schedule_check() -> dict[str, Any] | None:
        checks = json.loads(operated_node.run("status", "--json").output)["checks"]
        [found] = [check for check in checks if check["name"] == "schedule"]
        return found if "drift" in found["facts"] else None  # a busy server may not answer in time

    schedule = until(schedule_check, "how the schedule stands")

    assert (schedule["state"], schedule["facts"]["drift"]) == ("ok", 0)


def test_status_gives_up_on_servers_that_accept_and_say_nothing(
    operated_node: OperatedNode, temporal_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_servers, "DATABASE_SECONDS", 1.0)
    monkeypatch.setattr(status_servers, "TEMPORAL_SECONDS", 1.0)
    url = parse_database_url(operated_node.settings["LEDGER_DATABASE_URL"])
    host, _, port = temporal_address.partition(":")
    assert url.host is not None
    assert url.port is not None
    with Gate(url.host, url.port) as database, Gate(host, int(port)) as temporal:
        for gate in (database, temporal):
            gate.open()
            gate.freeze()
        began = time.monotonic()
        found = states(
            operated_node,
            status=4,
            LEDGER_DATABASE_URL=url.set(host="127.0.0.1", port=database.port).render_as_string(
                hide_password=False
            ),
            TEMPORAL_ADDRESS=f"127.0.0.1:{temporal.port}",
        )
        took = time.monotonic() - began

    assert (found["database"], found["temporal"]) == ("problem", "problem")
    assert took < 20

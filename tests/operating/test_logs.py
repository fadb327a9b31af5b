"""A worker's log on a run with people's data, secrets and faults in it."""

from __future__ import annotations

import re
import signal

from sqlalchemy import Engine, text

from tests.conftest import LOGIN_PASSWORD
from tests.operating.operated import STREAM, OperatedNode, until

PERSONAL = re.compile(r"@example\.org|@old\.example|\bada\b|\blinus\b|\bgrace\b|hopper", re.IGNORECASE)
ORIGINS = {"workflow_id", "run_id", "workflow_type", "activity_type", "attempt", "stream"}


def test_a_log_says_where_a_fault_was_and_names_nobody(
    operated_node: OperatedNode, owner_engine: Engine
) -> None:
    """PostgreSQL's own words on this fault quote the whole row: login, address and all."""
    with owner_engine.begin() as connection:
        connection.execute(
            text("ALTER TABLE activity_events ADD CONSTRAINT planted CHECK (platform_user_id !~ 'grace')")
        )
    with operated_node.worker() as worker:
        worker.await_ready()
        operated_node.run("epoch", "collect", "--at", "2026-01-05", "--no-wait")
        fault = worker.await_event("activity_fault")
        with owner_engine.begin() as connection:
            connection.execute(text("ALTER TABLE activity_events DROP CONSTRAINT planted"))
        collected = worker.await_event("stream_collected")
        bound = operated_node.run("identity", "bind", "git", "ada@example.org", "ada")
        refused = operated_node.run("identity", "bind", "git", "ada@example.org", "linus")
        until(lambda: worker.value("ledger_unresolved_events"), "unresolved events")
        worker.stop(signal.SIGTERM)

    assert (bound.status, refused.status) == (0, 1), (bound, refused)
    assert fault.keys() >= ORIGINS
    assert (fault["stream"], fault["activity_type"], fault["attempt"]) == (STREAM, "collect_stream", 1)
    assert fault["workflow_id"] == "ledger-collect-2026-01-05-2026-01-12"
    assert collected.keys() >= ORIGINS
    assert collected["attempt"] > 1
    assert any("sqlstate 23514 planted" in entry for entry in fault["error"])
    log = "".join(worker.lines)
    assert PERSONAL.findall(log) == []
    assert LOGIN_PASSWORD not in log
    assert "Traceback" not in log

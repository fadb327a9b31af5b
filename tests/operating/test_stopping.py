"""A worker that is told to stop: it drains, or, where something hangs, ends all the same and says so."""

from __future__ import annotations

import signal
import time

from sqlalchemy import Engine, text

from db_client.database_url import parse_database_url
from tests.operating.gate import Gate
from tests.operating.operated import OperatedNode, until

WINDOW = ("epoch", "collect", "--at", "2026-01-05", "--no-wait")


def stored_events(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM activity_events")).scalar_one())


def writers_waiting(engine: Engine) -> bool:
    with engine.connect() as connection:
        waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return bool(connection.execute(waiting).scalar_one())


def test_sigterm_lets_a_page_that_is_being_written_end_and_exits_0(
    operated_node: OperatedNode, owner_engine: Engine
) -> None:
    with operated_node.worker() as worker:
        worker.await_ready()
        with owner_engine.connect() as lock:
            lock.execute(text("LOCK TABLE activity_events IN SHARE MODE"))  # whoever reads goes on
            operated_node.run(*WINDOW)
            until(lambda: writers_waiting(owner_engine) or None, "a page that waits")
            worker.process.send_signal(signal.SIGTERM)
            worker.await_event("worker_stopping")
            draining = (worker.get("/healthz")[0], worker.get("/readyz"))
        status = worker.process.wait(60)

    assert (draining[0], draining[1][0], draining[1][1]["stage"]) == (200, 503, "draining")
    assert status == 0
    assert stored_events(owner_engine) > 10
    assert "worker_stopped" in {line["event"] for line in worker.events()}


def test_a_stop_that_hangs_on_a_frozen_server_is_forced_and_is_no_success(
    operated_node: OperatedNode,
) -> None:
    url = parse_database_url(operated_node.settings["LEDGER_DATABASE_URL"])
    assert url.host is not None
    assert url.port is not None
    with Gate(url.host, url.port) as database:
        database.open()
        behind = url.set(host="127.0.0.1", port=database.port).render_as_string(hide_password=False)
        with operated_node.worker(LEDGER_DATABASE_URL=behind, LEDGER_DRAIN_SECONDS="1") as worker:
            worker.await_ready()
            database.freeze()
            operated_node.run(*WINDOW)
            began = time.monotonic()
            status = worker.stop(signal.SIGTERM)
            took = time.monotonic() - began

    assert status == 3
    assert worker.events()[-1]["event"] == "worker_stop_forced"
    assert took < 30

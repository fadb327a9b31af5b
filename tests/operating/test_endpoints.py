"""/healthz, /readyz and /metrics of a real worker."""

from __future__ import annotations

import re
import shutil
import signal
import socket

from tests.operating.operated import STREAM, OperatedNode, OperatedWorker, until

COUNTERS = (
    "ledger_events_ingested_total",
    "ledger_events_duplicate_total",
    "ledger_events_conflicting_total",
)


def test_a_worker_s_endpoints_tell_its_life_and_its_ledger(operated_node: OperatedNode) -> None:
    with operated_node.worker() as worker:
        worker.await_ready()
        alive = worker.get("/healthz")
        ready = worker.get("/readyz")
        before = worker.scrape()
        applied = operated_node.run("schedule", "apply")
        collected = operated_node.run("epoch", "collect", "--at", "2026-01-05")
        until(lambda: worker.value("ledger_stream_lag_seconds", stream=STREAM), "the stream's lag")
        until(lambda: worker.value("ledger_epoch_open") == 1, "the open epoch")
        until(lambda: worker.value("ledger_schedule_present") == 1, "the schedule")
        counted = {name: worker.value(name, stream=STREAM) for name in (*COUNTERS, "ledger_pages_total")}
        ends_in = until(lambda: worker.value("ledger_epoch_overdue_seconds"), "the age past its end")
        unresolved = worker.value("ledger_unresolved_events")
        failing = worker.value("ledger_stream_failing_seconds", stream=STREAM)
        names = {sample.name for sample in worker.scrape()}
        odd = odd_requests(worker)
        still = worker.get("/readyz")
        status = worker.stop(signal.SIGTERM)

    assert (applied.status, collected.status) == (0, 0), collected
    assert alive == (200, {"status": "OK", "stage": "running", "worker": "running"})
    assert ready == (200, alive[1] | {"database": "reachable", "temporal": "reachable"})
    assert {"ledger_reachable", "ledger_schedule_present"} <= {sample.name for sample in before}
    events = counted["ledger_events_ingested_total"]
    assert counted == {
        "ledger_events_ingested_total": events,
        "ledger_events_duplicate_total": 0,
        "ledger_events_conflicting_total": 0,
        "ledger_pages_total": 1,
    }
    assert events is not None
    assert events > 10
    assert unresolved == events
    assert failing == 0
    assert ends_in > 86_400  # the week ended in January 2026
    assert {"temporal_worker_task_slots_available", "temporal_num_pollers"} <= names
    assert odd == {
        "unknown path": "404",
        "another method": "405",
        "head": "200",
        "huge": "431",
        "no request": "400",
        "query": "200",
    }
    assert still[0] == 200
    assert status == 0
    events_told = [line["event"] for line in worker.events()]
    assert events_told[-1] == "worker_stopped"
    assert events_told.count("worker_stopping") == 1


def odd_requests(worker: OperatedWorker) -> dict[str, str]:
    """What the endpoint answers to what no probe sends; beside others who say nothing at all."""
    silent = [socket.create_connection(("127.0.0.1", worker.health_port)) for _ in range(20)]
    requests = {
        "unknown path": b"GET /metrics HTTP/1.1\r\n\r\n",
        "another method": b"POST /healthz HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
        "head": b"HEAD /healthz HTTP/1.1\r\n\r\n",
        "huge": b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 100_000,
        "no request": b"GET /healthz",
        "query": b"GET /readyz?verbose HTTP/1.1\r\n\r\n",
    }
    found = {}
    for name, request in requests.items():
        with socket.create_connection(("127.0.0.1", worker.health_port), timeout=30) as connection:
            try:
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
                answer = connection.recv(1_000).decode()
            except ConnectionError:  # it closed while we still talked
                answer = "HTTP/1.1 431 "
            found[name] = re.match(r"HTTP/1\.1 (\d+) ", answer)[1]  # type: ignore[index]
    for connection in silent:
        connection.close()
    return found


def test_a_source_that_fails_shows_until_it_is_back(operated_node: OperatedNode) -> None:
    moved = operated_node.repository.with_name("moved")
    operated_node.repository.rename(moved)
    with operated_node.worker() as worker:
        worker.await_ready()
        started = operated_node.run("epoch", "collect", "--at", "2026-01-05", "--no-wait")
        failing = until(
            lambda: worker.value("ledger_stream_failing_seconds", stream=STREAM) or None, "failing"
        )
        lag_of_never = worker.value("ledger_stream_lag_seconds", stream=STREAM)
        shutil.move(moved, operated_node.repository)
        again = operated_node.run("epoch", "collect", "--at", "2026-01-05")
        until(lambda: worker.value("ledger_stream_failing_seconds", stream=STREAM) == 0, "no failure")

    assert (started.status, again.status) == (0, 0), again
    assert failing > 0
    assert lag_of_never is None

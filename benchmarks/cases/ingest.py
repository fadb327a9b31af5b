"""Storing pages of events, beside COPY of the same rows into the same table; and storing them again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, cast

from psycopg import Connection as DriverConnection
from sqlalchemy import text

from benchmarks.figures import Figure, Scale
from benchmarks.many_events import PAGE, made_up_event
from benchmarks.measuring import Measure, Meter, measured
from benchmarks.servers import NODE, fresh_database, ledger_at, served_postgres
from db_client.postgres_ledger import PostgresTransaction
from ledger_core import ActivityEvent
from ledger_core.domain.instant import instant_text

CASE = "ingest"
FEWER = 10  # times: memory is to be flat from there on
MEMORY_MB = 50.0
_COPY = """
    COPY activity_events (node_id, id, source, event_type, platform_user_id, platform_login, artifact_url, metadata,
        payload_hash, producer, producer_version, event_time, retrieved_at) FROM STDIN
"""


def pages(events: int) -> Iterator[list[ActivityEvent]]:
    """Yield pages of made-up events."""
    for start in range(0, events, PAGE):
        yield [
            made_up_event(f"acme/widgets-{start // PAGE % 200:03d}", number)
            for number in range(start, min(events, start + PAGE))
        ]


def store(meter: Meter, *, url: str, events: int) -> dict[str, Any]:
    """Store the pages, a transaction each, then all of them again; return the seconds of both and what they wrote."""
    seconds = {"new": 0.0, "known": 0.0}
    with ledger_at(url) as ledger:
        with ledger.read() as view:
            written = wal_bytes(view)
        with meter.running():
            for name in seconds:
                for page in pages(events):
                    began = time.perf_counter()
                    with ledger.begin() as transaction:
                        found = transaction.activity.store(page)
                    seconds[name] += time.perf_counter() - began
                    assert found.conflicts == 0
                    assert found.inserted == (len(page) if name == "new" else 0)
                if name == "new":
                    with ledger.read() as view:
                        written = wal_bytes(view) - written
                        size = view.connection.execute(
                            text("SELECT pg_total_relation_size('activity_events')")
                        )
                        disk = int(size.scalar_one())
    return seconds | {"wal": written, "disk": disk}


def wal_bytes(view: PostgresTransaction) -> int:
    """Return how much the server has logged so far."""
    return int(view.connection.execute(text("SELECT pg_current_wal_insert_lsn() - '0/0'")).scalar_one())


def copy(meter: Meter, *, url: str, events: int) -> float:  # noqa: ARG001 - timed by itself, page by page
    """Return the seconds that COPY takes for the same pages, a transaction each."""
    seconds = 0.0
    with ledger_at(url) as ledger:
        for page in pages(events):
            began = time.perf_counter()
            with ledger.begin() as transaction:
                connection = transaction.connection.connection.driver_connection
                with cast("DriverConnection[Any]", connection).cursor().copy(_COPY) as into:
                    for event in page:
                        into.write_row(_row(event))
            seconds += time.perf_counter() - began
    return seconds


def _row(event: ActivityEvent) -> tuple[object, ...]:
    return (
        str(NODE), event.id, event.source, event.event_type, event.platform_user_id, event.platform_login,
        event.artifact_url, event.metadata_json, event.payload_hash, event.producer, event.producer_version,
        instant_text(event.event_time), instant_text(event.retrieved_at),
    )  # fmt: skip


def compare(scale: Scale) -> Iterator[Figure]:
    """Compare with COPY, and a few events' memory with that of many."""
    with served_postgres() as server:
        fewer = _stored(server, scale.events // FEWER)
        many = _stored(server, scale.events)
        copied = measured(copy, url=fresh_database(server, "copied"), events=scale.events).returned
    new, known = (scale.events / many.returned[name] for name in ("new", "known"))
    by_copy = scale.events / copied
    yield Figure(
        case=CASE, name="new events", value=new / by_copy, unit="x", at_least=0.7,
        note=f"{new:,.0f} a second; of COPY into the same table, {by_copy:,.0f}",
    )  # fmt: skip
    yield Figure(
        case=CASE, name="known events", value=known / new, unit="x", at_least=1.5,
        note=f"{known:,.0f} a second; of new ones",
    )  # fmt: skip
    yield Figure(
        case=CASE, name="memory of ten times the events", value=max(0.0, many.peak_mb - fewer.peak_mb), unit="MB",
        at_most=MEMORY_MB, note=f"more than for {scale.events // FEWER:,}, {fewer.peak_mb:.0f} MB",
    )  # fmt: skip
    for name in ("wal", "disk"):
        yield Figure(case=CASE, name=f"{name} an event", value=many.returned[name] / scale.events, unit="B")


def _stored(server: str, events: int) -> Measure:
    return measured(store, url=fresh_database(server, f"stored_{events}"), events=events)


CASES = (compare,)

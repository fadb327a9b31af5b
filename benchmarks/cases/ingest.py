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
from db_client.postgres_ledger import PostgresLedger, PostgresTransaction
from ledger_core import ActivityEvent
from ledger_core.domain.instant import instant_text

CASE = "ingest"
FEWER = 100_000  # at most, and a tenth of all: memory is to be flat from there on
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


def store(meter: Meter, *, url: str, copied_url: str, events: int) -> dict[str, Any]:
    """Store each page, store it again, and COPY it into another database; return the seconds of each and what was written.

    Page by page in turns: whatever else the machine does, it does to all three.
    """
    seconds = {"new": 0.0, "known": 0.0, "copied": 0.0}
    written = 0
    with ledger_at(url) as ledger, ledger_at(copied_url) as copied, meter.running():
        for page in pages(events):
            before = wal_bytes(ledger)
            for name in ("new", "known"):
                began = time.perf_counter()
                with ledger.begin() as transaction:
                    found = transaction.activity.store(page)
                seconds[name] += time.perf_counter() - began
                assert found.conflicts == 0
                assert found.inserted == (len(page) if name == "new" else 0)
                if name == "new":
                    written += wal_bytes(ledger) - before
            began = time.perf_counter()
            with copied.begin() as transaction:
                copy(transaction, page)
            seconds["copied"] += time.perf_counter() - began
        with ledger.read() as view:
            size = view.connection.execute(
                text("SELECT pg_total_relation_size('activity_events')")
            ).scalar_one()
    return seconds | {"wal": written, "disk": int(size)}


def wal_bytes(ledger: PostgresLedger) -> int:
    """Return how much the server has logged so far."""
    with ledger.read() as view:
        return int(view.connection.execute(text("SELECT pg_current_wal_insert_lsn() - '0/0'")).scalar_one())


def copy(transaction: PostgresTransaction, page: list[ActivityEvent]) -> None:
    """COPY the page into the table."""
    connection = transaction.connection.connection.driver_connection
    with cast("DriverConnection[Any]", connection).cursor().copy(_COPY) as into:
        for event in page:
            into.write_row(_row(event))


def _row(event: ActivityEvent) -> tuple[object, ...]:
    return (
        str(NODE), event.id, event.source, event.event_type, event.platform_user_id, event.platform_login,
        event.artifact_url, event.metadata_json, event.payload_hash, event.producer, event.producer_version,
        instant_text(event.event_time), instant_text(event.retrieved_at),
    )  # fmt: skip


def compare(scale: Scale) -> Iterator[Figure]:
    """Compare with COPY, and a few events' memory with that of many."""
    few = min(FEWER, scale.events // 10)
    with served_postgres() as server:
        fewer = _stored(server, few)
        many = _stored(server, scale.events)
    new, known, by_copy = (scale.events / many.returned[name] for name in ("new", "known", "copied"))
    yield Figure(
        case=CASE, name="new events", value=new / by_copy, unit="x", at_least=0.7,
        note=f"{new:,.0f} a second; of COPY into the same table, {by_copy:,.0f}",
    )  # fmt: skip
    yield Figure(
        case=CASE, name="known events", value=known / new, unit="x", at_least=1.5,
        note=f"{known:,.0f} a second; of new ones",
    )  # fmt: skip
    yield Figure(
        case=CASE, name=f"memory of {scale.events:,} events", value=max(0.0, many.peak_mb - fewer.peak_mb), unit="MB",
        at_most=MEMORY_MB, note=f"more than for {few:,}; the most was {many.peak_mb:.1f} MB and {fewer.peak_mb:.1f} MB",
    )  # fmt: skip
    for name in ("wal", "disk"):
        yield Figure(case=CASE, name=f"{name} an event", value=many.returned[name] / scale.events, unit="B")


def _stored(server: str, events: int) -> Measure:
    urls = [fresh_database(server, f"{name}_{events}") for name in ("stored", "copied")]
    return measured(store, url=urls[0], copied_url=urls[1], events=events)


CASES = (compare,)

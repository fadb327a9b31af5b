"""A collection of many events and streams through Temporal, beside bare ingest of the same: rates, history, and the worker's memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from benchmarks.figures import Figure, Scale
from benchmarks.many_events import MadeUpSource
from benchmarks.measuring import Meter, measured
from benchmarks.servers import fresh_database, ledger_at, served_postgres
from benchmarks.stored_epoch import WINDOW, bind_everybody
from benchmarks.through_temporal import collect_and_close, spent_by_server
from scheduler_worker.local.temporal import local_temporal

CASE = "at-scale"
RATE = 0.6  # of bare ingest
HISTORY_MOST_BYTES = 1_000_000  # of 50 MB; it grows with streams alone


def bare(meter: Meter, *, url: str, events: int, streams: int) -> dict[str, float]:  # noqa: ARG001 - timed by itself
    """Store the source's pages without Temporal, one after the other; return the seconds, and the CPU of client and server."""
    source = MadeUpSource(streams=streams, events=events)
    with ledger_at(url) as ledger:
        server = spent_by_server(ledger)
        began, began_cpu = time.perf_counter(), time.process_time()
        for stream in source.streams():
            for page in source.pages(stream, None, until=WINDOW.period_end):
                with ledger.begin() as transaction:
                    transaction.activity.store(page.events)
        seconds = time.perf_counter() - began
        spent = time.process_time() - began_cpu + spent_by_server(ledger) - server
    return {"seconds": seconds, "spent": spent}


def collected(meter: Meter, *, url: str, address: str, events: int, streams: int) -> dict[str, float]:
    """Collect the source through Temporal, collect again, close; return what each took."""
    source = MadeUpSource(streams=streams, events=events)
    with ledger_at(url) as ledger:
        bind_everybody(ledger)
    sources = dict.fromkeys(source.streams(), source)
    return asyncio.run(collect_and_close(meter, url, address, dict(sources), {"github:pr_merged": 8000}))


def compare(scale: Scale) -> Iterator[Figure]:
    """Measure both, the worker in a process of its own."""
    events, streams = scale.events, scale.streams
    with served_postgres() as server:
        alone = measured(bare, url=fresh_database(server, "of_bare"), events=events, streams=streams).returned
        with local_temporal(None, ui=False) as temporal:
            url = fresh_database(server, "of_many")
            found = measured(collected, url=url, address=temporal.address, events=events, streams=streams)
    told = found.returned
    assert told["stored"] == events
    yield Figure(
        case=CASE, name=f"{events:,} events, {streams} streams", value=alone["spent"] / told["spent"], unit="x", at_least=RATE,
        note=f"of the CPU of bare ingest, {alone['spent']:.0f} s, curated and proposed as well; of worker and PostgreSQL, {told['spent']:.0f} s",
    )  # fmt: skip
    yield Figure(
        case=CASE, name="rate of the streams", value=events / told["streams_read"], unit="/s",
        note=f"wall; of one bare writer, {events / alone['seconds']:,.0f}; all collected, curated and proposed in {told['collected']:.0f} s",
    )  # fmt: skip
    yield Figure(
        case=CASE, name="nothing new", value=told["spent_again"], unit="s", at_most=1.0,
        note=f"of CPU, worker and PostgreSQL; {told['nothing_new']:.1f} s wall",
    )  # fmt: skip
    yield Figure(case=CASE, name="close", value=told["closed"], unit="s")
    yield Figure(
        case=CASE, name="history", value=told["history_bytes"], unit="B", at_most=HISTORY_MOST_BYTES,
        note=f"{told['history_events']:,} events",
    )  # fmt: skip
    yield Figure(case=CASE, name="memory of the worker", value=found.peak_mb, unit="MB")


CASES = (compare,)

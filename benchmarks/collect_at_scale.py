"""One collection through Temporal, however large: `uv run python -m benchmarks.collect_at_scale --events 10000000`.

200 streams and PostgreSQL and Temporal from wheels by default. Says how long the collection took, how large its history
is and how much memory the worker took, and the same of a second collection, which finds nothing new, and of the close.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import time
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

from temporalio.client import Client

from benchmarks.many_events import MadeUpSource, bindings
from benchmarks.servers import fresh_database, ledger_at, served_postgres
from ledger_core import Ledger
from ledger_core.testing import FixedClock, make_context, make_window
from ledger_core.use_cases.bind_identity import MAX_BINDINGS, bind_identities
from scheduler_worker.local.temporal import local_temporal
from scheduler_worker.messages import CollectRequest, FinalizeCommand
from scheduler_worker.retry_profiles import COLLECT_EXECUTION_TIMEOUT
from scheduler_worker.starting import Start, result_of, start_or_join
from scheduler_worker.workflow_ids import collect_workflow_id, finalize_workflow_id
from scheduler_worker.workflows.collect_epoch import CollectEpochWorkflow
from scheduler_worker.workflows.finalize_epoch import FinalizeEpochWorkflow
from tests.temporal_runtime import TASK_QUEUE, worker_on

WINDOW = make_window()
CLOCK = FixedClock(WINDOW.period_end + timedelta(days=1))


def main() -> None:
    """Collect, collect again, close, and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    source = MadeUpSource(streams=options.streams, events=options.events)
    with (
        served_postgres() as server,
        local_temporal(None, ui=False) as temporal,
        ledger_at(fresh_database(server, "collected")) as ledger,
    ):
        _bind_everybody(ledger)
        found = asyncio.run(_told(temporal.address, ledger, source))
    found = {"events": options.events, "streams": options.streams} | found
    if options.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:28}{value:>16,}")


def _bind_everybody(ledger: Ledger) -> None:
    everybody = bindings()
    for start in range(0, len(everybody), MAX_BINDINGS):
        bind_identities(ledger, everybody[start : start + MAX_BINDINGS], make_context(), clock=CLOCK)


async def _told(address: str, ledger: Ledger, source: MadeUpSource) -> dict[str, float]:
    async with worker_on(
        address, "default", ledger, dict.fromkeys(source.streams(), source), clock=CLOCK
    ) as client:
        collect = CollectRequest(
            window=WINDOW,
            weight_config={"github:pr_merged": 8000},
            base_issuance_credits=1_000_000,
            streams=source.streams(),
        )
        began = time.monotonic()
        report = await _run(client, CollectEpochWorkflow.run, collect, collect_workflow_id(WINDOW))
        collected = time.monotonic() - began
        history = await client.get_workflow_handle(collect_workflow_id(WINDOW)).fetch_history()
        began = time.monotonic()
        again = await _run(client, CollectEpochWorkflow.run, collect, collect_workflow_id(WINDOW))
        collected_again = time.monotonic() - began
        began = time.monotonic()
        command = FinalizeCommand(epoch_id=report.epoch_id, context=make_context())
        closed = await _run(client, FinalizeEpochWorkflow.run, command, finalize_workflow_id(report.epoch_id))
        finalized = time.monotonic() - began
    assert report.complete, "a stream was left incomplete"
    assert again.complete, "a stream was left incomplete the second time"
    with ledger.read() as view:
        curated = sum(row.activity_count for row in view.allocations.list_all(report.epoch_id))
    return {
        "stored": sum(stream.inserted for stream in report.streams),
        "stored_again": sum(stream.inserted for stream in again.streams),
        "paid_for": curated,
        "payouts": closed.payouts,
        "collect_seconds": round(collected, 1),
        "again_seconds": round(collected_again, 1),
        "finalize_seconds": round(finalized, 1),
        "history_events": len(history.events),
        "history_bytes": sum(event.ByteSize() for event in history.events),
        "worker_peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


async def _run(
    client: Client, method: Callable[..., Coroutine[Any, Any, Any]], argument: object, workflow_id: str
) -> Any:
    start = Start(
        method=method,
        argument=argument,
        workflow_id=workflow_id,
        task_queue=TASK_QUEUE,
        execution_timeout=COLLECT_EXECUTION_TIMEOUT,
    )
    handle, _ = await start_or_join(client, start)
    return await result_of(handle)


if __name__ == "__main__":
    main()

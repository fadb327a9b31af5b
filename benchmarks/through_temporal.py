"""Collections and a close through Temporal: a worker in this process, and what each workflow took."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any

from temporalio.client import Client

from benchmarks.backend import server_cpu_seconds
from benchmarks.measuring import Meter
from benchmarks.servers import ledger_at
from benchmarks.stored_epoch import CLOCK, WINDOW
from db_client.postgres_ledger import PostgresLedger
from ledger_core import ActivitySource, StreamRef
from ledger_core.testing import make_context
from scheduler_worker.messages import CollectRequest, FinalizeCommand
from scheduler_worker.retry_profiles import COLLECT_EXECUTION_TIMEOUT
from scheduler_worker.starting import Start, result_of, start_or_join
from scheduler_worker.workflow_ids import collect_workflow_id, finalize_workflow_id
from scheduler_worker.workflows.collect_epoch import CollectEpochWorkflow
from scheduler_worker.workflows.finalize_epoch import FinalizeEpochWorkflow
from tests.temporal_runtime import TASK_QUEUE, worker_on


async def collect_and_close(
    meter: Meter, url: str, address: str, sources: dict[StreamRef, ActivitySource], weights: dict[str, int]
) -> dict[str, float]:
    """Collect all streams, collect again, close; return the seconds of each, and what was left in Temporal's history."""
    collect = CollectRequest(
        window=WINDOW, weight_config=weights, base_issuance_credits=1_000_000, streams=tuple(sources)
    )
    with ledger_at(url) as ledger:
        async with worker_on(address, "default", ledger, sources, clock=CLOCK) as client:
            with meter.running():
                server = spent_by_server(ledger)
                began, began_cpu = time.perf_counter(), time.process_time()
                report = await _run(client, CollectEpochWorkflow.run, collect, collect_workflow_id(WINDOW))
                collected = time.perf_counter() - began
                assert report.complete, "a stream was left incomplete"
                spent = time.process_time() - began_cpu + spent_by_server(ledger) - server
                history = await client.get_workflow_handle(collect_workflow_id(WINDOW)).fetch_history()
                server = spent_by_server(ledger)
                began, began_cpu = time.perf_counter(), time.process_time()
                again = await _run(client, CollectEpochWorkflow.run, collect, collect_workflow_id(WINDOW))
                nothing_new = time.perf_counter() - began
                spent_again = time.process_time() - began_cpu + spent_by_server(ledger) - server
                assert sum(stream.inserted for stream in again.streams) == 0
                began = time.perf_counter()
                command = FinalizeCommand(epoch_id=report.epoch_id, context=make_context())
                await _run(client, FinalizeEpochWorkflow.run, command, finalize_workflow_id(report.epoch_id))
                closed = time.perf_counter() - began
    return {
        "stored": sum(stream.inserted for stream in report.streams),
        "streams_read": _seconds_of_streams(history.events),
        "spent": spent,
        "history_events": len(history.events),
        "history_bytes": sum(event.ByteSize() for event in history.events),
        "collected": collected,
        "nothing_new": nothing_new,
        "spent_again": spent_again,
        "closed": closed,
    }


def spent_by_server(ledger: PostgresLedger) -> float:
    """Return the CPU seconds that PostgreSQL took so far."""
    with ledger.read() as view:
        return server_cpu_seconds(view.connection)


def _seconds_of_streams(events: Sequence[Any]) -> float:
    """Return the seconds from the first stream's activity to what followed the last."""
    named = [
        (event.activity_task_scheduled_event_attributes.activity_type.name, event.event_time.ToDatetime())
        for event in events
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    first = min(at for name, at in named if name == "collect_stream")
    after = min(at for name, at in named if name != "collect_stream" and at > first)
    seconds: float = (after - first) / timedelta(seconds=1)
    return seconds


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

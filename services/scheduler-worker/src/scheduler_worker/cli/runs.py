"""Running a workflow from the command line: its id at once, progress while it runs, then its report."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import click
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from ledger_core.errors import LedgerError
from scheduler_worker.cli.progress import Progress, pace_text
from scheduler_worker.payload_keys import PayloadKeys
from scheduler_worker.starting import Start, result_of, start_or_join
from scheduler_worker.temporal_client import TemporalRefused, TemporalUnreachable, connected

PROGRESS_AFTER_SECONDS: Final = 1.0
DESCRIBE_EVERY_SECONDS: Final = 1.0
WORKER_PATIENCE_SECONDS: Final = 5.0  # `ledger worker &` polls after about two
WORKER_CHECK_SECONDS: Final = 0.25
_SILENT: Final = {RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED}

_COUNTS: Final = 5  # what a collection's heartbeat has

_Report = TypeVar("_Report")


class WaitInterrupted(LedgerError):
    """Who waited has stopped waiting; a workflow that was started is not stopped by that."""

    code = "interrupted"

    def __init__(self, workflow_id: str) -> None:
        super().__init__(f"stopped waiting; {workflow_id} goes on if it was started, and can be asked again")


class NoWorker(LedgerError):
    """Nobody works on the task queue; what was started waits there."""

    code = "no-worker"

    def __init__(self, task_queue: str, workflow_id: str) -> None:
        super().__init__(
            f"{workflow_id} is started, but no worker polls task queue {task_queue};"
            " it runs as soon as `ledger worker` does"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Generic[_Report]):
    """A started workflow: joined if it was running already; report is None if it was not waited for."""

    workflow_id: str
    joined: bool
    report: _Report | None


def run_workflow(start: Start[_Report], *, keys: PayloadKeys, wait: bool) -> Run[_Report]:
    """Start the workflow, or join the one that runs under its id, and say which on stderr.

    Raises: TemporalUnreachable, TemporalRefused, NoWorker, WorkflowFailed.
    """
    try:
        return asyncio.run(_run(start, keys=keys, wait=wait))
    except KeyboardInterrupt:
        raise WaitInterrupted(start.workflow_id) from None


@contextmanager
def temporal_errors(client: Client) -> Iterator[None]:
    """Turn what Temporal answers instead of a result into one sentence.

    Raises: TemporalUnreachable, TemporalRefused.
    """
    try:
        yield
    except RPCError as error:
        if error.status in _SILENT:
            raise TemporalUnreachable(client.service_client.config.target_host) from error
        raise TemporalRefused(error.message) from error


async def _run(start: Start[_Report], *, keys: PayloadKeys, wait: bool) -> Run[_Report]:
    async with connected(keys=keys) as client:
        with temporal_errors(client):
            handle, joined = await start_or_join(client, start)
            verb = "joined, it was running already" if joined else "started"
            click.echo(f"workflow {start.workflow_id} {verb}", err=True)
            if not wait:
                return Run(workflow_id=start.workflow_id, joined=joined, report=None)
            await _await_worker(client, start)
            report = await _result(client, handle, start.workflow_id)
        return Run(workflow_id=start.workflow_id, joined=joined, report=report)


async def _result(client: Client, handle: WorkflowHandle[Any, _Report], workflow_id: str) -> _Report:
    waiting = asyncio.ensure_future(result_of(handle))
    began = time.monotonic()
    try:
        with Progress() as progress:
            done, _ = await asyncio.wait({waiting}, timeout=PROGRESS_AFTER_SECONDS)
            while not done and progress.is_terminal:
                told = await _progress(client, handle, lambda: time.monotonic() - began)
                progress.tell(f"waiting for {workflow_id}{told}")
                done, _ = await asyncio.wait({waiting}, timeout=DESCRIBE_EVERY_SECONDS)
        return await waiting
    finally:
        waiting.cancel()


async def _progress(
    client: Client, handle: WorkflowHandle[Any, Any], elapsed_seconds: Callable[[], float]
) -> str:
    described = await handle.describe()
    pending = described.raw_description.pending_activities
    if not pending:
        return ""
    activity = pending[0]
    attempt = f", attempt {activity.attempt}" if activity.attempt > 1 else ""
    more = f" and {len(pending) - 1} more" if len(pending) > 1 else ""
    beats = [await _beat(client, each.heartbeat_details.payloads) for each in pending]
    events = events_in(beats)
    pace = f", {pace_text(events, elapsed_seconds(), total=None, what='events')}" if events else ""
    return f": {activity.activity_type.name}{more}{attempt}{pace}"


async def _beat(client: Client, payloads: Sequence[Payload]) -> list[Any]:
    return await client.data_converter.decode(payloads) if payloads else []


def events_in(beats: Iterable[Sequence[object]]) -> int:
    """Return how many events collections have seen, by their heartbeats: pages, new, known and conflicting ones."""
    counts = [beat[1:4] for beat in beats if len(beat) == _COUNTS]
    return sum(number for beat in counts for number in beat if isinstance(number, int))


async def _await_worker(client: Client, start: Start[Any]) -> None:
    """Give a worker that was started just now the time to come up.

    Raises: NoWorker.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + WORKER_PATIENCE_SECONDS
    while not await _has_worker(client, start.task_queue):
        if loop.time() > deadline:
            raise NoWorker(start.task_queue, start.workflow_id)
        await asyncio.sleep(WORKER_CHECK_SECONDS)


async def _has_worker(client: Client, task_queue: str) -> bool:
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
    )
    return len(answer.pollers) > 0

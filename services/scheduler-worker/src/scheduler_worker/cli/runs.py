"""Running a workflow from the command line: its id at once, progress while it runs, then its report."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import click
from rich.console import Console
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from ledger_core.errors import LedgerError
from scheduler_worker.starting import Start, result_of, start_or_join
from scheduler_worker.temporal_client import TemporalUnreachable, connected

PROGRESS_AFTER_SECONDS: Final = 1.0
DESCRIBE_EVERY_SECONDS: Final = 1.0

_Report = TypeVar("_Report")


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


def run_workflow(start: Start[_Report], *, wait: bool) -> Run[_Report]:
    """Start the workflow, or join the one that runs under its id, and say which on stderr.

    Raises: TemporalUnreachable, NoWorker, WorkflowFailed.
    """
    return asyncio.run(_run(start, wait=wait))


async def _run(start: Start[_Report], *, wait: bool) -> Run[_Report]:
    async with connected() as client:
        try:
            handle, joined = await start_or_join(client, start)
            verb = "joined, it was running already" if joined else "started"
            click.echo(f"workflow {start.workflow_id} {verb}", err=True)
            if not wait:
                return Run(workflow_id=start.workflow_id, joined=joined, report=None)
            if not await _has_worker(client, start.task_queue):
                raise NoWorker(start.task_queue, start.workflow_id)
            report = await _result(handle, start.workflow_id)
        except RPCError as error:
            raise TemporalUnreachable(client.service_client.config.target_host) from error
        return Run(workflow_id=start.workflow_id, joined=joined, report=report)


async def _result(handle: WorkflowHandle[Any, _Report], workflow_id: str) -> _Report:
    waiting = asyncio.ensure_future(result_of(handle))
    try:
        done, _ = await asyncio.wait({waiting}, timeout=PROGRESS_AFTER_SECONDS)
        if done or not sys.stderr.isatty():
            return await waiting
        with Console(stderr=True, highlight=False, markup=False).status(
            f"waiting for {workflow_id}"
        ) as status:
            while not done:
                status.update(f"waiting for {workflow_id}{await _progress(handle)}")
                done, _ = await asyncio.wait({waiting}, timeout=DESCRIBE_EVERY_SECONDS)
        return await waiting
    finally:
        waiting.cancel()


async def _progress(handle: WorkflowHandle[Any, Any]) -> str:
    described = await handle.describe()
    pending = described.raw_description.pending_activities
    if not pending:
        return ""
    activity = pending[0]
    attempt = f", attempt {activity.attempt}" if activity.attempt > 1 else ""
    return f": {activity.activity_type.name}{attempt}"


async def _has_worker(client: Client, task_queue: str) -> bool:
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
    )
    return len(answer.pollers) > 0

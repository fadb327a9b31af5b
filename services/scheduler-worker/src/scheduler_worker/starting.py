"""Starting a workflow, joining the one that runs under its id, and its failure as a refusal."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

from ledger_core.errors import LedgerError
from scheduler_worker.workflows.problems import problem_of, root_cause

_Report = TypeVar("_Report")


class WorkflowFailed(LedgerError):
    """A workflow ended in a refusal, or in a fault; the code is the refusal's own."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code  # type: ignore[misc]  # of this one failure, not of the class


@dataclass(frozen=True, slots=True, kw_only=True)
class Start(Generic[_Report]):
    """What to start: a workflow's run method, its argument, and its id."""

    method: Callable[[Any, Any], Coroutine[Any, Any, _Report]]
    argument: object
    workflow_id: str
    task_queue: str
    execution_timeout: timedelta


async def start_or_join(client: Client, start: Start[_Report]) -> tuple[WorkflowHandle[Any, _Report], bool]:
    """Start the workflow, or find the one that is running under its id; say whether it was joined."""
    try:
        handle = await client.start_workflow(
            start.method,
            start.argument,
            id=start.workflow_id,
            task_queue=start.task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            execution_timeout=start.execution_timeout,
        )
    except WorkflowAlreadyStartedError:
        return client.get_workflow_handle_for(start.method, start.workflow_id), True
    return handle, False


async def start_once(client: Client, start: Start[Any], *, patience: timedelta) -> bool:
    """Start the workflow unless one under its id runs or has succeeded; say whether it was started.

    Raises: temporalio.service.RPCError when the server does not take it within the patience.
    """
    try:
        await client.start_workflow(
            start.method,
            start.argument,
            id=start.workflow_id,
            task_queue=start.task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            execution_timeout=start.execution_timeout,
            rpc_timeout=patience,
        )
    except WorkflowAlreadyStartedError:
        return False
    return True


async def result_of(handle: WorkflowHandle[Any, _Report]) -> _Report:
    """Return the workflow's report.

    Raises: WorkflowFailed, with the code of the refusal that ended it.
    """
    try:
        return await handle.result()
    except WorkflowFailureError as error:
        cause = root_cause(error.cause)
        if isinstance(cause, ApplicationError):
            raise WorkflowFailed(cause.type or "failed", cause.message) from error
        code, _, sentence = problem_of(error.cause).partition(": ")
        raise WorkflowFailed(code, sentence) from error


def describe_failure(error: WorkflowFailureError) -> str:
    """Return a run's failure as `code: sentence`."""
    return problem_of(error.cause)

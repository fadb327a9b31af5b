"""Temporal in one thread: runs the workflows as they are, and tries their activities as a server would have them tried.

Only time is left out: nothing waits between attempts. What a worker registers is what runs here, its interceptor
included, so that the order of the steps, what is tried again and with which idempotency key are the product's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from types import SimpleNamespace
from typing import Any, Final, TypeVar

from temporalio import workflow
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    FailureError,
    RetryState,
    WorkflowAlreadyStartedError,
)
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from scheduler_worker.activities.refusals import RefusalInterceptor
from scheduler_worker.starting import WorkflowFailed
from scheduler_worker.workflows.all_workflows import ALL_WORKFLOWS
from scheduler_worker.workflows.plan_collection import SCHEDULED_START
from scheduler_worker.workflows.problems import problem_of, root_cause

MOST_ATTEMPTS: Final = 200  # an activity that is still not done by then is stuck
START_TIME: Final = datetime(2030, 1, 1, tzinfo=UTC)

_Report = TypeVar("_Report")
_RUN: ContextVar[_Run] = ContextVar("the workflow run that this task belongs to")


class WorkerKilled(BaseException):
    """The worker is gone in the middle of an activity: nothing is reported, and nothing is cleaned up."""


class ActivityStuck(AssertionError):
    """An activity was tried again and again and never got through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt of one activity: which, for which run, and the how-manieth."""

    activity: str
    arguments: tuple[Any, ...]
    workflow_id: str
    run_id: str
    activity_id: str
    number: int

    @property
    def key(self) -> str:
        """What all attempts of this activity share."""
        return f"{self.run_id}/{self.activity_id}"


@dataclass(slots=True, kw_only=True)
class _Run:
    workflow_id: str
    run_id: str
    scheduled_at: datetime | None
    activity_ids: Iterator[int]


class _Direct(ActivityInboundInterceptor):
    """The innermost interceptor: calls the activity itself."""

    def __init__(self) -> None:
        """Stand at the end of the chain."""

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - Temporal's name
        return input.fn(*input.args)


class InProcessTemporal:
    """Runs workflows to their ends.

    `during` is a context around each attempt: what it raises instead of the activity's answer, is the attempt's
    end. `before_retry` is called with what an attempt that will be repeated ended in.
    """

    def __init__(
        self,
        activities: Sequence[Callable[..., Any]],
        *,
        during: Callable[[Attempt, Callable[[], Any]], Any] = lambda _, answer: answer(),
        before_retry: Callable[[BaseException], None] = lambda _: None,
    ) -> None:
        self._activities = {activity.__name__: activity for activity in activities}
        self._during = during
        self._before_retry = before_retry
        self._runs = count(1)
        self._running: set[str] = set()
        self.attempts = 0
        self.order: list[str] = []

    def run(
        self,
        method: Callable[[Any, Any], Coroutine[Any, Any, _Report]],
        argument: object,
        workflow_id: str,
        *,
        scheduled_at: datetime | None = None,
    ) -> _Report:
        """Run a workflow to its end and return its report.

        Raises: WorkflowFailed, with the code of the refusal that ended it.
        """
        with self._in_place():
            try:
                return asyncio.run(self._run(method, argument, workflow_id, scheduled_at))
            except FailureError as error:
                cause = root_cause(error)
                if isinstance(cause, ApplicationError):
                    raise WorkflowFailed(cause.type or "failed", cause.message) from error
                code, _, sentence = problem_of(error).partition(": ")
                raise WorkflowFailed(code, sentence) from error

    def repeat(self, attempt: Attempt) -> object:
        """Run an attempt once more, as one does that was given up as lost and is not; return its answer."""
        with self._in_place():
            return self._attempt(replace(attempt, number=0), [])

    async def _run(
        self,
        method: Callable[[Any, Any], Coroutine[Any, Any, _Report]],
        argument: object,
        workflow_id: str,
        scheduled_at: datetime | None,
    ) -> _Report:
        found = next(each for each in ALL_WORKFLOWS if each.__dict__["run"] is method)
        if workflow_id in self._running:
            raise WorkflowAlreadyStartedError(workflow_id, found.__name__)
        self._running.add(workflow_id)
        try:
            while True:
                run_id = f"run-{next(self._runs)}"
                run = _Run(
                    workflow_id=workflow_id, run_id=run_id, scheduled_at=scheduled_at, activity_ids=count(1)
                )
                _RUN.set(run)
                try:
                    return await method(found(), argument)
                except _ContinuedAsNew as continued:
                    argument = continued.argument
        finally:
            self._running.remove(workflow_id)

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        """Stand where the workflows look for Temporal; whatever is missing here says that it needs a server."""
        places: dict[str, Any] = {
            "execute_activity_method": self._execute_activity,
            "execute_child_workflow": self._execute_child,
            "cancellation_reason": lambda: None,
            "continue_as_new": _continue_as_new,
            "info": _info,
        }
        kept = {name: getattr(workflow, name) for name in places}
        for name, stand_in in places.items():
            setattr(workflow, name, stand_in)
        try:
            yield
        finally:
            for name, original in kept.items():
                setattr(workflow, name, original)

    async def _execute_activity(
        self, method: Callable[..., Any], *argument: object, args: Sequence[object] = (), **_options: object
    ) -> Any:
        run = _RUN.get()
        name = method.__name__
        self.order.append(name)
        attempt = Attempt(
            activity=name,
            arguments=argument or tuple(args),
            workflow_id=run.workflow_id,
            run_id=run.run_id,
            activity_id=str(next(run.activity_ids)),
            number=0,
        )
        details: list[Any] = []
        for number in range(1, MOST_ATTEMPTS + 1):
            try:
                return self._attempt(replace(attempt, number=number), details)
            except ApplicationError as error:
                if error.non_retryable:
                    raise _failed(attempt) from error
                self._before_retry(error)
            except WorkerKilled as error:
                self._before_retry(error)
        raise ActivityStuck(f"{name} is not done after {MOST_ATTEMPTS} attempts")

    def _attempt(self, attempt: Attempt, details: list[Any]) -> Any:
        self.attempts += 1
        environment = ActivityEnvironment()
        environment.info = replace(
            environment.info,
            activity_id=attempt.activity_id,
            activity_type=attempt.activity,
            attempt=attempt.number,
            heartbeat_details=list(details),
            workflow_id=attempt.workflow_id,
            workflow_run_id=attempt.run_id,
        )

        def heartbeat(*news: Any) -> None:
            details[:] = news

        environment.on_heartbeat = heartbeat
        interceptor = RefusalInterceptor().intercept_activity(_Direct())
        work = ExecuteActivityInput(
            fn=self._activities[attempt.activity], args=attempt.arguments, executor=None, headers={}
        )

        def answer() -> Any:
            return self._during(attempt, lambda: _driven(interceptor.execute_activity(work)))

        return environment.run(answer)

    async def _execute_child(
        self,
        method: Callable[[Any, Any], Coroutine[Any, Any, _Report]],
        argument: object,
        *,
        id: str,  # noqa: A002 - Temporal's name
        **_options: object,
    ) -> _Report:
        child: Awaitable[_Report] = asyncio.create_task(self._run(method, argument, id, None))
        try:
            return await child
        except WorkflowAlreadyStartedError:
            raise
        except FailureError as error:
            raise ChildWorkflowError(
                "the child failed", namespace="", workflow_id=id, run_id="", workflow_type=method.__qualname__,
                initiated_event_id=0, started_event_id=0, retry_state=None,
            ) from error  # fmt: skip


class _ContinuedAsNew(BaseException):
    def __init__(self, argument: object) -> None:
        super().__init__()
        self.argument = argument


def _continue_as_new(argument: object) -> None:
    raise _ContinuedAsNew(argument)


def _info() -> object:
    scheduled_at = _RUN.get().scheduled_at
    pairs = [] if scheduled_at is None else [SearchAttributePair(SCHEDULED_START, scheduled_at)]
    return SimpleNamespace(typed_search_attributes=TypedSearchAttributes(pairs), start_time=START_TIME)


def _driven(work: Coroutine[Any, Any, Any]) -> Any:
    """Return what a coroutine returns that awaits nothing: an activity's own code is synchronous."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("a synchronous activity waited for something")


def _failed(attempt: Attempt) -> ActivityError:
    return ActivityError(
        "the activity failed",
        scheduled_event_id=0,
        started_event_id=0,
        identity="in process",
        activity_type=attempt.activity,
        activity_id=attempt.activity_id,
        retry_state=RetryState.NON_RETRYABLE_FAILURE,
    )

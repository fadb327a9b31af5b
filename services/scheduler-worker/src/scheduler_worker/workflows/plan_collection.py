"""PlanCollectionWorkflow: what a schedule starts, as Temporal appends a time to a scheduled workflow's id.

It runs the collection of each due window as a child under the window's own id.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from temporalio import workflow
from temporalio.common import SearchAttributeKey, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, ChildWorkflowError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from datetime import UTC, datetime

    from ledger_core.domain.epoch_window import EpochWindow
    from ledger_core.domain.instant import instant_text
    from scheduler_worker.activities.epoch_activities import EpochActivities
    from scheduler_worker.messages import (
        CollectReport,
        CollectRequest,
        PlannedCollection,
        PlanReport,
        PlanRequest,
        WindowsRequest,
    )
    from scheduler_worker.retry_profiles import COLLECT_EXECUTION_TIMEOUT, DATABASE
    from scheduler_worker.workflow_ids import collect_workflow_id
    from scheduler_worker.workflows.cancellation import end_if_cancelled
    from scheduler_worker.workflows.collect_epoch import CollectEpochWorkflow
    from scheduler_worker.workflows.problems import problem_of

SCHEDULED_START: Final = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
COLLECTIONS_INCOMPLETE: Final = "collections-incomplete"
WINDOWS_A_RUN: Final = 20  # a history holds each collection's request and report: 2,000 streams are 1 MB


@workflow.defn
class PlanCollectionWorkflow:
    """Collects every window that has begun and isn't closed, the oldest first.

    Holds: a collection that fails, or that somebody ends by itself, leaves the others theirs; the plan then
           ends as a failure that names them, with its report.
    """

    @workflow.run
    async def run(self, request: PlanRequest) -> PlanReport:
        """Plan by the nominal time of the schedule, and collect window after window."""
        due = await _due(request) if request.left is None else request.left
        end_if_cancelled()
        collections = list(request.done)
        for window in due[:WINDOWS_A_RUN]:
            collections.append(await _collect(request, window))
            end_if_cancelled()
        report = PlanReport(collections=tuple(collections))
        if left := due[WINDOWS_A_RUN:]:
            workflow.continue_as_new(replace(request, left=left, done=report.collections))
        _refuse_incomplete(report)
        return report


async def _due(request: PlanRequest) -> tuple[EpochWindow, ...]:
    due = await workflow.execute_activity_method(
        EpochActivities.plan_windows,
        WindowsRequest(
            at=instant_text(_nominal_time()), anchor=request.anchor, length_days=request.length_days
        ),
        **DATABASE,
    )
    return due.windows


def _refuse_incomplete(report: PlanReport) -> None:
    """Raise if anything was left uncollected; a window that somebody else collects is theirs to report."""
    incomplete = [found for found in report.collections if not (found.complete or found.joined)]
    if incomplete:
        first = incomplete[0]
        raise ApplicationError(
            f"{len(incomplete)} of {len(report.collections)} collections are incomplete,"
            f" first {first.workflow_id}: {first.problem}",
            report,
            type=COLLECTIONS_INCOMPLETE,
            non_retryable=True,
        )


async def _collect(request: PlanRequest, window: EpochWindow) -> PlannedCollection:
    workflow_id = collect_workflow_id(window)
    try:
        report = await workflow.execute_child_workflow(
            CollectEpochWorkflow.run,
            CollectRequest(
                window=window,
                weight_config=request.weight_config,
                base_issuance_credits=request.base_issuance_credits,
                streams=request.streams,
                directories=request.directories,
            ),
            id=workflow_id,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            execution_timeout=COLLECT_EXECUTION_TIMEOUT,
        )
    except WorkflowAlreadyStartedError:
        return PlannedCollection(workflow_id=workflow_id, joined=True)
    except ChildWorkflowError as error:
        return PlannedCollection(workflow_id=workflow_id, problem=problem_of(error))
    return PlannedCollection(
        workflow_id=workflow_id,
        complete=report.complete,
        problem=_problem_of(report),
        epoch_id=report.epoch_id,
        blocked_by_epoch_id=report.blocked_by_epoch_id,
    )


def _problem_of(report: CollectReport) -> str | None:
    """Return the first stream's problem, with how many have one."""
    problems = [f"{found.stream}: {found.problem}" for found in report.streams if found.problem is not None]
    if not problems:
        return None
    others = f" (and {len(problems) - 1} streams more)" if len(problems) > 1 else ""
    return problems[0] + others


def _nominal_time() -> datetime:
    """Return when the schedule meant to start this; a late or jittered start plans the same windows."""
    info = workflow.info()
    scheduled = info.typed_search_attributes.get(SCHEDULED_START)
    return (info.start_time if scheduled is None else scheduled).astimezone(UTC)

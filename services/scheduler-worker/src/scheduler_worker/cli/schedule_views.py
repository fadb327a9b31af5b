"""The schedule as a person sees it: state, next runs, last runs with what became of them, drift."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import click
from temporalio.client import (
    Client,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionResult,
    ScheduleDescription,
    ScheduleInfo,
    WorkflowFailureError,
)
from temporalio.client import (
    WorkflowExecutionStatus as Status,
)
from temporalio.service import RPCError, RPCStatusCode

from ledger_core.errors import LedgerError
from scheduler_worker.cli.output import print_facts, print_json, print_table, say, time_text
from scheduler_worker.messages import PlanReport
from scheduler_worker.schedule_facts import facts_of
from scheduler_worker.starting import describe_failure
from scheduler_worker.workflow_ids import COLLECT_SCHEDULE_ID

SHOWN_RUNS: Final = 5


class ScheduleNotFound(LedgerError):
    """The schedule was never applied in this namespace."""

    code = "schedule-not-found"

    def __init__(self) -> None:
        super().__init__("there is no schedule yet; run `ledger schedule apply`")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRun:
    """One run that the schedule started: when it was meant to, and what became of it."""

    workflow_id: str
    planned_at: datetime
    outcome: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSchedule:
    """The schedule on the server; drift is (fact, in the file, on the server)."""

    facts: dict[str, str]
    description: ScheduleDescription
    runs: tuple[ShownRun, ...]
    drift: tuple[tuple[str, str, str], ...] = ()


async def describe_schedule(client: Client) -> ScheduleDescription:
    """Return the schedule as the server keeps it.

    Raises: ScheduleNotFound.
    """
    try:
        return await client.get_schedule_handle(COLLECT_SCHEDULE_ID).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND and "amespace" not in error.message:
            raise ScheduleNotFound from error
        raise


async def find_schedule(client: Client) -> ShownSchedule:
    """Return the schedule, with its last runs, the newest first.

    Raises: ScheduleNotFound.
    """
    description = await describe_schedule(client)
    recent = reversed(description.info.recent_actions[-SHOWN_RUNS:])
    return ShownSchedule(
        facts=await facts_of(client, description.schedule),
        description=description,
        runs=tuple([await _run(client, action) for action in recent]),
    )


def print_schedule(shown: ShownSchedule, *, as_json: bool) -> None:
    """Print it, for a person or for machines."""
    if as_json:
        print_json(_json(shown))
        return
    state, info = shown.description.schedule.state, shown.description.info
    print_facts(
        [
            ("schedule", shown.description.id),
            ("state", f"paused: {state.note}" if state.paused else "running"),
            ("fires", shown.facts["fires"]),
            ("time zone", shown.facts["time zone"]),
            ("jitter", f"up to {shown.facts['jitter']}"),
            ("catches up", f"starts missed in the last {shown.facts['catch up']}"),
            ("overlap", shown.facts["overlap"]),
            ("runs", _counts(info)),
            ("next runs", ", ".join(_next_runs(shown)) or "none"),
        ]
    )
    click.echo()
    if shown.runs:
        print_table(
            ["last runs", "outcome", "detail"],
            [[time_text(run.planned_at), run.outcome, run.detail] for run in shown.runs],
            whole=["last runs"],
        )
    else:
        say("It has started no run yet.")
    if shown.drift:
        click.echo()
        print_table(["drift", "ledger.toml", "server"], shown.drift)
        say("Next: ledger schedule apply")


def _counts(info: ScheduleInfo) -> str:
    return (
        f"{info.num_actions} started, {info.num_actions_skipped_overlap} skipped for overlap,"
        f" {info.num_actions_missed_catchup_window} missed"
    )


def started_workflow(info: ScheduleInfo) -> str:
    """Return the id of the newest run that the schedule started."""
    started = info.recent_actions[-1].action
    assert isinstance(started, ScheduleActionExecutionStartWorkflow)
    return started.workflow_id


def _next_runs(shown: ShownSchedule) -> list[str]:
    if shown.description.schedule.state.paused:
        return []
    return [str(time_text(at)) for at in shown.description.info.next_action_times[:SHOWN_RUNS]]


def _json(shown: ShownSchedule) -> dict[str, Any]:
    state, info = shown.description.schedule.state, shown.description.info
    return {
        "schedule_id": shown.description.id,
        "paused": state.paused,
        "note": state.note,
        "facts": shown.facts,
        "started": info.num_actions,
        "skipped_for_overlap": info.num_actions_skipped_overlap,
        "missed": info.num_actions_missed_catchup_window,
        "next_runs": _next_runs(shown),
        "last_runs": [
            {
                "workflow_id": run.workflow_id,
                "planned_at": time_text(run.planned_at),
                "outcome": run.outcome,
                "detail": run.detail,
            }
            for run in shown.runs
        ],
        "drift": [
            {"fact": name, "file": in_file, "server": on_server} for name, in_file, on_server in shown.drift
        ],
    }


async def _run(client: Client, action: ScheduleActionResult) -> ShownRun:
    started = action.action
    assert isinstance(started, ScheduleActionExecutionStartWorkflow)
    outcome, detail = await _outcome(client, started)
    return ShownRun(
        workflow_id=started.workflow_id, planned_at=action.scheduled_at, outcome=outcome, detail=detail
    )


async def _outcome(client: Client, started: ScheduleActionExecutionStartWorkflow) -> tuple[str, str]:
    """Return what became of a run: its status, and its report or failure in a line."""
    handle = client.get_workflow_handle(started.workflow_id, result_type=PlanReport)
    try:
        description = await handle.describe()
        if description.status is Status.RUNNING:
            return "running", ""
        report = await handle.result()
    except WorkflowFailureError as error:
        return "failed", describe_failure(error)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return "unknown", "the server keeps it no longer"
        raise
    joined = sum(found.joined for found in report.collections)
    windows = f"{len(report.collections)} windows collected"
    return "done", windows + (f", {joined} of them by another run" if joined else "")

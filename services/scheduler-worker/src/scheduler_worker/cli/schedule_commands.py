"""`ledger schedule`: apply, show."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click
from temporalio.client import ScheduleDescription
from temporalio.service import RPCError, RPCStatusCode

from ledger_core.errors import LedgerError
from scheduler_worker.bootstrap import create_sources
from scheduler_worker.cli.output import json_option, print_facts, print_json, time_text
from scheduler_worker.cli.runs import temporal_errors
from scheduler_worker.cli.session import current_policy, current_task_queue
from scheduler_worker.requests import plan_request
from scheduler_worker.schedules import ScheduleOutcome, apply_schedule, collection_schedule
from scheduler_worker.temporal_client import connected
from scheduler_worker.workflow_ids import COLLECT_SCHEDULE_ID

SHOWN_TIMES = 5


class ScheduleNotFound(LedgerError):
    """The schedule was never applied in this namespace."""

    code = "schedule-not-found"

    def __init__(self) -> None:
        super().__init__("there is no schedule yet; run `ledger schedule apply`")


@click.group()
def schedule() -> None:
    """The weekly run."""


@schedule.command()
@json_option
@click.pass_obj
def apply(config: Path | None, as_json: bool) -> None:
    """Create the schedule from ledger.toml, or update it in place.

    Applying the same file twice changes nothing.

    \b
    Example:
      ledger schedule apply
    """
    outcome = asyncio.run(_apply(config))
    if as_json:
        print_json({"schedule_id": COLLECT_SCHEDULE_ID, "outcome": outcome.value})
    else:
        click.echo(f"schedule {COLLECT_SCHEDULE_ID} {outcome}")


async def _apply(config: Path | None) -> ScheduleOutcome:
    policy = current_policy(config)
    wanted = collection_schedule(
        plan_request(policy, create_sources(policy)),
        interval_days=policy.interval_days,
        task_queue=current_task_queue(config),
    )
    async with connected() as client:
        with temporal_errors(client):
            return await apply_schedule(client, wanted)


@schedule.command()
@json_option
@click.pass_obj
def show(config: Path | None, as_json: bool) -> None:  # noqa: ARG001 - every command takes it
    """Show the schedule: whether it is paused, its last and next runs.

    \b
    Example:
      ledger schedule show
    """
    description = asyncio.run(_describe())
    found = _schedule_json(description)
    if as_json:
        print_json(found)
        return
    print_facts(
        [
            ("schedule", found["schedule_id"]),
            ("state", f"paused: {found['note']}" if found["paused"] else "running"),
            ("every", f"{found['interval_days']} days"),
            ("last runs", ", ".join(found["last_runs"]) or "none yet"),
            ("next runs", ", ".join(found["next_runs"]) or "none"),
        ]
    )


async def _describe() -> ScheduleDescription:
    async with connected() as client:
        handle = client.get_schedule_handle(COLLECT_SCHEDULE_ID)
        with temporal_errors(client):
            try:
                return await handle.describe()
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND and "amespace" not in error.message:
                    raise ScheduleNotFound from error
                raise


def _schedule_json(description: ScheduleDescription) -> dict[str, Any]:
    state = description.schedule.state
    intervals = description.schedule.spec.intervals
    return {
        "schedule_id": description.id,
        "paused": state.paused,
        "note": state.note,
        "interval_days": intervals[0].every.days if intervals else None,
        "last_runs": [time_text(run.scheduled_at) for run in description.info.recent_actions[-SHOWN_TIMES:]],
        "next_runs": [time_text(at) for at in description.info.next_action_times[:SHOWN_TIMES]],
    }

"""`ledger schedule`: apply, show, pause, resume, trigger, backfill, remove."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click
from temporalio.client import Client, Schedule, ScheduleHandle

from ledger_core.errors import InvalidValue, LedgerError
from ledger_core.identifiers import check_text
from scheduler_worker.bootstrap import create_directories, create_sources
from scheduler_worker.cli.arguments import yes_option
from scheduler_worker.cli.command_group import CommandGroup
from scheduler_worker.cli.output import json_option, print_json, say
from scheduler_worker.cli.runs import temporal_errors
from scheduler_worker.cli.schedule_views import (
    ShownSchedule,
    describe_schedule,
    find_schedule,
    print_schedule,
    started_workflow,
)
from scheduler_worker.cli.session import confirm, current_payload_keys, current_policy, current_task_queue
from scheduler_worker.payload_keys import PayloadKeys
from scheduler_worker.requests import plan_request
from scheduler_worker.schedule_facts import differences, facts_of
from scheduler_worker.schedules import apply_schedule, backfill_days, collection_schedule
from scheduler_worker.temporal_client import connected
from scheduler_worker.workflow_ids import COLLECT_SCHEDULE_ID

MAX_NOTE_CHARACTERS = 500
MAX_BACKFILL_DAYS = 3_660  # ten years: more is a slip of the pen

DAY = click.DateTime(["%Y-%m-%d"])
START_PATIENCE_SECONDS = 10.0  # how long a server may take to start what it was told to

_Found = TypeVar("_Found")


class NothingTriggered(LedgerError):
    """The server took the word, but started no run."""

    code = "nothing-triggered"

    def __init__(self) -> None:
        super().__init__("no run was started, as one still goes on; `ledger schedule show` says which")


class SchedulePaused(LedgerError):
    """The schedule is paused: what it would start, it does not."""

    code = "schedule-paused"

    def __init__(self, note: str | None) -> None:
        why = f" ({note})" if note else ""
        super().__init__(f"the schedule is paused{why}; run `ledger schedule resume` first, or say --yes")


@click.group(cls=CommandGroup)
def schedule() -> None:
    """The weekly run."""


@schedule.command()
@json_option
@click.pass_obj
def apply(config: Path | None, as_json: bool) -> None:
    """Create the schedule from ledger.toml, or update it in place.

    Applying the same file twice changes nothing. A pause and its reason stay.

    \b
    Example:
      ledger schedule apply
    """
    wanted = _wanted(config)
    keys = current_payload_keys(config)
    outcome = asyncio.run(_with_client(lambda client: apply_schedule(client, wanted), keys))
    if as_json:
        print_json({"schedule_id": COLLECT_SCHEDULE_ID, "outcome": outcome.value})
    else:
        click.echo(f"schedule {COLLECT_SCHEDULE_ID} {outcome}")


@schedule.command()
@json_option
@click.pass_obj
def show(config: Path | None, as_json: bool) -> None:
    """Show the schedule: its state, next and last runs, and drift.

    Drift is where the server's schedule is not what ledger.toml says.

    \b
    Example:
      ledger schedule show
    """
    wanted = _wanted(config)
    keys = current_payload_keys(config)

    async def look(client: Client) -> ShownSchedule:
        shown = await find_schedule(client)
        return replace(shown, drift=tuple(differences(await facts_of(client, wanted), shown.facts)))

    print_schedule(asyncio.run(_with_client(look, keys)), as_json=as_json)


@schedule.command()
@click.option("--reason", required=True, help="Why, for whoever looks next.")
@json_option
@click.pass_obj
def pause(config: Path | None, reason: str, as_json: bool) -> None:  # noqa: ARG001 - every command takes it
    """Start nothing until it is resumed; a run that goes on is not stopped.

    \b
    Example:
      ledger schedule pause --reason "the database moves"
    """
    note = _note(reason)
    _act(lambda handle: handle.pause(note=note), "paused", as_json=as_json)


@schedule.command()
@click.option("--reason", help="Why, for whoever looks next.")
@json_option
@click.pass_obj
def resume(config: Path | None, reason: str | None, as_json: bool) -> None:  # noqa: ARG001 - every command takes it
    """Start runs again; the next one makes up for all that were missed.

    \b
    Example:
      ledger schedule resume
    """
    note = "resumed" if reason is None else _note(reason)
    _act(lambda handle: handle.unpause(note=note), "resumed", as_json=as_json)


@schedule.command()
@yes_option
@json_option
@click.pass_obj
def trigger(config: Path | None, yes: bool, as_json: bool) -> None:  # noqa: ARG001 - every command takes it
    """Start a run now, as the schedule would, also outside its times.

    A run that goes on is not doubled: by default the start is skipped then.

    \b
    Example:
      ledger schedule trigger
    """

    async def start(handle: ScheduleHandle) -> str:
        await _refuse_paused(handle, yes=yes)
        before = (await handle.describe()).info.num_actions
        await handle.trigger()
        async with asyncio.timeout(START_PATIENCE_SECONDS):
            while (info := (await handle.describe()).info).num_actions == before:  # noqa: ASYNC110 - only asking tells
                await asyncio.sleep(0.1)
        return started_workflow(info)

    try:
        workflow_id = asyncio.run(_with_schedule(start))
    except TimeoutError:
        raise NothingTriggered from None
    if as_json:
        print_json({"schedule_id": COLLECT_SCHEDULE_ID, "outcome": "triggered", "workflow_id": workflow_id})
    else:
        say(f"schedule {COLLECT_SCHEDULE_ID} triggered: {workflow_id} runs")


@schedule.command()
@click.argument("first", metavar="FROM", type=DAY)
@click.argument("last", metavar="TO", type=DAY)
@yes_option
@json_option
@click.pass_obj
def backfill(config: Path | None, first: datetime, last: datetime, yes: bool, as_json: bool) -> None:  # noqa: ARG001 - every command takes it
    """Start every run that the schedule names from a day to another, both included.

    They run one after the other, each as if at its time. A weekly run makes
    up for missed weeks by itself; this is for days long past.

    \b
    Example:
      ledger schedule backfill 2026-01-05 2026-02-01
    """
    if not first <= last or (last - first).days > MAX_BACKFILL_DAYS:
        raise InvalidValue("FROM and TO", f"must be in order, and at most {MAX_BACKFILL_DAYS} days apart")
    if last.date() > datetime.now(tz=UTC).date():
        raise InvalidValue("TO", "must not lie in the future")

    async def start(handle: ScheduleHandle) -> None:
        await _refuse_paused(handle, yes=yes)
        await backfill_days(handle, first.date(), last.date())

    _act(start, "backfilled", as_json=as_json)


@schedule.command()
@yes_option
@json_option
@click.pass_obj
def remove(config: Path | None, yes: bool, as_json: bool) -> None:  # noqa: ARG001 - every command takes it
    """Remove the schedule; runs that go on, and all that was collected, stay.

    \b
    Example:
      ledger schedule remove --yes
    """
    confirm("Remove the schedule? Nothing is collected by itself then.", yes=yes)
    _act(lambda handle: handle.delete(), "removed", as_json=as_json)


def _note(reason: str) -> str:
    """Return what the server keeps: the reason, and not who gave it, as it is no place for names."""
    check_text("reason", reason, most_characters=MAX_NOTE_CHARACTERS)
    return reason


def _wanted(config: Path | None) -> Schedule:
    policy = current_policy(config)
    return collection_schedule(
        plan_request(policy, create_sources(policy), create_directories(policy)),
        policy.schedule,
        task_queue=current_task_queue(config),
    )


async def _with_client(
    step: Callable[[Client], Awaitable[_Found]], keys: PayloadKeys | None = None
) -> _Found:
    """Take the step; without keys it can neither send nor read anything, and needs no database for that."""
    async with connected(keys=keys) as client:
        with temporal_errors(client):
            return await step(client)


async def _with_schedule(step: Callable[[ScheduleHandle], Awaitable[_Found]]) -> _Found:
    async def act(client: Client) -> _Found:
        await describe_schedule(client)  # a missing one is refused by name
        return await step(client.get_schedule_handle(COLLECT_SCHEDULE_ID))

    return await _with_client(act)


def _act(step: Callable[[ScheduleHandle], Awaitable[None]], done: str, *, as_json: bool) -> None:
    asyncio.run(_with_schedule(step))
    if as_json:
        print_json({"schedule_id": COLLECT_SCHEDULE_ID, "outcome": done})
    else:
        say(f"schedule {COLLECT_SCHEDULE_ID} {done}")


async def _refuse_paused(handle: ScheduleHandle, *, yes: bool) -> None:
    state = (await handle.describe()).schedule.state
    if state.paused and not yes:
        raise SchedulePaused(state.note)

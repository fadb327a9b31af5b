"""`ledger event`: exclude, include and weigh single events of an open epoch."""

from __future__ import annotations

from pathlib import Path

import click

from ledger_core.identifiers import check_identifier
from scheduler_worker.cli.arguments import WHOLE, epoch_argument, required_reason_option, wait_option
from scheduler_worker.cli.command_group import CommandGroup
from scheduler_worker.cli.output import json_option
from scheduler_worker.cli.session import action_context
from scheduler_worker.cli.writes import run_write
from scheduler_worker.messages import JudgeEventCommand
from scheduler_worker.workflow_ids import judge_workflow_id
from scheduler_worker.workflows.admin_writes import JudgeEventWorkflow


@click.group(cls=CommandGroup)
def event() -> None:
    """Judge single events of an open epoch."""


@event.command()
@epoch_argument
@click.argument("event_id", metavar="EVENT")
@required_reason_option
@wait_option
@json_option
@click.pass_obj
def exclude(
    config: Path | None, epoch_id: int, event_id: str, reason: str, wait: bool, as_json: bool
) -> None:
    """Let an event not count; it stays visible.

    \b
    Example:
      ledger event exclude 7 git:commit:acme/web:0a1b... --reason "vendored code"
    """
    _judge(config, epoch_id, event_id, reason, included=False, weight=None, wait=wait, as_json=as_json)


@event.command()
@epoch_argument
@click.argument("event_id", metavar="EVENT")
@click.option(
    "--weight", metavar="MILLI_UNITS", type=WHOLE, help="A weight of its own, instead of the policy's."
)
@required_reason_option
@wait_option
@json_option
@click.pass_obj
def include(
    config: Path | None,
    epoch_id: int,
    event_id: str,
    weight: int | None,
    reason: str,
    wait: bool,
    as_json: bool,
) -> None:
    """Let an event count, by the policy's weight or by one of its own.

    \b
    Example:
      ledger event include 7 git:commit:acme/web:0a1b... --weight 8 --reason big
    """
    _judge(config, epoch_id, event_id, reason, included=True, weight=weight, wait=wait, as_json=as_json)


def _judge(
    config: Path | None,
    epoch_id: int,
    event_id: str,
    reason: str,
    *,
    included: bool,
    weight: int | None,
    wait: bool,
    as_json: bool,
) -> None:
    check_identifier("event id", event_id)
    command = JudgeEventCommand(
        epoch_id=epoch_id,
        event_id=event_id,
        included=included,
        weight_override_milli=weight,
        context=action_context(reason=reason),
    )
    how = "counts" if included else "does not count"
    run_write(
        config,
        JudgeEventWorkflow.run,
        command,
        judge_workflow_id,
        wait=wait,
        as_json=as_json,
        done=f"{event_id} now {how} in epoch {epoch_id}",
        unchanged=f"{event_id} {how} in epoch {epoch_id} already",
    )

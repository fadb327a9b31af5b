"""`ledger allocation`: list, set, clear."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from ledger_core.domain.allocation import compute_allocation_set_hash
from ledger_core.identifiers import EpochId, check_identifier
from scheduler_worker.cli.arguments import WHOLE, epoch_argument, required_reason_option, wait_option
from scheduler_worker.cli.command_group import CommandGroup
from scheduler_worker.cli.epoch_views import counting_units
from scheduler_worker.cli.output import json_option, print_json, print_table, say, time_text, units_text
from scheduler_worker.cli.session import action_context, reading
from scheduler_worker.cli.writes import run_write
from scheduler_worker.messages import AdjustAllocationCommand
from scheduler_worker.workflow_ids import adjust_workflow_id
from scheduler_worker.workflows.admin_writes import AdjustAllocationWorkflow


@click.group(cls=CommandGroup)
def allocation() -> None:
    """Who gets how many units of an epoch."""


@allocation.command("list")
@epoch_argument
@json_option
@click.pass_obj
def list_allocations(config: Path | None, epoch_id: int, as_json: bool) -> None:
    """List an epoch's allocations: proposed by policy, set by an admin.

    What amendments set after the close is told below, and counts instead.

    \b
    Example:
      ledger allocation list 7
    """
    with reading(config) as view:
        view.epochs.get(EpochId(epoch_id))
        allocations = view.allocations.list_all(EpochId(epoch_id))
        counts = view.statements.find(EpochId(epoch_id))
    amendment = None if counts is None else counts.amendment
    corrections = () if amendment is None else amendment.corrections
    pinned = compute_allocation_set_hash(counting_units(allocations, counts))
    if as_json:
        rows = [asdict(row) | {"override_at": time_text(row.override_at)} for row in allocations]
        found = {"epoch_id": epoch_id, "allocation_set_hash": pinned, "allocations": rows}
        print_json(found | {"corrections": [asdict(made) for made in corrections]})
        return
    if not allocations and not corrections:
        click.echo(f"nobody has units in epoch {epoch_id} yet")
        return
    print_table(
        ["user", "events", "proposed", "set", "reason"],
        [
            (
                row.user_id,
                row.activity_count,
                units_text(row.proposed_units),
                "-" if row.final_units is None else units_text(row.final_units),
                row.override_reason or "",
            )
            for row in allocations
        ],
        numbers=["events", "proposed", "set"],
    )
    for made in corrections:
        say(f"amended: {made.user_id} {units_text(made.units)} by {made.amended_by}: {made.reason}")
    click.echo(f"allocations {pinned}")


@allocation.command("set")
@epoch_argument
@click.argument("user_id", metavar="USER")
@click.argument("final_units", metavar="MILLI_UNITS", type=WHOLE)
@required_reason_option
@wait_option
@json_option
@click.pass_obj
def set_allocation(
    config: Path | None,
    epoch_id: int,
    user_id: str,
    final_units: int,
    reason: str,
    wait: bool,
    as_json: bool,
) -> None:
    """Set a user's units in an open epoch, instead of what the policy proposes.

    Units are milli-units: 8000 is 8.000 units. 0 is a real 0.

    \b
    Example:
      ledger allocation set 7 ada@example.org 8000 --reason "led the release"
    """
    _adjust(config, epoch_id, user_id, final_units, reason, wait=wait, as_json=as_json)


@allocation.command()
@epoch_argument
@click.argument("user_id", metavar="USER")
@required_reason_option
@wait_option
@json_option
@click.pass_obj
def clear(
    config: Path | None,
    epoch_id: int,
    user_id: str,
    reason: str,
    wait: bool,
    as_json: bool,
) -> None:
    """Take back what was set: the user gets what the policy proposes.

    \b
    Example:
      ledger allocation clear 7 ada@example.org --reason "counted twice"
    """
    _adjust(config, epoch_id, user_id, None, reason, wait=wait, as_json=as_json)


def _adjust(
    config: Path | None,
    epoch_id: int,
    user_id: str,
    final_units: int | None,
    reason: str,
    *,
    wait: bool,
    as_json: bool,
) -> None:
    check_identifier("user id", user_id)
    command = AdjustAllocationCommand(
        epoch_id=epoch_id, user_id=user_id, final_units=final_units, context=action_context(reason=reason)
    )
    what = "proposed units" if final_units is None else f"{units_text(final_units)} units"
    run_write(
        config,
        AdjustAllocationWorkflow.run,
        command,
        adjust_workflow_id,
        wait=wait,
        as_json=as_json,
        done=f"{user_id} now has {what} in epoch {epoch_id}",
        unchanged=f"{user_id} had {what} in epoch {epoch_id} already",
    )

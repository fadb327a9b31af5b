"""`ledger pool`: add, list."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from ledger_core.domain.canonical_json import parse_strict_json
from ledger_core.domain.pool import PoolComponent
from ledger_core.errors import InvalidValue
from ledger_core.identifiers import ComponentId, EpochId
from scheduler_worker.bootstrap import system_clock
from scheduler_worker.cli.arguments import WHOLE, epoch_argument, reason_option, wait_option, yes_option
from scheduler_worker.cli.command_group import CommandGroup
from scheduler_worker.cli.output import json_option, print_json, print_table, time_text
from scheduler_worker.cli.session import action_context, confirm, reading
from scheduler_worker.cli.writes import run_write
from scheduler_worker.messages import RecordPoolCommand
from scheduler_worker.workflow_ids import pool_workflow_id
from scheduler_worker.workflows.admin_writes import RecordPoolComponentWorkflow


@click.group(cls=CommandGroup)
def pool() -> None:
    """The credits that an epoch pays."""


@pool.command()
@epoch_argument
@click.argument("component_id", metavar="COMPONENT")
@click.argument("amount_credits", metavar="CREDITS", type=WHOLE)
@click.option("--algorithm", default="manual-v0", show_default=True, help="How the amount was computed.")
@click.option("--inputs", default="{}", metavar="JSON", help="What it was computed from.")
@click.option("--evidence", metavar="LINK", help="Where that can be looked up.")
@reason_option
@yes_option
@wait_option
@json_option
@click.pass_obj
def add(
    config: Path | None,
    epoch_id: int,
    component_id: str,
    amount_credits: int,
    algorithm: str,
    inputs: str,
    evidence: str | None,
    reason: str | None,
    yes: bool,
    wait: bool,
    as_json: bool,
) -> None:
    """Record a component of an epoch's pool; it can't be changed later.

    Every epoch needs a base_issuance. The same component again is no change.

    \b
    Examples:
      ledger pool add 7 base_issuance 10000
      ledger pool add 7 top_up 500 --evidence https://example.org/42
    """
    context = action_context(reason=reason)
    _check(component_id, algorithm, amount_credits, inputs, evidence)
    confirm(f"Record {component_id} of {amount_credits} credits in epoch {epoch_id} for ever?", yes=yes)
    command = RecordPoolCommand(
        epoch_id=epoch_id,
        component_id=component_id,
        algorithm_version=algorithm,
        amount_credits=amount_credits,
        inputs_json=inputs,
        evidence_ref=evidence,
        context=context,
    )
    run_write(
        config,
        RecordPoolComponentWorkflow.run,
        command,
        pool_workflow_id,
        wait=wait,
        as_json=as_json,
        done=f"{component_id} recorded in epoch {epoch_id}: {amount_credits} credits",
        unchanged=f"{component_id} was recorded in epoch {epoch_id} already",
    )


def _check(component_id: str, algorithm: str, amount_credits: int, inputs: str, evidence: str | None) -> None:
    """Refuse now what the worker would refuse later, before anybody is asked to confirm it."""
    parsed = parse_strict_json(inputs)
    if not isinstance(parsed, dict):
        raise InvalidValue("component inputs", "must be a JSON object")
    PoolComponent(
        component_id=ComponentId(component_id),
        algorithm_version=algorithm,
        amount_credits=amount_credits,
        inputs=parsed,
        evidence_ref=evidence,
        computed_at=system_clock(),
    )


@pool.command("list")
@epoch_argument
@json_option
@click.pass_obj
def list_components(config: Path | None, epoch_id: int, as_json: bool) -> None:
    """List an epoch's components and their sum.

    \b
    Example:
      ledger pool list 7
    """
    with reading(config) as view:
        view.epochs.get(EpochId(epoch_id))
        components = view.pool.list_all(EpochId(epoch_id))
    total = sum(component.amount_credits for component in components)
    if as_json:
        listed = [
            asdict(component) | {"computed_at": time_text(component.computed_at)} for component in components
        ]
        print_json({"epoch_id": epoch_id, "pool_credits": total, "components": listed})
        return
    if not components:
        click.echo(f"epoch {epoch_id} has no pool yet: ledger pool add {epoch_id} base_issuance CREDITS")
        return
    print_table(
        ["component", "credits", "algorithm", "evidence"],
        [
            (part.component_id, part.amount_credits, part.algorithm_version, part.evidence_ref or "-")
            for part in components
        ],
        numbers=["credits"],
    )
    click.echo(f"{total} credits in all")

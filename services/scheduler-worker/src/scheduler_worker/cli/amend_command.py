"""`ledger statement amend`: correct a closed epoch by a statement that supersedes its newest one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ledger_core.domain.amended_statement import NetDifference, amend, net_differences
from ledger_core.domain.statement import PayoutStatement
from ledger_core.errors import InvalidValue, StatementNotFound, UserNotFound
from ledger_core.identifiers import MAX_BIGINT, EpochId, UserId, check_identifier
from ledger_core.ports.ledger import LedgerView
from scheduler_worker.cli.arguments import (
    epoch_argument,
    required_reason_option,
    wait_option,
    yes_option,
)
from scheduler_worker.cli.output import json_option, print_table, say, units_text
from scheduler_worker.cli.session import action_context, confirm, reading
from scheduler_worker.cli.signature_commands import approval_option, print_sign_data, require_option
from scheduler_worker.cli.writes import run_command
from scheduler_worker.messages_of_statements import AmendCommand
from scheduler_worker.workflow_ids import amend_workflow_id
from scheduler_worker.workflows.statement_writes import AmendStatementWorkflow

SHOWN_DIFFERENCES = 40  # on a terminal; the statements have them all


@click.command("amend")
@epoch_argument
@click.argument("changes", metavar="USER=UNITS...", nargs=-1, required=True)
@required_reason_option
@click.option("--sign-data", "sign_only", is_flag=True, help="Print what approvers sign of it, and end.")
@approval_option
@require_option
@yes_option
@wait_option
@json_option
@click.pass_obj
def amend_statement(
    config: Path | None,
    epoch_id: int,
    changes: Sequence[str],
    reason: str,
    sign_only: bool,
    approvals: tuple[str, ...],
    require_approvals: int,
    yes: bool,
    wait: bool,
    as_json: bool,
) -> None:
    """Correct a closed epoch: pay the same pool by other units.

    A new statement supersedes the old one, which stays and still verifies.
    Shows who gets more and who less, asks, and writes what was shown.

    UNITS are milli-units: 8000 is 8.000 units, and 0 is a real 0. USER=clear
    takes an earlier correction back.

    \b
    Examples:
      ledger statement amend 7 ada=8000 --reason "was on the release"
      ledger statement amend 7 ada=9000 bob=clear --reason "minutes 4"
    """
    (set_units, cleared), context = parse_changes(changes), action_context(reason=reason)
    with reading(config) as view:
        current = current_statement(view, EpochId(epoch_id))
        amended = preview(view, current, set_units, cleared, reason=reason, amended_by=context.actor)
    if sign_only:
        print_sign_data(amended, as_json=as_json)
        return
    if not as_json:
        print_differences(net_differences(current, amended))
    confirm(f"Supersede the statement of epoch {epoch_id} for ever?", yes=yes)
    command = AmendCommand(
        epoch_id=epoch_id,
        set_units=set_units,
        cleared=cleared,
        reviewed_statement_hash=current.statement_hash,
        context=context,
        approvals=approvals,
        require_approvals=require_approvals,
    )
    report = run_command(
        config, AmendStatementWorkflow.run, command, amend_workflow_id, wait=wait, as_json=as_json
    )
    if report is not None:
        say(f"the statement of epoch {epoch_id} is amended; {report.superseded_hash} is superseded")
        click.echo(f"statement {report.statement_hash}")


def parse_changes(changes: Sequence[str]) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return what `USER=UNITS` and `USER=clear` say: milli-units by user, and whose correction is taken back.

    Raises: InvalidValue, click.UsageError.
    """
    set_units: dict[str, int] = {}
    cleared = []
    for text in changes:
        user, equals, units = text.rpartition("=")
        if not equals:
            raise click.UsageError("a change is USER=UNITS or USER=clear.")
        check_identifier("user id", user)
        if user in set_units or user in cleared:
            raise InvalidValue("change", "must name each user once")
        if units == "clear":
            cleared.append(user)
        elif re.fullmatch("[0-9]{1,19}", units, re.ASCII) is None or int(units) > MAX_BIGINT:
            raise InvalidValue("units", "must be a whole number of milli-units from 0 to 2^63-1, or `clear`")
        else:
            set_units[user] = int(units)
    return set_units, tuple(cleared)


def preview(
    view: LedgerView,
    current: PayoutStatement,
    set_units: Mapping[str, int],
    cleared: Sequence[str],
    *,
    reason: str,
    amended_by: str,
) -> PayoutStatement:
    """Return the statement that would supersede the current one.

    Raises: UserNotFound, AmendmentChangesNothing, TooManyCorrections, InvalidValue.
    """
    allocations = [row.finalized() for row in view.allocations.list_all(current.epoch_id)]
    for user in sorted(set_units.keys() - {each.user_id for each in allocations}):
        if view.identities.find_user(UserId(user)) is None:
            raise UserNotFound(user)
    head = view.statements.head_hash()
    assert head is not None, "a node with a statement has a newest one"
    return amend(
        current,
        allocations,
        set_units=set_units,
        cleared=cleared,
        reason=reason,
        amended_by=amended_by,
        previous_statement_hash=head,
    )


def current_statement(view: LedgerView, epoch_id: EpochId) -> PayoutStatement:
    """Return the epoch's newest statement.

    Raises: EpochNotFound, StatementNotFound, StatementCorrupt.
    """
    view.epochs.get(epoch_id)
    found = view.statements.find(epoch_id)
    if found is None:
        raise StatementNotFound(epoch_id)
    return found


def print_differences(differences: Sequence[NetDifference]) -> None:
    """Print who gets more and who less, the largest difference first."""
    ranked = sorted(differences, key=lambda found: (-abs(found.credits), found.user_id))
    shown = ranked[:SHOWN_DIFFERENCES]
    print_table(
        ["user", "units", "now", "credits", "now ", "net"],
        [
            (
                found.user_id,
                units_text(found.units_before),
                units_text(found.units_after),
                found.credits_before,
                found.credits_after,
                f"{found.credits:+}" if found.credits else "0",
            )
            for found in shown
        ],
        numbers=["units", "now", "credits", "now ", "net"],
    )
    if len(shown) < len(ranked):
        rest = sum(found.credits for found in ranked[len(shown) :])
        click.echo(f"... and {len(ranked) - len(shown)} more people, net {rest:+} credits")


def difference_json(found: NetDifference) -> dict[str, Any]:
    """Return a difference for machines."""
    return {
        "user_id": found.user_id,
        "units_before": found.units_before,
        "units_after": found.units_after,
        "credits_before": found.credits_before,
        "credits_after": found.credits_after,
        "net_credits": found.credits,
    }

"""`ledger identity merge` and `split`: accounts move from one user to another."""

from __future__ import annotations

from pathlib import Path

import click

from ledger_core.domain.identity import IdentityBinding
from ledger_core.errors import InvalidValue
from ledger_core.identifiers import user_id as checked_user_id
from scheduler_worker.cli.arguments import account_of, required_reason_option, wait_option
from scheduler_worker.cli.identity_views import moved_text
from scheduler_worker.cli.output import json_option, say
from scheduler_worker.cli.session import action_context
from scheduler_worker.cli.writes import run_command
from scheduler_worker.identity_messages import MergeUsersCommand, SplitUserCommand
from scheduler_worker.workflow_ids import move_workflow_id
from scheduler_worker.workflows.admin_writes import MergeUsersWorkflow, SplitUserWorkflow


@click.command()
@click.argument("user_id", metavar="USER")
@click.argument("into", metavar="INTO")
@required_reason_option
@wait_option
@json_option
@click.pass_obj
def merge(config: Path | None, user_id: str, into: str, reason: str, wait: bool, as_json: bool) -> None:
    """Move every account of USER to INTO: they are one person.

    The open epoch's work moves along at once, closed epochs stay as they are.
    Where an admin set units of either in the open epoch it is refused: say
    first what becomes of them. `ledger identity split` moves accounts back.

    \b
    Example:
      ledger identity merge ada-old ada --reason "two mail addresses"
    """
    command = MergeUsersCommand(
        user_id=checked_user_id(user_id), into=checked_user_id(into), context=action_context(reason=reason)
    )
    report = run_command(
        config, MergeUsersWorkflow.run, command, move_workflow_id, wait=wait, as_json=as_json
    )
    if report is not None:
        moved = f"{report.moved} accounts of {user_id} are now {into}'s{moved_text(report)}"
        say(moved if report.moved else f"{user_id} has no account; nothing was changed")


@click.command()
@click.argument("user_id", metavar="USER")
@click.argument("into", metavar="INTO")
@click.option(
    "--account",
    "accounts",
    metavar="PROVIDER:ACCOUNT",
    multiple=True,
    required=True,
    help="What moves; repeat it for more.",
)
@required_reason_option
@wait_option
@json_option
@click.pass_obj
def split(
    config: Path | None,
    user_id: str,
    into: str,
    accounts: tuple[str, ...],
    reason: str,
    wait: bool,
    as_json: bool,
) -> None:
    """Move some accounts of USER to INTO: they are two people.

    INTO is made if need be. All accounts move or none, the open epoch's work
    along with them; closed epochs stay as they are.

    \b
    Example:
      ledger identity split ada ben --account git:ben@example.org --reason oops
    """
    named = [_account(text, checked_user_id(user_id)) for text in accounts]
    command = SplitUserCommand(
        user_id=user_id,
        into=checked_user_id(into),
        providers=tuple(each.provider for each in named),
        external_ids=tuple(each.external_id for each in named),
        context=action_context(reason=reason),
    )
    report = run_command(config, SplitUserWorkflow.run, command, move_workflow_id, wait=wait, as_json=as_json)
    if report is not None:
        say(f"{report.moved} accounts of {user_id} are now {into}'s{moved_text(report)}")


def _account(text: str, user_id: str) -> IdentityBinding:
    """Return the account that `PROVIDER:ACCOUNT` names.

    Raises: InvalidValue.
    """
    provider, colon, account = text.partition(":")
    if not colon:
        raise InvalidValue("account", "must be PROVIDER:ACCOUNT, like git:ada@example.org")
    return IdentityBinding(
        provider=provider, external_id=account_of(provider, account), user_id=checked_user_id(user_id)
    )

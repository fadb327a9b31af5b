"""`ledger identity`: bind, unbind, unresolved; and what other modules bring to it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from ledger_core.domain.identity import IdentityBinding
from ledger_core.identifiers import EpochId, check_identifier, check_name
from ledger_core.identifiers import user_id as checked_user_id
from scheduler_worker.cli.arguments import (
    EPOCH,
    account_of,
    reason_option,
    required_reason_option,
    wait_option,
)
from scheduler_worker.cli.command_group import CommandGroup
from scheduler_worker.cli.identity_files import export, import_file, mailmap
from scheduler_worker.cli.identity_moves import merge, split
from scheduler_worker.cli.identity_views import resolved_text
from scheduler_worker.cli.output import json_option, print_json, print_table, say, time_text
from scheduler_worker.cli.session import action_context, reading
from scheduler_worker.cli.who_command import who
from scheduler_worker.cli.writes import run_command
from scheduler_worker.messages import BindCommand, UnbindCommand
from scheduler_worker.workflow_ids import bind_workflow_id, unbind_workflow_id
from scheduler_worker.workflows.admin_writes import BindIdentitiesWorkflow, UnbindIdentityWorkflow


@click.group(cls=CommandGroup)
def identity() -> None:
    """Whose accounts are whose."""


for _command in (who, merge, split, import_file, export, mailmap):
    identity.add_command(_command)


@identity.command()
@click.argument("provider")
@click.argument("external_id", metavar="ACCOUNT")
@click.argument("user_id", metavar="USER")
@reason_option
@wait_option
@json_option
@click.pass_obj
def bind(
    config: Path | None,
    provider: str,
    external_id: str,
    user_id: str,
    reason: str | None,
    wait: bool,
    as_json: bool,
) -> None:
    """Say that an account belongs to a user; the user is made if need be.

    For git, the account is the author's e-mail address in lower case. Events
    of the open epoch resolve at once, events of closed ones go into the next.

    \b
    Example:
      ledger identity bind git ada@example.org ada
    """
    account = account_of(provider, external_id)
    binding = IdentityBinding(provider=provider, external_id=account, user_id=checked_user_id(user_id))
    command = BindCommand(bindings=(binding,), context=action_context(reason=reason))
    report = run_command(
        config, BindIdentitiesWorkflow.run, command, bind_workflow_id, wait=wait, as_json=as_json
    )
    if report is not None:
        verb = "is now bound" if report.added else "was bound already"
        say(f"{provider} account {account} {verb} to {user_id}{resolved_text(report.curated)}")


@identity.command()
@click.argument("provider")
@click.argument("external_id", metavar="ACCOUNT")
@required_reason_option
@wait_option
@json_option
@click.pass_obj
def unbind(
    config: Path | None, provider: str, external_id: str, reason: str, wait: bool, as_json: bool
) -> None:
    """Take a binding back: the account is nobody's until it is bound again.

    Events of the open epoch are unresolved again; closed epochs stay as they are.

    \b
    Example:
      ledger identity unbind git ada@example.org --reason "somebody else"
    """
    account = account_of(provider, external_id)
    check_name("provider", provider)
    check_identifier("account", account)
    command = UnbindCommand(provider=provider, external_id=account, context=action_context(reason=reason))
    report = run_command(
        config, UnbindIdentityWorkflow.run, command, unbind_workflow_id, wait=wait, as_json=as_json
    )
    if report is not None:
        say(f"{provider} account {account} is no longer {report.user_id}'s")


@identity.command()
@click.option("--epoch", "epoch_id", type=EPOCH, metavar="EPOCH", help="Of one epoch only.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many."
)
@json_option
@click.pass_obj
def unresolved(config: Path | None, epoch_id: int | None, limit: int, as_json: bool) -> None:
    """List accounts that have events but no user, the most events first.

    \b
    Example:
      ledger identity unresolved --epoch 7
    """
    with reading(config) as view:
        if epoch_id is not None:
            view.epochs.get(EpochId(epoch_id))
        chosen = None if epoch_id is None else EpochId(epoch_id)
        found = view.identities.list_unresolved(chosen, limit=limit)
    if as_json:
        print_json(
            [
                asdict(account)
                | {
                    "first_event_time": time_text(account.first_event_time),
                    "last_event_time": time_text(account.last_event_time),
                }
                for account in found
            ]
        )
        return
    if not found:
        click.echo("every account is bound")
        return
    print_table(
        ["provider", "account", "login", "events"],
        [
            (account.provider, account.external_id or "(gone)", account.login or "-", account.events)
            for account in found
        ],
        numbers=["events"],
    )
    if len(found) == limit:
        click.echo(f"the first {limit}; --limit shows more")
    click.echo("next: ledger identity bind PROVIDER ACCOUNT USER, or many from a file by import")

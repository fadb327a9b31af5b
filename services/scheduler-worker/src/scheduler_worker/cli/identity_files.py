"""`ledger identity import`, `export` and `mailmap`: many bindings at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ledger_core.domain.identity import IdentityBinding
from ledger_core.domain.ledger_action import ActionContext
from ledger_core.ports.ledger import LedgerView
from scheduler_worker.cli.arguments import reason_option, required_reason_option, wait_option
from scheduler_worker.cli.binding_files import (
    BindingLine,
    BindingsInvalid,
    bindings_csv,
    check_fits,
    parse_mailmap,
    read_bindings,
    read_text,
)
from scheduler_worker.cli.identity_views import resolved_text
from scheduler_worker.cli.mailmap_hints import MailmapReading, read_hints
from scheduler_worker.cli.output import is_terminal, json_option, print_json, print_table, printable, say
from scheduler_worker.cli.session import action_context, reading
from scheduler_worker.cli.whole_files import whole_file
from scheduler_worker.cli.writes import run_command
from scheduler_worker.identity_messages import ImportBindingsCommand
from scheduler_worker.workflow_ids import import_workflow_id
from scheduler_worker.workflows.admin_writes import ImportBindingsWorkflow

_FILE = click.Path(path_type=Path)


@click.command("import")
@click.argument("file", metavar="FILE", type=_FILE)
@click.option("--dry-run", is_flag=True, help="Check it against the ledger, and write nothing.")
@required_reason_option
@wait_option
@json_option
@click.pass_obj
def import_file(
    config: Path | None, file: Path, dry_run: bool, reason: str, wait: bool, as_json: bool
) -> None:
    """Bind every account of a CSV file, all or none.

    Its first line is provider,account,user_id, as `ledger identity export`
    writes it. What is bound to another user is a conflict: each is named with
    its line, and nothing is written. What is bound as it says is no change.

    \b
    Examples:
      ledger identity import people.csv --dry-run --reason "the team's list"
      ledger identity import people.csv --reason "the team's list"
    """
    context = action_context(reason=reason)
    lines = read_bindings(file)
    with reading(config) as view:
        owners = _owners(view, [each.binding for each in lines])
    conflicts = [
        (each, owner)
        for each in lines
        if (owner := owners.get(each.key)) is not None and owner != each.binding.user_id
    ]
    if conflicts:
        raise BindingsInvalid(file, [_conflict(each, owner) for each, owner in conflicts])
    new = sum(each.key not in owners for each in lines)
    if dry_run:
        counts = {"bindings": len(lines), "new": new, "bound_already": len(lines) - new}
        if as_json:
            print_json({"dry_run": True} | counts)
        else:
            say(f"{new} of {len(lines)} bindings are new, the others there already; nothing was written")
        return
    _bind(config, [each.binding for each in lines], context, wait=wait, as_json=as_json)


@click.command()
@click.option("-o", "--output", type=_FILE, default=None, metavar="FILE", help="Where to.  [default: stdout]")
@json_option
@click.pass_obj
def export(config: Path | None, output: Path | None, as_json: bool) -> None:
    """Write every binding as CSV, for a spreadsheet or `ledger identity import`.

    A terminal is shown a table instead. No cell of the CSV is a formula to a
    spreadsheet; an import undoes what that takes, so that it comes back as it
    was.

    \b
    Examples:
      ledger identity export -o people.csv
      ledger identity export --json
    """
    with reading(config) as view:
        if output is not None:
            with whole_file(output, mode=0o600) as file:
                for line in bindings_csv(view.review.all_bindings()):
                    file.write(line.encode())
        if as_json:
            rows = view.review.all_bindings()
            print_json(
                [
                    {"provider": each.provider, "account": each.external_id, "user_id": each.user_id}
                    for each in rows
                ]
            )
        elif output is not None:
            say(f"{output} written")
        elif is_terminal():
            print_table(
                ["provider", "account", "user"],
                [(each.provider, each.external_id, each.user_id) for each in view.review.all_bindings()],
            )
        else:
            for line in bindings_csv(view.review.all_bindings()):
                click.echo(line, nl=False)


@click.command()
@click.argument("file", metavar="FILE", type=_FILE)
@click.option("--bind", is_flag=True, help="Bind what is suggested, instead of showing it.")
@click.option("--new-users", is_flag=True, help="Who is nobody's yet is called by the proper address.")
@reason_option
@wait_option
@json_option
@click.pass_obj
def mailmap(
    config: Path | None,
    file: Path,
    bind: bool,
    new_users: bool,
    reason: str | None,
    wait: bool,
    as_json: bool,
) -> None:
    """Show whose git addresses are by a mailmap, and bind them if told to.

    Addresses of one person go to the user that one of them is bound to. Where
    they are bound to two, that is a conflict, and nothing is bound. A line for
    one author's name alone is told and left: an account here is an address.

    \b
    Examples:
      ledger identity mailmap .mailmap
      ledger identity mailmap .mailmap --bind --new-users
    """
    context = action_context(reason=f"mailmap {printable(file.name)}"[:200] if reason is None else reason)
    entries, odd = parse_mailmap(read_text(file))
    addresses = sorted({address for each in entries for address in (each.proper, each.alias)})
    with reading(config) as view:
        found = view.identities.find_bindings([("git", address) for address in addresses])
    owners = {each.external_id: each.user_id for each in found}
    hints = read_hints(entries, odd, owners, new_users=new_users)
    if not bind:
        _show(hints, as_json=as_json)
        return
    if hints.conflicts:
        raise BindingsInvalid(file, hints.conflicts)
    bindings = [hint.binding for hint in hints.hints if hint.binding is not None and not hint.is_bound]
    check_fits(file, bindings)
    _bind(config, bindings, context, wait=wait, as_json=as_json)


def _owners(view: LedgerView, bindings: Sequence[IdentityBinding]) -> dict[tuple[str, str], str]:
    found = view.identities.find_bindings([(each.provider, each.external_id) for each in bindings])
    return {(each.provider, each.external_id): each.user_id for each in found}


def _conflict(wanted: BindingLine, owner: str) -> str:
    binding = wanted.binding
    return (
        f"line {wanted.line}: {binding.provider} account {binding.external_id} is {owner}'s,"
        f" and not {binding.user_id}'s"
    )


def _bind(
    config: Path | None,
    bindings: Sequence[IdentityBinding],
    context: ActionContext,
    *,
    wait: bool,
    as_json: bool,
) -> None:
    command = ImportBindingsCommand(
        providers=tuple(each.provider for each in bindings),
        external_ids=tuple(each.external_id for each in bindings),
        user_ids=tuple(each.user_id for each in bindings),
        context=context,
    )
    report = run_command(
        config, ImportBindingsWorkflow.run, command, import_workflow_id, wait=wait, as_json=as_json
    )
    if report is not None:
        say(f"{report.added} of {len(bindings)} bindings are new{resolved_text(report.curated)}")


def _show(reading_: MailmapReading, *, as_json: bool) -> None:
    if as_json:
        print_json(reading_.document())
        return
    if reading_.hints:
        print_table(
            ["line", "account", "user", "state"],
            [(hint.line, hint.account, hint.user_id or "-", hint.state) for hint in reading_.hints],
            numbers=["line"],
        )
    for sentence in (*reading_.conflicts, *reading_.notes):
        say(sentence)
    if reading_.is_bindable:
        say("nothing was written; --bind binds what is suggested")
    elif not reading_.hints:
        say("it says nothing of two addresses of one person")

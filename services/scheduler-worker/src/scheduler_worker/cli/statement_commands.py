"""`ledger statement`: list, show, export, payouts, verify, amend."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from ledger_core.identifiers import EpochId
from ledger_core.ports.ledger import LedgerView
from ledger_core.verification import write_bundle
from ledger_core.verification.bundle_writer import find_version
from scheduler_worker.cli.amend_command import amend_statement
from scheduler_worker.cli.arguments import epoch_argument
from scheduler_worker.cli.chain_views import (
    chain_json,
    print_chain,
    print_versions,
    read_chain,
    read_versions,
    versions_json,
)
from scheduler_worker.cli.command_group import CommandGroup
from scheduler_worker.cli.output import json_option, print_json, printable, say
from scheduler_worker.cli.payout_exports import (
    AMOUNTS,
    check_amounts,
    checked_account,
    read_addresses,
    write_checked,
)
from scheduler_worker.cli.payout_files import (
    check_addresses,
    check_not_paid_again,
    paid_people,
    payout_file,
    superseded,
    tell_paid_back,
    written_json,
)
from scheduler_worker.cli.progress import Progress, Watch
from scheduler_worker.cli.session import reading
from scheduler_worker.cli.signature_commands import add_signature, sign_data, signatures, version_option
from scheduler_worker.cli.verify_command import verify
from scheduler_worker.cli.whole_files import whole_file
from scheduler_worker.exports.differences import Difference
from scheduler_worker.exports.journals import Accounts


@click.group(cls=CommandGroup)
def statement() -> None:
    """Show, export, verify and amend payout statements."""


@statement.command("list")
@json_option
@click.pass_obj
def list_statements(config: Path | None, as_json: bool) -> None:
    """List the chain of statements, the first one first.

    \b
    Example:
      ledger statement list
    """
    with reading(config) as view:
        chain = read_chain(view)
    if as_json:
        print_json(chain_json(chain))
        return
    if not chain:
        click.echo("no statement yet; `ledger epoch finalize EPOCH` makes the first")
        return
    print_chain(chain)


@statement.command()
@epoch_argument
@click.option("--document", is_flag=True, help="Print the very bytes that the statement hash pins.")
@version_option
@json_option
@click.pass_obj
def show(
    config: Path | None, epoch_id: int, document: bool, statement_hash: str | None, as_json: bool
) -> None:
    """Show the statement of a closed epoch; of an amended one the newest.

    \b
    Examples:
      ledger statement show 7
      ledger statement show 7 --document | sha256sum
      ledger statement show 7 --statement "$HASH"
    """
    with reading(config) as view:
        found = read_versions(view, EpochId(epoch_id), statement_hash)
    if document:
        click.echo(found.statement.document(), nl=False)
    elif as_json:
        print_json(versions_json(found))
    else:
        print_versions(found)


@statement.command()
@epoch_argument
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="[default: statement-EPOCH.zip]"
)
@version_option
@json_option
@click.pass_obj
def export(
    config: Path | None, epoch_id: int, output: Path | None, statement_hash: str | None, as_json: bool
) -> None:
    """Write everything behind a statement into one file that anyone can verify.

    The same statement always gives the same bytes.

    \b
    Example:
      ledger statement export 7 -o epoch-7.zip
    """
    path = output or Path(f"statement-{epoch_id}.zip")
    with reading(config) as view:
        view.epochs.get(EpochId(epoch_id))
        pinned = find_version(view, EpochId(epoch_id), statement_hash).statement_hash
        export_bundle(view, EpochId(epoch_id), path, statement_hash=pinned, is_quiet=as_json)
    if as_json:
        print_json({"file": str(path), "statement_hash": pinned})
    else:
        say(f"{path} written; check it with:")
        click.echo(f"  ledger statement verify {printable(shlex.quote(str(path)))} \\")
        click.echo(f"    --expect {pinned}")


def export_bundle(
    view: LedgerView,
    epoch_id: EpochId,
    path: Path,
    *,
    statement_hash: str | None = None,
    is_quiet: bool = False,
) -> None:
    """Write the bundle to path, whole or not at all.

    Raises: StatementNotFound, StatementUnknown, ExportFailed.
    """
    total = view.curation.summary(epoch_id).events
    with Progress(is_quiet=is_quiet) as progress, whole_file(path) as file:
        watch = Watch(progress, "writing")
        write_bundle(
            view,
            epoch_id,
            file,
            statement_hash=statement_hash,
            tell=lambda done: watch.count(done, total=total, what="events"),
        )


@statement.command()
@epoch_argument
@click.option("--format", "kind", type=click.Choice(sorted(AMOUNTS)), required=True, help="What to write.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    required=True,
    metavar="FILE",
    help="Or `-`.",
)
@version_option
@click.option("--net", is_flag=True, help="Only the differences to the statement that it supersedes.")
@click.option(
    "--addresses",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="For payments: the columns user_id and address.",
)
@click.option("--skip-missing", is_flag=True, help="For payments: leave out who has no address.")
@click.option("--commodity", default=Accounts().commodity, show_default=True, callback=checked_account)
@click.option("--spent", default=Accounts().spent, show_default=True, callback=checked_account)
@click.option("--people", default=Accounts().people, show_default=True, callback=checked_account)
@json_option
@click.pass_obj
def payouts(
    config: Path | None,
    epoch_id: int,
    kind: str,
    output: Path,
    statement_hash: str | None,
    net: bool,
    addresses: Path | None,
    skip_missing: bool,
    commodity: str,
    spent: str,
    people: str,
    as_json: bool,
) -> None:
    """Write a closed epoch's payouts for a spreadsheet, a program, a journal or a payment run.

    What is written is read back, and has to pay what the statement does, to the credit. The same statement always gives
    the same bytes. Of an amended epoch, a journal or a payment run takes --net or --statement.

    \b
    Examples:
      ledger statement payouts 7 --format beancount -o 7.beancount
      ledger statement payouts 7 --format payments --addresses a.csv -o -
      ledger statement payouts 7 --net --format hledger -o 7.journal
    """
    if as_json and str(output) == "-":
        raise click.UsageError("`-o -` takes no --json.")
    if (kind == "payments") is not (addresses is not None):
        raise click.UsageError("--format payments and --addresses go together.")
    known = {} if addresses is None else read_addresses(addresses)
    with reading(config) as view:
        view.epochs.get(EpochId(epoch_id))
        found = find_version(view, EpochId(epoch_id), statement_hash)
        changed = Difference(before=superseded(view, found), after=found) if net else None
    check_not_paid_again(found, kind, is_chosen=net or statement_hash is not None)
    accounts = Accounts(spent=spent, people=people, commodity=commodity)
    file = payout_file(found, changed, kind, accounts, known)
    if kind == "payments":
        check_addresses(paid_people(found, changed), known, skip_missing=skip_missing)
        tell_paid_back(changed)
    if str(output) == "-":
        check_amounts(file.data, read=file.read, amounts=file.amounts)
        click.echo(file.data, nl=False)
        return
    write_checked(file.data, output, kind=kind, amounts=file.amounts, read=file.read)
    if as_json:
        print_json({"file": str(output), "format": kind} | written_json(found, changed, file))
    else:
        what = "more than the statement that it supersedes" if net else "as the statement has them"
        say(f"{output} written: {sum(file.amounts)} credits, {what}")


for command in (verify, amend_statement, sign_data, add_signature, signatures):
    statement.add_command(command)

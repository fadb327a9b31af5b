"""`ledger statement`: sign-data, add-signature, signatures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from ledger_core.domain.signature import StatementSignature, signing_text
from ledger_core.domain.statement import PayoutStatement
from ledger_core.identifiers import EpochId
from ledger_core.ports.watcher import Counted
from ledger_core.signature_errors import SignatureInvalid, SigningUnavailable
from ledger_core.verification.bundle_writer import find_version
from ledger_core.verification.signatures_file import signatures_file
from scheduler_worker.bootstrap import preview_close, system_clock
from scheduler_worker.cli.arguments import HASH, epoch_argument, wait_option
from scheduler_worker.cli.output import json_option, print_json, print_table, printable
from scheduler_worker.cli.progress import Progress, Watch
from scheduler_worker.cli.session import action_context, current_policy, open_reader, reading
from scheduler_worker.cli.whole_files import whole_file
from scheduler_worker.cli.writes import run_command
from scheduler_worker.messages_of_statements import SignCommand
from scheduler_worker.signing import recover_signer
from scheduler_worker.workflow_ids import sign_workflow_id
from scheduler_worker.workflows.statement_writes import SignStatementWorkflow

version_option = click.option(
    "--statement",
    "statement_hash",
    metavar="HASH",
    type=HASH,
    help="Not the newest, but this one of the epoch.",
)


class SignatureType(click.ParamType[str]):
    """65 bytes in hexadecimal digits, as wallets print a signature."""

    name = "signature"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it in lower case, with its 0x."""
        if not isinstance(value, str) or re.fullmatch("(?:0x)?[0-9a-fA-F]{130}", value, re.ASCII) is None:
            self.fail("a signature has 65 bytes: 0x and 130 hexadecimal digits.", param, ctx)
        return f"0x{value.lower().removeprefix('0x')}"


SIGNATURE: Final = SignatureType()
approval_option = click.option(
    "--approval",
    "approvals",
    multiple=True,
    metavar="SIGNATURE",
    type=SIGNATURE,
    help="An approver's, of what `sign-data` prints.",
)
require_option = click.option(
    "--require-approvals",
    metavar="N",
    type=click.IntRange(0, 100),
    default=0,
    help="Refuse with fewer; [approvals] may ask for more.",
)


@click.command("sign-data")
@epoch_argument
@version_option
@json_option
@click.pass_obj
def sign_data(config: Path | None, epoch_id: int, statement_hash: str | None, as_json: bool) -> None:
    """Print what an approver signs of a statement (EIP-191, personal_sign).

    Of an open epoch: of the statement that a close now would write. Whatever
    changes until the close makes it another. The text has no end of line
    after its last line.

    \b
    Examples:
      ledger statement sign-data 7
      ledger statement sign-data 7 --json
    """
    with open_reader(config) as reader, reader.read() as view:
        is_open = view.epochs.get(EpochId(epoch_id)).is_open
        if is_open and statement_hash is None:
            found = preview_close(reader, EpochId(epoch_id), at=system_clock())
        else:
            found = find_version(view, EpochId(epoch_id), statement_hash)
    print_sign_data(found, as_json=as_json)
    if is_open and not as_json:
        click.echo("the epoch is open: this is what a close now would write", err=True)


def print_sign_data(statement: PayoutStatement, *, as_json: bool) -> None:
    """Print the text that an approver signs."""
    text = signing_text(statement)
    if as_json:
        print_json({"statement_hash": statement.statement_hash, "text": text})
    else:
        click.echo(text, nl=False)


@click.command("add-signature")
@epoch_argument
@click.argument("signature", type=SIGNATURE)
@version_option
@wait_option
@json_option
@click.pass_obj
def add_signature(
    config: Path | None,
    epoch_id: int,
    signature: str,
    statement_hash: str | None,
    wait: bool,
    as_json: bool,
) -> None:
    """Store an approver's signature of a closed epoch's statement, for ever.

    The worker recovers who signed, and takes nobody but approvers of its
    ledger.toml.

    \b
    Example:
      ledger statement add-signature 7 "$SIGNATURE"
    """
    with reading(config) as view:
        view.epochs.get(EpochId(epoch_id))
        pinned = find_version(view, EpochId(epoch_id), statement_hash).statement_hash
    command = SignCommand(
        epoch_id=epoch_id, statement_hash=pinned, signature=signature, context=action_context()
    )
    report = run_command(
        config, SignStatementWorkflow.run, command, sign_workflow_id, wait=wait, as_json=as_json
    )
    if report is not None:
        verb = "signed" if report.is_new else "had signed already"
        click.echo(f"{_named(config, report.signer)} {verb} {report.statement_hash}")


@click.command("signatures")
@epoch_argument
@version_option
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write them to check elsewhere."
)
@json_option
@click.pass_obj
def signatures(
    config: Path | None, epoch_id: int, statement_hash: str | None, output: Path | None, as_json: bool
) -> None:
    """List who signed a statement, or write the signatures beside its bundle.

    \b
    Examples:
      ledger statement signatures 7
      ledger statement signatures 7 -o epoch-7.signatures.json
    """
    with reading(config) as view:
        view.epochs.get(EpochId(epoch_id))
        found = find_version(view, EpochId(epoch_id), statement_hash)
        stored = view.statements.signatures(found.statement_hash)
    if output is not None:
        with whole_file(output) as file:
            file.write(signatures_file(found, stored).document())
    if as_json:
        states = _states(found, stored, is_quiet=True)
        rows = [
            {"signer": each.signer, "signature": each.signature, "state": state}
            for each, state in zip(stored, states, strict=True)
        ]
        print_json({"statement_hash": found.statement_hash, "signatures": rows})
    elif output is not None:
        click.echo(f"{printable(str(output))} written: {len(stored)} signatures of {found.statement_hash}")
    elif not stored:
        click.echo(f"nobody signed {found.statement_hash}")
    else:
        states = _states(found, stored, is_quiet=False)
        print_table(
            ["approver", "address", "signature"],
            [
                (_name(config, each.signer) or "-", each.signer, state)
                for each, state in zip(stored, states, strict=True)
            ],
            whole=["address"],
        )


def _states(statement: PayoutStatement, stored: Sequence[StatementSignature], *, is_quiet: bool) -> list[str]:
    with Progress(is_quiet=is_quiet) as progress:
        counted = Counted(Watch(progress, "recovering signers of"), total=len(stored), what="signatures")
        return [_state(statement, each) for each in counted.of(stored)]


def _state(statement: PayoutStatement, signed: StatementSignature) -> str:
    """Return whether who is stored as the signer did sign; the database itself can't tell."""
    try:
        recovered = recover_signer(signing_text(statement), signed.signature)
    except SigningUnavailable:
        return "not checked"
    except SignatureInvalid:
        return "FORGED"
    return "valid" if recovered == signed.signer else "FORGED"


def _name(config: Path | None, signer: str) -> str | None:
    return current_policy(config).approvals.name_of(signer)


def _named(config: Path | None, signer: str) -> str:
    name = _name(config, signer)
    return signer if name is None else f"{printable(name)} ({signer})"

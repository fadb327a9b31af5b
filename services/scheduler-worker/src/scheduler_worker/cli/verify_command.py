"""`ledger statement verify`: recompute a statement from its bundle, and recover who signed it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import click

from ledger_core.errors import LedgerError
from ledger_core.ports.watcher import Watcher
from ledger_core.verification import VerificationReport, verify_bundle
from ledger_core.verification.signatures_file import SignaturesFile, find_difference, read_signatures
from scheduler_worker.addresses import ADDRESS, AddressChecksumWrong, checksum_fits
from scheduler_worker.cli.arguments import HASH
from scheduler_worker.cli.output import json_option, print_json, say
from scheduler_worker.cli.progress import Progress, Watch
from scheduler_worker.signing import recover_signer
from scheduler_worker.statement_signatures import SignaturesNotVerified, verify_signatures

_Found = TypeVar("_Found")


class BundleUnreadable(LedgerError):
    """There is no file to verify, or nobody lets us read it."""

    code = "bundle-unreadable"

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(f"{path} can't be read: {error.strerror}")


class NotVerified(LedgerError):
    """The statement does not follow from what is in its bundle."""

    code = "not-verified"

    def __init__(self, difference: str) -> None:
        super().__init__(f"the bundle does not verify: {difference}")


def _addresses(
    _context: click.Context, _parameter: click.Parameter, values: Sequence[str]
) -> tuple[str, ...]:
    for value in values:
        if ADDRESS.fullmatch(value) is None:
            raise click.BadParameter("an address is 0x and 40 hexadecimal digits.")
        if checksum_fits(value) is False:
            raise AddressChecksumWrong(f"--approver {value}")
    return tuple(value.lower() for value in values)


@click.command("verify")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--expect", metavar="HASH", type=HASH, help="The statement hash as it was published.")
@click.option(
    "--signatures",
    "signatures_path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Recover who signed, too.",
)
@click.option(
    "--approver",
    "approvers",
    multiple=True,
    metavar="ADDRESS",
    callback=_addresses,
    help="Whose signature counts; may be repeated.",
)
@click.option(
    "--require-approvals",
    metavar="N",
    type=click.IntRange(0, 100),
    default=0,
    help="How many of them must have signed.",
)
@json_option
def verify(
    file: Path,
    expect: str | None,
    signatures_path: Path | None,
    approvers: Sequence[str],
    require_approvals: int,
    as_json: bool,
) -> None:
    """Recompute a statement from its bundle, without database or network.

    The same check without this program: python -m ledger_core.verification
    FILE. It knows no signatures; here their signers are recovered.

    \b
    Examples:
      ledger statement verify epoch-7.zip --expect "$HASH"
      ledger statement verify 7.zip --signatures 7.json --approver "$ADDRESS"
    """
    if signatures_path is None and (approvers or require_approvals):
        raise click.UsageError("--approver and --require-approvals go with --signatures.")
    if require_approvals and not approvers:
        raise click.UsageError("--require-approvals counts who is named by --approver.")
    with Progress(is_quiet=as_json) as progress:
        watch = Watch(progress, "checking")
        report = _read(file, lambda: verify_bundle(file, expected_hash=expect, watcher=watch))
        signers = None
        if signatures_path is not None:
            found = _read(signatures_path, lambda: read_signatures(signatures_path))
            if report.is_verified:
                watch = Watch(progress, "recovering signers of")
                signers = _signers(found, report, approvers, require_approvals, watch)
    if as_json:
        print_json(report.as_json() | {"signers": None if signers is None else list(signers)})
    else:
        _print_checks(report)
    if report.first_difference is not None:
        raise NotVerified(str(report.first_difference))
    if not as_json:
        for signer in signers or ():
            counts = "" if not approvers or signer in approvers else ", who is none of --approver"
            click.echo(f"signed by {signer}{counts}")
        click.echo(f"verified {report.statement_hash}")


def _read(path: Path, read: Callable[[], _Found]) -> _Found:
    try:
        return read()
    except OSError as error:
        raise BundleUnreadable(path, error) from error


def _print_checks(report: VerificationReport) -> None:
    click.echo(
        f"{report.events} events, {report.allocations} allocations,"
        f" {report.pool_components} pool components, {report.earlier_statements} earlier statements"
    )
    for check in report.checks:
        say(f"{'ok' if check.is_ok else 'WRONG':<5} {check.name}")


def _signers(
    found: SignaturesFile,
    report: VerificationReport,
    approvers: Sequence[str],
    required: int,
    watcher: Watcher,
) -> tuple[str, ...]:
    problem = find_difference(found, report)
    if problem is not None:
        raise SignaturesNotVerified(problem)
    return verify_signatures(
        found,
        recover=recover_signer,
        approvers=frozenset(approvers),
        required=required or min(1, len(approvers)),
        watcher=watcher,
    ).signers

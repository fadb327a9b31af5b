"""`python -m ledger_core.verification FILE`: says whether a bundle's statement follows from its events.

Exit status: 0 verified, 1 a difference was found, 2 the file was refused or cannot be read, or usage.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from typing import Final

from ledger_core.domain.canonical_json import JsonValue
from ledger_core.verification.refusals import BundleRefused
from ledger_core.verification.report import VerificationReport, printable
from ledger_core.verification.signatures_file import find_difference, read_signatures
from ledger_core.verification.verifier import verify_bundle

VERIFIED: Final = 0
NOT_VERIFIED: Final = 1
REFUSED: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify one file, print the report and return the exit status."""
    options = _parser().parse_args(arguments)
    signatures = None
    try:
        report = verify_bundle(options.file, expected_hash=options.expect)
        if options.signatures is not None:
            signatures = read_signatures(options.signatures)
    except BundleRefused as error:
        return _refuse(error.code, str(error), as_json=options.json)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return _refuse("unreadable", f"the file cannot be read: {reason}", as_json=options.json)
    except MemoryError:
        return _refuse("out-of-memory", "the bundle does not fit into memory", as_json=options.json)
    problem = None if signatures is None else find_difference(signatures, report)
    count = 0 if signatures is None else len(signatures.signatures)
    if options.json:
        more: dict[str, JsonValue] = {}
        if signatures is not None:
            more["signatures"] = {"stated": count, "checked": False, "problem": problem}
        _print_json(report.as_json() | more)
    else:
        _print(*_lines(report, only_verdict=options.quiet))
        if signatures is not None:
            _print(_signatures_line(count, problem))
    return VERIFIED if report.is_verified and problem is None else NOT_VERIFIED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ledger_core.verification",
        description="Recompute a payout statement from its bundle, offline.",
        epilog="Exit status: 0 verified, 1 not verified, 2 refused, unreadable or wrong usage.",
    )
    parser.add_argument("file", metavar="FILE", help="a bundle in the format ledger-bundle/1")
    parser.add_argument(
        "--expect", metavar="HASH", type=_statement_hash, help="the statement hash as published elsewhere"
    )
    parser.add_argument(
        "--signatures",
        metavar="FILE",
        help="signatures of it: whether they are of this statement; who made them takes `ledger statement verify`",
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print the report as one JSON object")
    output.add_argument("--quiet", action="store_true", help="print the verdict alone")
    return parser


def _statement_hash(text: str) -> str:
    if re.fullmatch("[0-9a-fA-F]{64}", text) is None:
        raise argparse.ArgumentTypeError("must be 64 hexadecimal digits")
    return text.lower()


def _lines(report: VerificationReport, *, only_verdict: bool) -> list[str]:
    difference = report.first_difference
    verdict = f"verified {report.statement_hash}" if difference is None else f"NOT VERIFIED: {difference}"
    if only_verdict:
        return [verdict]
    counts = (
        f"{report.events} events, {report.allocations} allocations, {report.pool_components} pool components, "
        f"{report.earlier_statements} earlier statements"
    )
    checks = [f"ok    {check}" if check.is_ok else f"WRONG {check}" for check in report.checks]
    return [counts, *checks, verdict]


def _signatures_line(count: int, problem: str | None) -> str:
    if problem is not None:
        return f"WRONG SIGNATURES: {printable(problem)}"
    return (
        f"{count} signatures of this statement, NOT CHECKED here: ledger statement verify --signatures does"
    )


def _refuse(code: str, sentence: str, *, as_json: bool) -> int:
    if as_json:
        _print_json({"verdict": "refused", "code": code, "problem": printable(sentence)})
    else:
        _print(f"NOT VERIFIED: {printable(sentence)} ({code})")
    return REFUSED


def _print_json(value: dict[str, JsonValue]) -> None:
    _print(json.dumps(value, indent=2))


def _print(*lines: str) -> None:
    # Every line is ASCII by now, so that no encoding of the terminal can fail.
    try:
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough; the exit status still says the verdict
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())

"""`python -m ledger_core.explanation user FILE USER` and `... event FILE EVENT`: explanations from a bundle.

The bundle is verified first; a wrong one is not explained. Exit status: 0 explained, 1 not verified, or no
such user or event, 2 the file was refused or cannot be read, or usage.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from shutil import get_terminal_size
from typing import Final

from ledger_core.domain.canonical_json import JsonValue
from ledger_core.errors import LedgerError
from ledger_core.explanation.activity import MAX_SHOWN_EVENTS
from ledger_core.explanation.as_json import explanation_json
from ledger_core.explanation.bundle_facts import verified_bundle
from ledger_core.explanation.explain_user import explain_user
from ledger_core.explanation.trace_event import trace_event
from ledger_core.explanation.trace_lines import trace_lines
from ledger_core.explanation.user_lines import Line, user_lines
from ledger_core.verification.refusals import BundleRefused

EXPLAINED: Final = 0
NOT_EXPLAINED: Final = 1
REFUSED: Final = 2
DEFAULT_LIMIT: Final = 20
NARROWEST: Final = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Explain one user or event of a bundle, and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        with verified_bundle(Path(options.file), expected_hash=options.expect) as facts:
            if options.what == "user":
                user = explain_user(facts, options.user, limit=options.limit)
                value, lines = explanation_json(user), user_lines(user)
            else:
                event = trace_event(facts.trace_facts(options.event))
                value, lines = explanation_json(event), trace_lines(event)
            statement_hash = facts.summary.statement_hash
    except LedgerError as error:
        status = REFUSED if isinstance(error, BundleRefused) else NOT_EXPLAINED
        return _refuse(error.code, str(error), status, as_json=options.json)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return _refuse("unreadable", f"the file cannot be read: {reason}", REFUSED, as_json=options.json)
    except MemoryError:
        return _refuse("out-of-memory", "the bundle does not fit into memory", REFUSED, as_json=options.json)
    if options.json:
        _print(json.dumps({"verified": statement_hash, "explanation": value}, indent=2))
    else:
        _print(f"verified {statement_hash}", *_shown(lines))
    return EXPLAINED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ledger_core.explanation",
        description="Explain a user's amount, or trace an event, from a bundle that is verified first.",
        epilog="Exit status: 0 explained, 1 not verified or not found, 2 refused, unreadable or wrong usage.",
    )
    commands = parser.add_subparsers(dest="what", required=True)
    user = commands.add_parser("user", help="a person's amount, down to the credit")
    user.add_argument("file", metavar="FILE", help="a bundle in the format ledger-bundle/1")
    user.add_argument("user", metavar="USER")
    user.add_argument(
        "--limit", type=_limit, default=DEFAULT_LIMIT, help=f"events of each kind to list [{DEFAULT_LIMIT}]"
    )
    event = commands.add_parser("event", help="what became of an event")
    event.add_argument("file", metavar="FILE", help="a bundle in the format ledger-bundle/1")
    event.add_argument("event", metavar="EVENT")
    for command in (user, event):
        command.add_argument(
            "--expect", metavar="HASH", type=_hash, help="the statement hash as published elsewhere"
        )
        command.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _hash(text: str) -> str:
    if re.fullmatch("[0-9a-fA-F]{64}", text, re.ASCII) is None:
        raise argparse.ArgumentTypeError("must be 64 hexadecimal digits")
    return text.lower()


def _limit(text: str) -> int:
    if re.fullmatch("[0-9]{1,5}", text, re.ASCII) is None or int(text) > MAX_SHOWN_EVENTS:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to {MAX_SHOWN_EVENTS}")
    return int(text)


def _shown(lines: Iterable[Line]) -> Iterable[str]:
    width = max(NARROWEST, get_terminal_size().columns) if sys.stdout.isatty() else None
    for line in lines:
        # A space that is no break keeps its place; every other odd character becomes its escape.
        text = line.text.encode("unicode_escape").decode("ascii")
        if line.is_heading:
            yield ""
        if width is None:
            yield " " * line.indent + text
        else:
            margin = " " * line.indent
            yield from textwrap.wrap(
                text,
                width,
                initial_indent=margin,
                subsequent_indent=margin + "  ",
                drop_whitespace=True,
                break_on_hyphens=False,
            )


def _refuse(code: str, sentence: str, status: int, *, as_json: bool) -> int:
    printed = sentence.encode("unicode_escape").decode("ascii")
    if as_json:
        _print(json.dumps(_refusal(code, printed), indent=2))
    else:
        _print(f"NOT EXPLAINED: {printed} ({code})")
    return status


def _refusal(code: str, sentence: str) -> dict[str, JsonValue]:
    return {"verified": None, "code": code, "problem": sentence}


def _print(*lines: str) -> None:
    # Every line is ASCII by now, so that no encoding of the terminal can fail.
    try:
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough; the exit status still says what happened
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())

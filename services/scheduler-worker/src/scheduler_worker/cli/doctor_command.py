"""`ledger doctor`: check that everything stored is coherent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from ledger_core.domain.finding import CHECKS, Finding
from scheduler_worker.bootstrap import check_ledger
from scheduler_worker.cli.exits import Exit
from scheduler_worker.cli.output import json_option, print_json, say
from scheduler_worker.cli.progress import Progress, Watch
from scheduler_worker.cli.session import open_reader

SHOWN_FINDINGS: Final = 5  # of a check; --json has them all


@click.command()
@json_option
@click.pass_obj
def doctor(config: Path | None, as_json: bool) -> Exit:
    """Check that everything stored is coherent; exit status 3 if it is not.

    It reads everything and writes nothing: statements, payouts and hashes are
    recomputed, and the database's own guards are looked up. A doubt is what
    only the source can tell, and is not counted as wrong.

    \b
    Examples:
      ledger doctor
      ledger doctor --json
    """
    with open_reader(config) as reader, Progress() as progress:
        findings = check_ledger(reader, tell=Watch(progress, "checking").tell)
    is_coherent = all(finding.is_doubt for finding in findings)
    if as_json:
        print_json(_as_json(findings, is_coherent=is_coherent))
    else:
        _print(findings, is_coherent=is_coherent)
    return Exit.DONE if is_coherent else Exit.INCOMPLETE


def _print(findings: Sequence[Finding], *, is_coherent: bool) -> None:
    for check, holds in CHECKS.items():
        found = [finding for finding in findings if finding.check == check]
        state = "ok" if not found else "doubt" if all(finding.is_doubt for finding in found) else "WRONG"
        say(f"{state:<5} {check}" + (f": {holds}" if not found else ""))
        for finding in found[:SHOWN_FINDINGS]:
            say(f"      {finding.subject}: expected {finding.expected}, found {finding.found}")
        if len(found) > SHOWN_FINDINGS:
            say(f"      and {len(found) - SHOWN_FINDINGS} more; --json lists them")
    checks = {finding.check for finding in findings if not finding.is_doubt}
    say("everything stored is coherent" if is_coherent else f"not coherent: {', '.join(sorted(checks))}")


def _as_json(findings: Sequence[Finding], *, is_coherent: bool) -> dict[str, object]:
    return {
        "coherent": is_coherent,
        "checks": [
            {
                "name": check,
                "ok": all(finding.is_doubt for finding in findings if finding.check == check),
                "findings": [
                    {
                        "subject": finding.subject,
                        "expected": finding.expected,
                        "found": finding.found,
                        "doubt": finding.is_doubt,
                    }
                    for finding in findings
                    if finding.check == check
                ],
            }
            for check in CHECKS
        ],
    }

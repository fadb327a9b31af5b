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
from scheduler_worker.cli.session import current_policy, open_reader
from scheduler_worker.signing import recover_signer

SHOWN_FINDINGS: Final = 5  # of a check; --json has them all


@click.command()
@json_option
@click.pass_obj
def doctor(config: Path | None, as_json: bool) -> Exit:
    """Check that everything stored is coherent; exit status 3 if it is not.

    It reads everything and writes nothing: statements, payouts and hashes are
    recomputed, each signature's signer is recovered, and the database's own
    guards are looked up. A doubt is what nothing stored can settle, and is not
    counted as wrong.

    \b
    Examples:
      ledger doctor
      ledger doctor --json
    """
    approvals = current_policy(config).approvals.with_recovery(recover_signer)
    with open_reader(config) as reader, Progress(is_quiet=as_json) as progress:
        findings = check_ledger(reader, approvals=approvals, watcher=Watch(progress, "checking"))
    is_coherent = all(finding.is_doubt for finding in findings)
    if as_json:
        print_json(_as_json(findings, is_coherent=is_coherent))
    else:
        _print(findings)
    return Exit.DONE if is_coherent else Exit.INCOMPLETE


def _print(findings: Sequence[Finding]) -> None:
    for check, holds in CHECKS.items():
        found = [finding for finding in findings if finding.check == check]
        state = _state(found)
        say(f"{state:<5} {check}" + (f": {holds}" if not found else ""))
        for finding in found[:SHOWN_FINDINGS]:
            say(f"      {finding.subject}: expected {finding.expected}, found {finding.found}")
        if len(found) > SHOWN_FINDINGS:
            say(f"      and {len(found) - SHOWN_FINDINGS} more; --json lists them")
    checks = {finding.check for finding in findings if not finding.is_doubt}
    unchecked = sorted({finding.check for finding in findings if finding.is_unchecked})
    if unchecked:
        say(f"not checked: {', '.join(unchecked)}")
    if checks:
        say(f"not coherent: {', '.join(sorted(checks))}")
    else:
        say("everything that was checked is coherent" if unchecked else "everything stored is coherent")


def _state(found: Sequence[Finding]) -> str:
    if any(not finding.is_doubt for finding in found):
        return "WRONG"
    if any(finding.is_unchecked for finding in found):
        return "-"
    return "doubt" if found else "ok"


def _as_json(findings: Sequence[Finding], *, is_coherent: bool) -> dict[str, object]:
    return {
        "coherent": is_coherent,
        "checks": [
            {
                "name": check,
                "checked": not any(finding.is_unchecked for finding in findings if finding.check == check),
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

"""`ledger source validate`: look at a file of hand-recorded work before it is collected."""

from __future__ import annotations

from pathlib import Path

import click

from scheduler_worker.cli.exits import Exit
from scheduler_worker.cli.output import json_option, print_json, say
from scheduler_worker.cli.progress import Progress, Watch
from scheduler_worker.sources.jsonl.lines import MAX_FILE_LINES
from scheduler_worker.sources.jsonl.validation import DEFAULT_TOLD, FileReport, validate_file


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_FILE_LINES),
    default=DEFAULT_TOLD,
    show_default=True,
    help="How many bad lines to tell; all are counted.",
)
@json_option
def validate(file: Path, limit: int, as_json: bool) -> Exit:
    """Tell every line of hand-recorded work that a collection would refuse.

    FILE has a JSON object a line, as docs/sources-jsonl.md says. Exit status 1 if a line is bad.

    \b
    Examples:
      ledger source validate work.jsonl
      ledger source validate work.jsonl --limit 1000 --json
    """
    with Progress(is_quiet=as_json) as progress:
        report = validate_file(file, limit=limit, watcher=Watch(progress, "looking at"))
    if as_json:
        print_json(_as_json(file, report))
    else:
        _print(file, report)
    return Exit.DONE if report.is_valid else Exit.REFUSED


def _print(file: Path, report: FileReport) -> None:
    for bad in report.bad_lines:
        say(f"line {bad.line}: {bad.code}: {bad.problem}")
    if report.bad > len(report.bad_lines):
        say(f"told the first {report.limit} of {report.bad} bad lines; --limit tells more")
    say(f"{file}: {report.lines} lines, {report.records} records, {report.bad} bad lines")


def _as_json(file: Path, report: FileReport) -> dict[str, object]:
    return {
        "file": str(file),
        "valid": report.is_valid,
        "lines": report.lines,
        "records": report.records,
        "bad": report.bad,
        "limit": report.limit,
        "bad_lines": [
            {"line": bad.line, "code": bad.code, "problem": bad.problem} for bad in report.bad_lines
        ],
    }

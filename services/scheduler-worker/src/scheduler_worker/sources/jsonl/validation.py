"""Looking at a file before anything is collected: every bad line, told up to a limit and counted beyond it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from attrs import frozen

from ledger_core.ports.watcher import Watcher
from scheduler_worker.sources.jsonl.lines import opened_file
from scheduler_worker.sources.jsonl.records import LineReader
from scheduler_worker.sources.jsonl.refusals import JsonlLineRefused

DEFAULT_TOLD: Final = 100
_ANY_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)  # the events are thrown away


@frozen(kw_only=True)
class BadLine:
    """A line that would stop the collection, by number from 1."""

    line: int
    code: str
    problem: str


@frozen(kw_only=True)
class FileReport:
    """What a file holds; `bad_lines` are the first `limit` of `bad`, in order."""

    lines: int
    records: int
    bad: int
    limit: int
    bad_lines: tuple[BadLine, ...]

    @property
    def is_valid(self) -> bool:
        """Say whether a collection would take every line."""
        return self.bad == 0


def validate_file(path: Path, *, limit: int = DEFAULT_TOLD, watcher: Watcher) -> FileReport:
    """Read every line as the collection would, and go on after a bad one.

    Raises: JsonlFileUnreadable, JsonlFileTooLarge, SourceUnavailable.
    """
    reader = LineReader(name="validated", where=path.name)
    told: list[BadLine] = []
    lines = records = bad = 0
    with opened_file(path, where=str(path)) as file:
        for line in file.lines():
            lines = line.number
            watcher.count(lines, total=None, what="lines")
            try:
                records += reader.event(line, retrieved_at=_ANY_TIME) is not None
            except JsonlLineRefused as error:
                bad += 1
                if len(told) < limit:
                    told.append(BadLine(line=line.number, code=error.code, problem=error.problem))
    return FileReport(lines=lines, records=records, bad=bad, limit=limit, bad_lines=tuple(told))

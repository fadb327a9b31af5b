"""The jsonl source: work that people wrote down, one record a line."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.instant import check_instant
from ledger_core.errors import InvalidValue, SourceUnavailable
from ledger_core.identifiers import StreamRef, check_identifier
from ledger_core.ports.activity_source import ActivityPage
from scheduler_worker.sources.jsonl.cursor import JsonlCursor, cursor_text, parse_cursor
from scheduler_worker.sources.jsonl.lines import FileLine, JsonlFile, opened_file
from scheduler_worker.sources.jsonl.records import MAX_NAME_CHARACTERS, SOURCE, LineReader
from scheduler_worker.sources.jsonl.refusals import JsonlLineRefused

STREAM: Final = "records"
PAGE_LINES: Final = 1_000
PAGE_BYTES: Final = 8_388_608  # a page ends early where lines are long
FILE_CHANGED: Final = (
    "file-changed"  # lines that were collected are others now, or gone; all of it is read again
)


class JsonlSource:
    """The records of one file; an ActivitySource.

    The cursor has the hash of everything that it stands after. While that part is as it was, what follows is new.
    Once it is not, all of the file comes again: the store knows what is the same, keeps what it saw first, and counts
    what is otherwise as a conflict.
    """

    def __init__(
        self,
        *,
        name: str,
        path: Path,
        clock: Callable[[], datetime],
        page_lines: int = PAGE_LINES,
    ) -> None:
        """Name a file; nothing is read yet. `name` is the source_ref for ever, wherever the file lies.

        Raises: InvalidValue.
        """
        check_source_name(name)
        if page_lines < 1:
            raise InvalidValue("jsonl page size", "must be 1 line or more")
        self._stream = StreamRef(source=SOURCE, source_ref=name, stream=STREAM)
        self._path = path
        self._clock = clock
        self._page_lines = page_lines

    def streams(self) -> tuple[StreamRef, ...]:
        """Return the one stream: the file's records."""
        return (self._stream,)

    def pages(self, stream: StreamRef, cursor: str | None, *, until: datetime) -> Iterator[ActivityPage]:
        """Yield the records after the cursor, or all of them where the file was changed before it.

        Holds:  every line up to a bad one is yielded; a bad one ends the reading with its number. The whole file is
                looked at each time that it has anything new, so that an id is never used twice.
        Raises: InvalidValue for a foreign stream; JsonlCursorInvalid, JsonlFileUnreadable, JsonlFileTooLarge,
                JsonlLineRefused; SourceUnavailable.
        """
        check_instant("until", until)
        if stream != self._stream:
            raise InvalidValue("stream", "is not served by this source")
        stands = None if cursor is None else parse_cursor(cursor)
        with opened_file(self._path, where=stream.source_ref) as file:
            if stands is None:
                yield from self._read(file, _Reached())
            elif file.hash_of_first(stands.size_bytes) != stands.sha256:
                yield from self._read(file, _Reached(), changed=True)
            elif file.size_bytes > stands.size_bytes:
                yield from self._read(file, _Reached(stands))

    def _read(self, file: JsonlFile, reached: _Reached, *, changed: bool = False) -> Iterator[ActivityPage]:
        reader = LineReader(name=self._stream.source_ref, where=self._stream.source_ref)
        page = _PageBeingRead(retrieved_at=self._clock(), changed=changed)
        refused: JsonlLineRefused | None = None
        for line in file.lines():
            if page.lines == self._page_lines or page.size_bytes >= PAGE_BYTES:
                yield page.finished(reached.cursor())
                page = _PageBeingRead(retrieved_at=self._clock())
            try:
                event = reader.event(line, retrieved_at=page.retrieved_at)
            except JsonlLineRefused as error:
                refused = error
                break
            if reached.take(line):
                page.add(line, event)
        if page.lines or page.is_first_after_change:
            yield page.finished(reached.cursor())
        if refused is not None:
            raise refused


class _Reached:
    """How far the reading is, with the hash of all up to there; it starts to tell after a cursor."""

    def __init__(self, after: JsonlCursor | None = None) -> None:
        self._after = after
        self._hash = hashlib.sha256()
        self._size_bytes = 0
        self._lines = 0

    def take(self, line: FileLine) -> bool:
        """Go on to the line's end, and say whether the line, or its end, is new.

        Raises: SourceUnavailable where the part that was collected is no longer what it was a moment ago.
        """
        data = line.data
        after = self._after
        if after is not None and self._size_bytes < after.size_bytes <= line.ends:
            old = after.size_bytes - self._size_bytes
            self._hash.update(data[:old])
            if self._hash.hexdigest() != after.sha256:
                raise SourceUnavailable(SOURCE, "the file was changed while it was read")
            data = data[old:]
        self._hash.update(data)
        self._size_bytes, self._lines = line.ends, line.number
        return after is None or line.ends > after.size_bytes

    def cursor(self) -> str:
        """Return the cursor that stands here."""
        return cursor_text(
            JsonlCursor(size_bytes=self._size_bytes, lines=self._lines, sha256=self._hash.hexdigest())
        )


class _PageBeingRead:
    """The part of a page that was read so far."""

    def __init__(self, *, retrieved_at: datetime, changed: bool = False) -> None:
        self.retrieved_at = retrieved_at
        self.is_first_after_change = changed
        self._events: list[ActivityEvent] = []
        self.lines = 0
        self.size_bytes = 0

    def add(self, line: FileLine, event: ActivityEvent | None) -> None:
        self.lines += 1
        self.size_bytes += len(line.data)
        if event is not None:
            self._events.append(event)

    def finished(self, cursor: str) -> ActivityPage:
        return ActivityPage(
            events=tuple(self._events),
            cursor=cursor,
            retrieved_at=self.retrieved_at,
            skipped={FILE_CHANGED: 1} if self.is_first_after_change else {},
        )


def check_source_name(name: str) -> None:
    """Refuse what is no name of a jsonl source: an identifier of at most 100 characters without a colon.

    The colon ends it in event ids; with one in it, the ids of two files could be the same.

    Raises: InvalidValue.
    """
    check_identifier("jsonl source name", name)
    if len(name) > MAX_NAME_CHARACTERS or ":" in name:
        raise InvalidValue(
            "jsonl source name", f"must have at most {MAX_NAME_CHARACTERS} characters, and no colon"
        )

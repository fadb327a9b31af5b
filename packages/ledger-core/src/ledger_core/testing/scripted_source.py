"""An activity source that yields what a test wrote down, and fails where the test says."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from ledger_core.errors import InvalidValue
from ledger_core.identifiers import StreamRef
from ledger_core.ports.activity_source import ActivityPage


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCall:
    """One call of `pages`, as the source saw it."""

    stream: StreamRef
    cursor: str | None
    until: datetime


class ScriptedSource:
    """A source of scripted pages, stream by stream; each page brings its own cursor.

    Holds: a call yields the pages after the one whose cursor it was given, all of them whatever `until`
           says, as the port allows. Pages added later are seen by later calls: activity goes on.
    """

    def __init__(
        self, script: Mapping[StreamRef, Iterable[ActivityPage]], *, certified: Collection[StreamRef] = ()
    ) -> None:
        self._script = {stream: tuple(pages) for stream, pages in script.items()}
        self._certified = frozenset(certified)
        self._failures: dict[tuple[StreamRef, int], list[Exception]] = {}
        self.calls: list[SourceCall] = []

    def add_pages(self, stream: StreamRef, *pages: ActivityPage) -> None:
        """Let more activity happen in a stream."""
        self._script[stream] = (*self._script[stream], *pages)

    def fail(self, stream: StreamRef, *, page: int, error: Exception, times: int = 1) -> None:
        """Raise error instead of yielding the stream's page number `page`, from 0, the next `times` times."""
        self._failures.setdefault((stream, page), []).extend([error] * times)

    def streams(self) -> tuple[StreamRef, ...]:
        """Return the scripted streams in the order of the script."""
        return tuple(self._script)

    def certifies(self, stream: StreamRef) -> bool:
        """Say whether each reading of the stream is to end with a certificate."""
        return stream in self._certified

    def pages(self, stream: StreamRef, cursor: str | None, *, until: datetime) -> Iterator[ActivityPage]:
        """Yield what the script holds after cursor.

        Raises: the scripted failures; InvalidValue for a cursor that the script never gave.
        """
        self.calls.append(SourceCall(stream=stream, cursor=cursor, until=until))
        script = self._script[stream]
        for number in range(_first_page(script, cursor), len(script)):
            failures = self._failures.get((stream, number))
            if failures:
                raise failures.pop(0)
            yield script[number]


def _first_page(script: tuple[ActivityPage, ...], cursor: str | None) -> int:
    if cursor is None:
        return 0
    for number, page in enumerate(script):
        if page.cursor == cursor:
            return number + 1
    raise InvalidValue("cursor", "is none that this source gave")

"""A directory of streams that lists what a test wrote down, or fails once first."""

from __future__ import annotations

from collections.abc import Iterable

from ledger_core import StreamRef
from ledger_core.ports.activity_source import ActivitySource


class ScriptedDirectory:
    """Lists the same streams each time; `source` serves them all, or nobody does."""

    def __init__(
        self,
        streams: Iterable[StreamRef] = (),
        *,
        source: ActivitySource | None = None,
        error: Exception | None = None,
    ) -> None:
        self._streams = tuple(streams)
        self._source = source
        self._errors = [] if error is None else [error]

    def list_streams(self) -> tuple[StreamRef, ...]:
        if self._errors:
            raise self._errors.pop()
        return self._streams

    def find_source(self, stream: StreamRef) -> ActivitySource | None:
        return self._source if stream in self._streams else None


def repositories(count: int, *, stream: str = "issues") -> tuple[StreamRef, ...]:
    """Return so many repositories' streams."""
    return tuple(
        StreamRef(source="github", source_ref=f"acme-labs/{number:04d}", stream=stream)
        for number in range(count)
    )


def directory_ref(name: str) -> StreamRef:
    """Return how a report names a directory."""
    return StreamRef(source="github", source_ref=f"{name}/*", stream="repositories")

"""Which source of a worker serves a stream: one that is named, or one of a directory's."""

from __future__ import annotations

from collections.abc import Mapping

from ledger_core.errors import LedgerError
from ledger_core.identifiers import StreamRef
from ledger_core.ports.activity_source import ActivitySource, SourceDirectory


class StreamNotConfigured(LedgerError):
    """This worker's ledger.toml names no such source."""

    code = "stream-not-configured"

    def __init__(self, stream: StreamRef) -> None:
        super().__init__(f"this worker's ledger.toml has no source for {stream}")
        self.stream = stream


def find_source(
    stream: StreamRef,
    sources: Mapping[StreamRef, ActivitySource],
    directories: Mapping[StreamRef, SourceDirectory],
) -> ActivitySource | None:
    """Return the source that serves the stream, asking nobody; None if none does."""
    named = sources.get(stream)
    if named is not None:
        return named
    for directory in directories.values():
        listed = directory.find_source(stream)
        if listed is not None:
            return listed
    return None

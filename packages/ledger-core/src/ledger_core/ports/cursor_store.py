"""Cursors: where a stream stopped (CURSOR_STATE_PERSISTED)."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from ledger_core.identifiers import StreamRef


class CursorReader(Protocol):
    """Cursors to read."""

    def find(self, stream: StreamRef) -> str | None:
        """Return the stream's cursor; None when nothing was collected yet."""


class CursorStore(CursorReader, Protocol):
    """Cursors to write."""

    def advance(
        self, stream: StreamRef, *, expected: str | None, cursor: str, retrieved_at: datetime
    ) -> None:
        """Move the cursor from where the caller saw it.

        Raises: CursorMoved when it no longer stands at `expected`.
        """

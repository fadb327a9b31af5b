"""Store one page of a source: its events and its cursor, together or not at all."""

from __future__ import annotations

from ledger_core.identifiers import StreamRef
from ledger_core.ports.activity_source import ActivityPage
from ledger_core.ports.activity_store import StoredEvents
from ledger_core.ports.ledger import Ledger


def store_page(
    ledger: Ledger, stream: StreamRef, page: ActivityPage, *, expected_cursor: str | None
) -> StoredEvents:
    """Insert the page's events and move the cursor, in one transaction (CURSOR_STATE_PERSISTED).

    Holds:  a cursor never points past events that are not stored.
    Raises: CursorMoved when another collection moved it meanwhile; nothing is written then.
    """
    with ledger.begin() as transaction:
        transaction.cursors.advance(
            stream, expected=expected_cursor, cursor=page.cursor, retrieved_at=page.retrieved_at
        )
        return transaction.activity.store(page.events)


def find_cursor(ledger: Ledger, stream: StreamRef) -> str | None:
    """Return where the stream stopped; None when nothing was collected yet."""
    with ledger.read() as view:
        return view.cursors.find(stream)

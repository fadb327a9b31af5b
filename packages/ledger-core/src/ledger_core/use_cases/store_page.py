"""Store one page of a source: its events and its cursor, together or not at all."""

from __future__ import annotations

from datetime import datetime

from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.stream_reading import StreamReading
from ledger_core.identifiers import StreamRef
from ledger_core.ports.activity_source import ActivityPage
from ledger_core.ports.activity_store import StoredEvents
from ledger_core.ports.ledger import Ledger


def store_page(
    ledger: Ledger,
    stream: StreamRef,
    page: ActivityPage,
    *,
    expected_cursor: str | None,
    window: EpochWindow | None = None,
    begun_at: datetime | None = None,
) -> StoredEvents:
    """Insert the page's events and move the cursor, in one transaction (CURSOR_STATE_PERSISTED).

    Holds:  a cursor never points past events that are not stored. The certificate of a reading that a
            window's collection made is kept with the window in the same transaction, unless its epoch is
            closed: what that stands on is settled. It covers the window up to begun_at, when its reading began:
            what happened while it was read may be behind it.
    Raises: CursorMoved when another collection moved it meanwhile; nothing is written then.
    """
    with ledger.begin() as transaction:
        if page.certificate is not None and window is not None:
            reading = StreamReading(
                stream=stream,
                window=window,
                certificate=page.certificate,
                retrieved_at=page.retrieved_at if begun_at is None else min(begun_at, page.retrieved_at),
            )
            transaction.completeness.record(reading)  # first, as it takes the epoch's lock
        transaction.cursors.advance(
            stream, expected=expected_cursor, cursor=page.cursor, retrieved_at=page.retrieved_at
        )
        return transaction.activity.store(page.events)


def find_cursor(ledger: Ledger, stream: StreamRef) -> str | None:
    """Return where the stream stopped; None when nothing was collected yet."""
    with ledger.read() as view:
        return view.cursors.find(stream)

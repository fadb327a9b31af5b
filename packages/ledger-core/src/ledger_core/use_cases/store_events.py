"""Store events that were asked for one by one, beside the readings of their stream."""

from __future__ import annotations

from collections.abc import Sequence

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.ports.activity_store import StoredEvents
from ledger_core.ports.ledger import Ledger


def store_events(ledger: Ledger, events: Sequence[ActivityEvent]) -> StoredEvents:
    """Insert what is new, in one transaction (ACTIVITY_IDEMPOTENT).

    Holds:  DELIVERY_IS_A_HINT: no cursor moves (CURSOR_STATE_PERSISTED): a reading of the stream passes over nothing because of it, and
            meets the same events as duplicates.
    """
    with ledger.begin() as transaction:
        return transaction.activity.store(events)

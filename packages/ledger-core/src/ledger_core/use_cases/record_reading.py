"""Keep with a window why a collection of it could not read a stream to its end."""

from __future__ import annotations

from ledger_core.domain.stream_reading import StreamReading
from ledger_core.ports.ledger import Ledger


def record_reading(ledger: Ledger, reading: StreamReading) -> bool:
    """Append the reading; return False if the newest one says the same, or the window's epoch is closed.

    Holds: a stream where nothing happens, or that fails at every try for days, leaves one row.
    """
    with ledger.begin() as transaction:
        return transaction.completeness.record(reading)

"""Keep with a window why a collection of it could not read a stream to its end."""

from __future__ import annotations

from datetime import datetime

from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.stream_reading import READING_NOT_ENDED, StreamReading
from ledger_core.identifiers import StreamRef
from ledger_core.ports.clock import Clock
from ledger_core.ports.ledger import Ledger


def record_reading(ledger: Ledger, reading: StreamReading) -> bool:
    """Append the reading; return False if the newest one says the same, or the window's epoch is closed.

    Holds: a stream where nothing happens, or that fails at every try for days, leaves one row.
    """
    with ledger.begin() as transaction:
        return transaction.completeness.record(reading)


def begin_reading(ledger: Ledger, stream: StreamRef, window: EpochWindow, *, clock: Clock) -> datetime:
    """Note that a reading of the window begins, if there was none yet; return when.

    Holds: a stream whose very first reading never ends, because its worker died, is no stream without a gap.
    """
    at = clock()
    with ledger.begin() as transaction:
        if transaction.completeness.find_newest(window, stream) is None:
            begun = StreamReading(stream=stream, window=window, retrieved_at=at, problem=READING_NOT_ENDED)
            transaction.completeness.record(begun)
    return at

"""What each collection read of each stream, counted twice, and which gaps admins waived."""

from __future__ import annotations

from typing import Protocol

from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.stream_reading import GapWaiver, SkippedActivity, StreamReading
from ledger_core.identifiers import EpochId, StreamRef


class CompletenessReader(Protocol):
    """Readings and waivers, to read."""

    def newest_readings(self, window: EpochWindow) -> tuple[StreamReading, ...]:
        """Return the newest reading that the window's collections made of each stream, in order of the streams."""

    def find_newest(self, window: EpochWindow, stream: StreamRef) -> StreamReading | None:
        """Return the newest reading of one stream."""

    def waivers(self, epoch_id: EpochId) -> tuple[GapWaiver, ...]:
        """Return the epoch's waivers, the oldest first."""

    def skipped(self, window: EpochWindow) -> tuple[SkippedActivity, ...]:
        """Return what the window's readings took for no event, a stream each that was read, in order."""


class CompletenessStore(CompletenessReader, Protocol):
    """Readings and waivers, to write; nothing of them is ever changed (READINGS_APPEND_ONLY)."""

    def record(self, reading: StreamReading) -> bool:
        """Append a reading; return False, and write nothing, if the window's epoch is closed or it says nothing new.

        Holds: no close of that epoch goes on beside it: it waits for this transaction's end. Of two that say
               the same at once, one is kept.
        """

    def waive(self, epoch_id: EpochId, waiver: GapWaiver) -> None:
        """Append a waiver for the window of a locked, open epoch.

        Raises: EpochClosed.
        """

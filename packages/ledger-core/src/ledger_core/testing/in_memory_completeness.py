"""Readings of streams and waivers of their gaps, in memory."""

from __future__ import annotations

from collections import Counter

from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.stream_reading import GapWaiver, SkippedActivity, StreamReading
from ledger_core.errors import LedgerRuleBroken
from ledger_core.identifiers import EpochId, StreamRef
from ledger_core.testing.in_memory_state import Scope


class InMemoryCompletenessReader:
    """Readings and waivers, to read."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def newest_readings(self, window: EpochWindow) -> tuple[StreamReading, ...]:
        """Return the window's newest reading of each stream, in order."""
        newest = {
            reading.stream: reading for reading in self._scope.state.readings if reading.window == window
        }
        return tuple(newest[stream] for stream in sorted(newest))

    def find_newest(self, window: EpochWindow, stream: StreamRef) -> StreamReading | None:
        """Return the window's newest reading of a stream."""
        return next((found for found in self.newest_readings(window) if found.stream == stream), None)

    def waivers(self, epoch_id: EpochId) -> tuple[GapWaiver, ...]:
        """Return the epoch's waivers, the oldest first."""
        return tuple(waiver for owner, waiver in self._scope.state.waivers if owner == epoch_id)

    def skipped(self, window: EpochWindow) -> tuple[SkippedActivity, ...]:
        """Return what the window's readings took for no event."""
        readings: Counter[StreamRef] = Counter()
        reasons: dict[StreamRef, Counter[str]] = {}
        actors: dict[StreamRef, Counter[str]] = {}
        for reading in self._scope.state.readings:
            if reading.window == window:
                readings[reading.stream] += 1
                by_reason = reasons.setdefault(reading.stream, Counter())
                by_actor = actors.setdefault(reading.stream, Counter())
                if reading.certificate is not None:
                    by_reason.update(reading.certificate.skipped)
                    by_actor.update(reading.certificate.skipped_actors)
        return tuple(
            SkippedActivity(
                stream=stream,
                readings=readings[stream],
                by_reason=dict(sorted(reasons[stream].items())),
                by_actor=dict(sorted(actors[stream].items())),
            )
            for stream in sorted(readings)
        )


class InMemoryCompletenessStore(InMemoryCompletenessReader):
    """Readings and waivers, to write."""

    def record(self, reading: StreamReading) -> bool:
        """Append a reading, unless the window's epoch is closed or the newest says the same."""
        state = self._scope.state
        if any(epoch.window == reading.window and not epoch.is_open for epoch in state.epochs.values()):
            return False
        newest = self.find_newest(reading.window, reading.stream)
        if newest is not None and newest.says_what(reading):
            return False
        state.readings.append(reading)
        return True

    def waive(self, epoch_id: EpochId, waiver: GapWaiver) -> None:
        """Append a waiver, or raise EpochClosed or LedgerRuleBroken (GAP_WAIVED_ONCE)."""
        self._scope.check_writable(epoch_id)
        given = self._scope.state.waivers
        if any(
            (owner, known.stream, known.gap) == (epoch_id, waiver.stream, waiver.gap)
            for owner, known in given
        ):
            raise LedgerRuleBroken("GAP_WAIVED_ONCE")
        given.append((epoch_id, waiver))

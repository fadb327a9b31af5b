"""Epochs, in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ledger_core.domain.epoch import Epoch, EpochStatus
from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.pool import BASE_ISSUANCE
from ledger_core.domain.stream_reading import Verdict, compute_completeness
from ledger_core.domain.weight_config import WeightConfig
from ledger_core.errors import (
    AnotherEpochOpen,
    EpochNotFound,
    EpochWindowsOverlap,
    LedgerRuleBroken,
    PoolBaseMissing,
)
from ledger_core.identifiers import EpochId
from ledger_core.testing.in_memory_completeness import InMemoryCompletenessReader
from ledger_core.testing.in_memory_state import Scope


class InMemoryEpochReader:
    """Epochs to read."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def get(self, epoch_id: EpochId) -> Epoch:
        """Return the epoch, or raise EpochNotFound."""
        epoch = self._scope.state.epochs.get(epoch_id)
        if epoch is None:
            raise EpochNotFound(epoch_id)
        return epoch

    def find_open(self) -> Epoch | None:
        """Return the one open epoch."""
        return next((epoch for epoch in self._scope.state.epochs.values() if epoch.is_open), None)

    def find_by_window(self, window: EpochWindow) -> Epoch | None:
        """Return the epoch of exactly that window."""
        return next((epoch for epoch in self._scope.state.epochs.values() if epoch.window == window), None)

    def find_at(self, instant: datetime) -> Epoch | None:
        """Return the epoch whose window contains the instant."""
        found = (epoch for epoch in self._scope.state.epochs.values() if epoch.window.contains(instant))
        return next(found, None)

    def list_latest(self, *, limit: int) -> tuple[Epoch, ...]:
        """Return up to limit epochs, the latest window first."""
        epochs = sorted(self._scope.state.epochs.values(), key=lambda epoch: epoch.window, reverse=True)
        return tuple(epochs[:limit])


class InMemoryEpochStore(InMemoryEpochReader):
    """Epochs to write; their ids count from 1."""

    def open(self, window: EpochWindow, weight_config: WeightConfig, *, opened_at: datetime) -> Epoch:
        """Create an open epoch, or raise AnotherEpochOpen (first) or EpochWindowsOverlap."""
        epochs = self._scope.state.epochs
        # ONE_OPEN_EPOCH comes before the window's rules: whoever lost a race for one window learns that
        # an epoch is open, and finds it to be the one that it wanted.
        blocking = self.find_open()
        if blocking is not None:
            raise AnotherEpochOpen(blocking.id)
        # EPOCH_WINDOWS_DISJOINT, and with it EPOCH_WINDOW_UNIQUE.
        if any(epoch.window.overlaps(window) for epoch in epochs.values()):
            raise EpochWindowsOverlap
        epoch = Epoch(
            id=EpochId(len(epochs) + 1),
            status=EpochStatus.OPEN,
            window=window,
            weight_config=weight_config,
            pool_total_credits=None,
            opened_at=opened_at,
            closed_at=None,
        )
        epochs[epoch.id] = epoch
        self._scope.locked.add(epoch.id)
        return epoch

    def lock(self, epoch_id: EpochId) -> Epoch:
        """Return the epoch; transactions come one after another, so every lock is granted at once."""
        epoch = self.get(epoch_id)
        self._scope.locked.add(epoch_id)
        return epoch

    def close(self, epoch_id: EpochId, *, pool_total_credits: int, closed_at: datetime) -> None:
        """Close the epoch, or raise EpochClosed, PoolBaseMissing or LedgerRuleBroken.

        Its invariant is POOL_REPRODUCIBLE or GAP_BLOCKS_CLOSE.
        """
        self._scope.check_writable(epoch_id)
        state = self._scope.state
        if (epoch_id, BASE_ISSUANCE) not in state.components:  # POOL_REQUIRES_BASE
            raise PoolBaseMissing(epoch_id)
        parts = [part.amount_credits for (owner, _), part in state.components.items() if owner == epoch_id]
        if sum(parts) != pool_total_credits:
            raise LedgerRuleBroken("POOL_REPRODUCIBLE")
        completeness = InMemoryCompletenessReader(self._scope)
        streams = compute_completeness(
            completeness.newest_readings(state.epochs[epoch_id].window),
            completeness.waivers(epoch_id),
            at=closed_at,
        )
        if any(stream.verdict is Verdict.INCOMPLETE for stream in streams):
            raise LedgerRuleBroken("GAP_BLOCKS_CLOSE")
        state.epochs[epoch_id] = replace(
            state.epochs[epoch_id],
            status=EpochStatus.CLOSED,
            pool_total_credits=pool_total_credits,
            closed_at=closed_at,
        )

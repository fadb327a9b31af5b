"""Epochs: found, opened, locked and closed."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from ledger_core.domain.epoch import Epoch
from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.weight_config import WeightConfig
from ledger_core.identifiers import EpochId


class EpochReader(Protocol):
    """Epochs to read."""

    def get(self, epoch_id: EpochId) -> Epoch:
        """Return the epoch.

        Raises: EpochNotFound.
        """

    def find_open(self) -> Epoch | None:
        """Return the one open epoch, if there is one (ONE_OPEN_EPOCH)."""

    def find_by_window(self, window: EpochWindow) -> Epoch | None:
        """Return the epoch of exactly that window (EPOCH_WINDOW_UNIQUE)."""

    def find_at(self, instant: datetime) -> Epoch | None:
        """Return the epoch whose window contains the instant; windows are disjoint."""

    def list_latest(self, *, limit: int) -> tuple[Epoch, ...]:
        """Return up to limit epochs, the latest window first."""


class EpochStore(EpochReader, Protocol):
    """Epochs to write."""

    def open(self, window: EpochWindow, weight_config: WeightConfig, *, opened_at: datetime) -> Epoch:
        """Create an open epoch, its weights pinned (WEIGHT_PINNING).

        Raises: AnotherEpochOpen, EpochWindowsOverlap.
        """

    def lock(self, epoch_id: EpochId) -> Epoch:
        """Return the epoch as it now stands, and keep every other writer of it out until the end.

        Holds:  it is the first lock that any write to an epoch takes; this order prevents deadlocks.
        Raises: EpochNotFound.
        """

    def close(self, epoch_id: EpochId, *, pool_total_credits: int, closed_at: datetime) -> None:
        """Close a locked, open epoch for ever.

        Raises: EpochClosed, PoolBaseMissing.
        """

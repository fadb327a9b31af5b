"""Find the epoch of a window, or open it; or say which other epoch stands in the way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ledger_core.domain.epoch import Epoch
from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.weight_config import WeightConfig
from ledger_core.errors import AnotherEpochOpen, WindowNotBegun
from ledger_core.ports.clock import Clock
from ledger_core.ports.ledger import Ledger, LedgerTransaction

EARLIEST_OPENING: Final = timedelta(days=1)  # more than any clock is wrong, less than any harm


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedEpoch:
    """The window's epoch, or the open epoch of another window that blocks it; never both."""

    epoch: Epoch | None
    blocking: Epoch | None


def open_epoch(
    ledger: Ledger, window: EpochWindow, weight_config: WeightConfig, *, clock: Clock
) -> OpenedEpoch:
    """Return the window's epoch, opened now if need be (EPOCH_WINDOW_UNIQUE, ONE_OPEN_EPOCH).

    Holds:  an epoch that exists keeps the weights it was opened with (WEIGHT_PINNING); two callers at
            once get the same epoch.
    Raises: EpochWindowsOverlap, WindowNotBegun.
    """
    try:
        with ledger.begin() as transaction:
            found = _find(transaction, window)
            if found is not None:
                return found
            if window.period_start - clock() > EARLIEST_OPENING:
                raise WindowNotBegun(str(window))
            opened = transaction.epochs.open(window, weight_config, opened_at=clock())
            return OpenedEpoch(epoch=opened, blocking=None)
    except AnotherEpochOpen:
        # Lost the race to another opener: its epoch is there now, of this window or of another.
        with ledger.begin() as transaction:
            found = _find(transaction, window)
            if found is None:
                raise
            return found


def _find(transaction: LedgerTransaction, window: EpochWindow) -> OpenedEpoch | None:
    # The open epoch first: an epoch that another opener commits between two looks is then found by its
    # window, and never taken for one that blocks itself.
    blocking = transaction.epochs.find_open()
    if blocking is not None and blocking.window == window:
        return OpenedEpoch(epoch=blocking, blocking=None)
    epoch = transaction.epochs.find_by_window(window)
    if epoch is not None:
        return OpenedEpoch(epoch=epoch, blocking=None)
    return None if blocking is None else OpenedEpoch(epoch=None, blocking=blocking)

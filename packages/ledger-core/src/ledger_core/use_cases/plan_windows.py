"""Which windows a scheduled run has to collect: every one that has begun and isn't closed, in order."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from ledger_core.domain.epoch_window import EpochWindow, compute_epoch_window
from ledger_core.errors import TooManyWindows
from ledger_core.ports.ledger import LedgerReader

MAX_WINDOWS: Final = 520  # ten years of weeks: more is a mistake in the anchor or the length


def plan_windows(
    ledger: LedgerReader, *, at: datetime, anchor: date, length_days: int
) -> tuple[EpochWindow, ...]:
    """Return the windows due at a nominal instant, the oldest first, the one that contains `at` last.

    Holds:  the first is that of the open epoch, else the one after the newest epoch, else the one
            before `at`'s; from there on none is skipped, so a missed week is caught up. When the
            anchor or the length has changed, one shorter window bridges the two tilings.
    Raises: TooManyWindows, InvalidValue.
    """
    with ledger.read() as view:
        open_epoch = view.epochs.find_open()
        newest = view.epochs.list_latest(limit=1)
    current = compute_epoch_window(at, anchor=anchor, length_days=length_days)
    before_current = current.period_start - (current.period_end - current.period_start)
    covered_until = newest[0].window.period_end if newest else before_current
    windows = [] if open_epoch is None else [open_epoch.window]
    while covered_until <= at:
        aligned = compute_epoch_window(covered_until, anchor=anchor, length_days=length_days)
        windows.append(EpochWindow(period_start=covered_until, period_end=aligned.period_end))
        covered_until = aligned.period_end
        if len(windows) > MAX_WINDOWS:
            raise TooManyWindows(MAX_WINDOWS)
    return tuple(windows)

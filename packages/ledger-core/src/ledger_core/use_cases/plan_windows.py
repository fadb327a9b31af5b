"""Which windows there are to collect: every one that has begun and isn't closed, in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from ledger_core.domain.epoch_window import EpochWindow, compute_epoch_window
from ledger_core.errors import InvalidValue, TooManyWindows
from ledger_core.ports.ledger import LedgerReader

MAX_WINDOWS: Final = 520  # ten years of weeks: more is a mistake in the anchor or the length
MAX_EPOCHS: Final = 20_000  # fifty years of days


def plan_windows(
    ledger: LedgerReader, *, at: datetime, anchor: date, length_days: int
) -> tuple[EpochWindow, ...]:
    """Return the windows that have begun by a nominal instant and aren't closed, the oldest first.

    Holds:  from the node's first epoch on no instant is left out: a missed week is caught up, and so is
            one that was passed over. An empty ledger begins with the window before `at`'s. When the
            anchor or the length has changed, shorter windows bridge the two tilings.
    Raises: TooManyWindows, InvalidValue.
    """
    with ledger.read() as view:
        epochs = view.epochs.list_latest(limit=MAX_EPOCHS + 1)
    if len(epochs) > MAX_EPOCHS:
        raise TooManyWindows(MAX_EPOCHS)
    tiling = _Tiling(anchor=anchor, length_days=length_days)
    current = tiling.window_of(at)
    begin = _start_of_window_before(current)
    due: list[EpochWindow] = []
    for epoch in reversed(epochs):
        if epoch is not epochs[-1]:
            due.extend(tiling.fill(begin, until=epoch.window.period_start))
        if epoch.is_open:
            due.append(epoch.window)
        begin = epoch.window.period_end
        _check(due)
    if begin <= at:
        due.extend(tiling.fill(begin, until=current.period_end))
    _check(due)
    return tuple(due)


def find_window(ledger: LedgerReader, *, at: datetime, anchor: date, length_days: int) -> EpochWindow:
    """Return the window that contains an instant: of the epoch that has it, of a plan, else of the tiling.

    Raises: TooManyWindows, InvalidValue.
    """
    with ledger.read() as view:
        epochs = view.epochs.list_latest(limit=MAX_EPOCHS)
    planned = plan_windows(ledger, at=at, anchor=anchor, length_days=length_days)
    for window in (*(epoch.window for epoch in epochs), *planned):
        if window.contains(at):
            return window
    return compute_epoch_window(at, anchor=anchor, length_days=length_days)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tiling:
    anchor: date
    length_days: int

    def window_of(self, at: datetime) -> EpochWindow:
        return compute_epoch_window(at, anchor=self.anchor, length_days=self.length_days)

    def fill(self, begin: datetime, *, until: datetime) -> Iterator[EpochWindow]:
        """Yield windows that cover begin to until exactly, cut at the tiling's bounds; one too many at most."""
        for _ in range(MAX_WINDOWS + 1):
            if begin >= until:
                return
            end = min(self.window_of(begin).period_end, until)
            yield EpochWindow(period_start=begin, period_end=end)
            begin = end


def _start_of_window_before(window: EpochWindow) -> datetime:
    try:
        return window.period_start - (window.period_end - window.period_start)
    except OverflowError as error:
        raise InvalidValue("epoch window", "lies beyond the calendar") from error


def _check(due: Sequence[EpochWindow]) -> None:
    if len(due) > MAX_WINDOWS:
        raise TooManyWindows(MAX_WINDOWS)

"""Epoch windows: half-open runs of whole UTC days, counted from an anchor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from ledger_core.domain.instant import check_instant, instant_text
from ledger_core.errors import InvalidValue

DEFAULT_ANCHOR: Final = date(1970, 1, 5)  # the first Monday of Unix time
DEFAULT_LENGTH_DAYS: Final = 7
MAX_LENGTH_DAYS: Final = 366


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class EpochWindow:
    """The instants from period_start up to, and without, period_end.

    Raises: InvalidValue for times outside UTC, or an end that is not after the start.
    """

    period_start: datetime
    period_end: datetime

    def __post_init__(self) -> None:
        check_instant("period start", self.period_start)
        check_instant("period end", self.period_end)
        if self.period_start >= self.period_end:
            raise InvalidValue("epoch window", "must end after it starts")

    def contains(self, instant: datetime) -> bool:
        """Say whether instant lies in the window; its end does not."""
        return self.period_start <= instant < self.period_end

    def overlaps(self, other: EpochWindow) -> bool:
        """Say whether the windows share an instant."""
        return self.period_start < other.period_end and other.period_start < self.period_end

    def __str__(self) -> str:
        return f"{instant_text(self.period_start)}/{instant_text(self.period_end)}"


def compute_epoch_window(
    instant: datetime, *, anchor: date = DEFAULT_ANCHOR, length_days: int = DEFAULT_LENGTH_DAYS
) -> EpochWindow:
    """Return the one window that contains instant.

    Units:   length_days from 1 to 366.
    Holds:   windows of one anchor and length tile time: no gap, no overlap, whole UTC days.
    Raises:  InvalidValue, also for a window beyond the calendar.
    Source:  index = floor((t - anchor) / length).
    """
    check_instant("instant", instant)
    if type(length_days) is not int or not 1 <= length_days <= MAX_LENGTH_DAYS:
        raise InvalidValue("epoch length", f"must be a whole number of days from 1 to {MAX_LENGTH_DAYS}")
    index = (instant.date() - anchor).days // length_days
    try:
        first_day = anchor + timedelta(days=index * length_days)
        end_day = first_day + timedelta(days=length_days)
    except OverflowError as error:
        raise InvalidValue("epoch window", "lies beyond the calendar") from error
    return EpochWindow(period_start=_midnight(first_day), period_end=_midnight(end_day))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)

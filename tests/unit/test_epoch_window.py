"""Epoch windows: half-open runs of whole UTC days that tile time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from ledger_core import (
    Epoch,
    EpochId,
    EpochStatus,
    EpochWindow,
    InvalidValue,
    WeightConfig,
    compute_epoch_window,
)
from ledger_core.domain.epoch_window import DEFAULT_ANCHOR, MAX_LENGTH_DAYS

TICK = timedelta(microseconds=1)
WEEK = EpochWindow(
    period_start=datetime(2026, 11, 16, tzinfo=UTC), period_end=datetime(2026, 11, 23, tzinfo=UTC)
)


def shifted(days: int) -> EpochWindow:
    shift = timedelta(days=days)
    return EpochWindow(period_start=WEEK.period_start + shift, period_end=WEEK.period_end + shift)


def test_the_anchor_is_a_monday() -> None:
    assert date(1970, 1, 5) == DEFAULT_ANCHOR
    assert DEFAULT_ANCHOR.strftime("%A") == "Monday"


def test_a_window_holds_its_start_and_not_its_end() -> None:
    contained = [
        WEEK.contains(instant)
        for instant in (
            WEEK.period_start - TICK,
            WEEK.period_start,
            WEEK.period_end - TICK,
            WEEK.period_end,
        )
    ]

    assert contained == [False, True, True, False]


@pytest.mark.parametrize(
    ("days", "overlap"), [(-8, False), (-7, False), (-6, True), (0, True), (6, True), (7, False), (8, False)]
)
def test_windows_overlap_when_they_share_an_instant(days: int, *, overlap: bool) -> None:
    """EPOCH_WINDOWS_DISJOINT: windows that touch share none."""
    assert WEEK.overlaps(shifted(days)) is overlap
    assert shifted(days).overlaps(WEEK) is overlap


def test_a_window_ends_after_it_starts() -> None:
    EpochWindow(period_start=WEEK.period_start, period_end=WEEK.period_start + TICK)
    for end in (WEEK.period_start, WEEK.period_start - TICK):
        with pytest.raises(InvalidValue):
            EpochWindow(period_start=WEEK.period_start, period_end=end)


def test_a_window_is_in_utc() -> None:
    naive = WEEK.period_start.replace(tzinfo=None)

    with pytest.raises(InvalidValue, match="period start"):
        EpochWindow(period_start=naive, period_end=WEEK.period_end)
    with pytest.raises(InvalidValue, match="period end"):
        EpochWindow(period_start=WEEK.period_start, period_end=naive)


def test_a_window_prints_as_an_interval() -> None:
    assert str(WEEK) == "2026-11-16T00:00:00Z/2026-11-23T00:00:00Z"


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        (WEEK.period_start - TICK, shifted(-7)),
        (WEEK.period_start, WEEK),
        (WEEK.period_start + timedelta(days=3, hours=5), WEEK),
        (WEEK.period_end - TICK, WEEK),
        (WEEK.period_end, shifted(7)),
    ],
)
def test_an_instant_lies_in_the_week_that_began_on_its_monday(
    instant: datetime, expected: EpochWindow
) -> None:
    assert compute_epoch_window(instant) == expected


def test_windows_reach_back_before_the_anchor() -> None:
    """floor((t - anchor) / length), not a division that truncates towards zero."""
    window = compute_epoch_window(datetime(1970, 1, 4, 23, 59, tzinfo=UTC))

    assert str(window) == "1969-12-29T00:00:00Z/1970-01-05T00:00:00Z"


def test_length_and_anchor_decide_where_windows_lie() -> None:
    window = compute_epoch_window(WEEK.period_start, anchor=date(2026, 11, 18), length_days=14)

    assert str(window) == "2026-11-04T00:00:00Z/2026-11-18T00:00:00Z"


@pytest.mark.parametrize("length_days", [1, MAX_LENGTH_DAYS])
def test_lengths_from_a_day_to_a_leap_year_are_served(length_days: int) -> None:
    window = compute_epoch_window(WEEK.period_start, length_days=length_days)

    assert window.period_end - window.period_start == timedelta(days=length_days)
    assert window.contains(WEEK.period_start)


@pytest.mark.parametrize("length_days", [0, -7, MAX_LENGTH_DAYS + 1, True, 7.0, "7"])
def test_other_lengths_are_refused(length_days: int) -> None:
    with pytest.raises(InvalidValue, match="epoch length"):
        compute_epoch_window(WEEK.period_start, length_days=length_days)


def test_an_instant_outside_utc_is_refused() -> None:
    with pytest.raises(InvalidValue):
        compute_epoch_window(WEEK.period_start.replace(tzinfo=None))


def test_a_window_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(InvalidValue, match="calendar"):
        compute_epoch_window(datetime.max.replace(tzinfo=UTC))
    with pytest.raises(InvalidValue, match="calendar"):
        compute_epoch_window(datetime.min.replace(tzinfo=UTC), anchor=date(2026, 11, 18))


def test_an_epoch_is_closed_exactly_when_it_has_a_pool_and_a_time_of_closing() -> None:
    def make(status: EpochStatus, pool: int | None, closed_at: datetime | None) -> Epoch:
        return Epoch(
            id=EpochId(1),
            status=status,
            window=WEEK,
            weight_config=WeightConfig({}),
            pool_total_credits=pool,
            opened_at=WEEK.period_start,
            closed_at=closed_at,
        )

    assert make(EpochStatus.OPEN, None, None).is_open
    assert not make(EpochStatus.CLOSED, 0, WEEK.period_end).is_open
    for status, pool, closed_at in (
        (EpochStatus.OPEN, 0, None),
        (EpochStatus.OPEN, None, WEEK.period_end),
        (EpochStatus.OPEN, 0, WEEK.period_end),
        (EpochStatus.CLOSED, None, WEEK.period_end),
        (EpochStatus.CLOSED, 0, None),
        (EpochStatus.CLOSED, None, None),
    ):
        with pytest.raises(AssertionError):
            make(status, pool, closed_at)

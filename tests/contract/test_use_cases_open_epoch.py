"""The use cases `open_epoch` and `plan_windows`."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from ledger_core import EpochWindow, EpochWindowsOverlap, Ledger, TooManyWindows, WeightConfig, WindowNotBegun
from ledger_core.domain.epoch_window import DEFAULT_ANCHOR
from ledger_core.testing import FixedClock, make_window
from ledger_core.use_cases.open_epoch import OpenedEpoch, open_epoch
from ledger_core.use_cases.plan_windows import MAX_WINDOWS, find_window, plan_windows
from tests.contract.story import WEIGHTS, LedgerStory, day


def open_(ledger: Ledger, window: EpochWindow, weights: WeightConfig = WEIGHTS) -> OpenedEpoch:
    return open_epoch(ledger, window, weights, clock=FixedClock(day(0, week=9)))


def plan(ledger: Ledger, at: datetime, *, length_days: int = 7, anchor: date = DEFAULT_ANCHOR) -> list[str]:
    windows = plan_windows(ledger, at=at, anchor=anchor, length_days=length_days)
    return [f"{window.period_start:%m-%d}/{window.period_end:%m-%d}" for window in windows]


def test_a_window_without_an_epoch_gets_one(ledger: Ledger) -> None:
    opened = open_(ledger, make_window())

    assert opened.blocking is None
    assert opened.epoch is not None
    assert opened.epoch.is_open
    assert (opened.epoch.window, opened.epoch.opened_at) == (make_window(), day(0, week=9))


def test_a_window_with_an_epoch_keeps_it_and_its_weights(ledger: Ledger) -> None:
    """EPOCH_WINDOW_UNIQUE, WEIGHT_PINNING: whatever the config says by now."""
    first = open_(ledger, make_window())

    again = open_(ledger, make_window(), WeightConfig({"github:pr_merged": 1}))

    assert again == first
    assert again.epoch is not None
    assert again.epoch.weight_config == WEIGHTS


def test_an_open_epoch_of_another_window_is_named_as_blocking(ledger: Ledger) -> None:
    """ONE_OPEN_EPOCH: an answer, not an error, as collection goes on all the same."""
    first = open_(ledger, make_window())

    blocked = open_(ledger, make_window(1))

    assert blocked == OpenedEpoch(epoch=None, blocking=first.epoch)


def test_a_closed_epoch_is_found_though_another_is_open(story: LedgerStory) -> None:
    first = story.open(0)
    story.close(first)
    story.open(1)

    found = open_(story.ledger, make_window(0))

    assert found == OpenedEpoch(epoch=story.epoch(first), blocking=None)


def test_a_window_that_has_not_begun_is_refused(ledger: Ledger) -> None:
    """ONE_OPEN_EPOCH: an epoch of the future would keep every week until then from opening."""
    start = make_window().period_start
    early = FixedClock(start - timedelta(days=1, microseconds=1))

    with pytest.raises(WindowNotBegun):
        open_epoch(ledger, make_window(), WEIGHTS, clock=early)

    assert plan(ledger, day(2)) == ["11-09/11-16", "11-16/11-23"]
    assert (
        open_epoch(ledger, make_window(), WEIGHTS, clock=FixedClock(start - timedelta(days=1))).epoch
        is not None
    )


def test_a_week_that_was_passed_over_is_planned_again(story: LedgerStory) -> None:
    """Nobody's week is lost because a later one was opened first."""
    story.close(story.open(0))
    story.open(2)

    planned = plan(story.ledger, day(2, week=3))

    assert planned == ["11-23/11-30", "11-30/12-07", "12-07/12-14"]


def test_the_window_of_an_instant_is_its_epoch_s_then_a_planned_one(story: LedgerStory) -> None:
    """After a change of length the bridge is found, which no tiling knows."""
    story.close(story.open(0))

    def found(at: datetime) -> str:
        window = find_window(story.ledger, at=at, anchor=date(2026, 11, 2), length_days=14)
        return f"{window.period_start:%m-%d}/{window.period_end:%m-%d}"

    assert found(day(2)) == "11-16/11-23"
    assert found(day(2, week=1)) == "11-23/11-30"
    assert found(day(2, week=2)) == "11-30/12-14"


def test_a_window_across_a_closed_one_is_refused(story: LedgerStory) -> None:
    """EPOCH_WINDOWS_DISJOINT: once nothing is open."""
    story.close(story.open(0))

    with pytest.raises(EpochWindowsOverlap):
        open_(story.ledger, make_window(0, length_days=8))


def test_the_first_plan_is_the_week_that_ended_and_the_one_that_runs(ledger: Ledger) -> None:
    assert plan(ledger, day(2)) == ["11-09/11-16", "11-16/11-23"]


def test_a_week_has_begun_at_its_first_instant(ledger: Ledger) -> None:
    boundary = make_window(1).period_start

    before = plan(ledger, boundary - timedelta(microseconds=1))
    at = plan(ledger, boundary)

    assert before == ["11-09/11-16", "11-16/11-23"]
    assert at == ["11-16/11-23", "11-23/11-30"]


def test_the_open_epoch_is_planned_first_and_missed_weeks_follow(story: LedgerStory) -> None:
    story.open(0)

    assert plan(story.ledger, day(2, week=3)) == ["11-16/11-23", "11-23/11-30", "11-30/12-07", "12-07/12-14"]


def test_after_a_closed_epoch_the_plan_goes_on_where_it_ended(story: LedgerStory) -> None:
    story.close(story.open(0))

    assert plan(story.ledger, day(2, week=2)) == ["11-23/11-30", "11-30/12-07"]


def test_a_closed_week_that_still_runs_leaves_nothing_to_plan(story: LedgerStory) -> None:
    story.close(story.open(0))

    assert plan(story.ledger, make_window(0).period_end - timedelta(microseconds=1)) == []
    assert plan(story.ledger, make_window(0).period_end) == ["11-23/11-30"]


def test_an_open_epoch_is_planned_though_the_nominal_instant_lies_before_it(story: LedgerStory) -> None:
    story.open(0)

    assert plan(story.ledger, day(2, week=-5)) == ["11-16/11-23"]


def test_an_open_epoch_before_the_newest_is_not_forgotten(story: LedgerStory) -> None:
    story.close(story.open(1))
    story.open(0)

    assert plan(story.ledger, day(2, week=2)) == ["11-16/11-23", "11-30/12-07"]


@pytest.mark.parametrize(
    ("length_days", "expected"),
    [
        (14, ["11-16/11-23", "11-23/11-30", "11-30/12-14"]),
        (1, ["11-16/11-23", "11-23/11-24", "11-24/11-25", "11-25/11-26"]),
    ],
    ids=["longer", "shorter"],
)
def test_a_changed_length_is_bridged_without_gap_or_overlap(
    story: LedgerStory, length_days: int, expected: list[str]
) -> None:
    """EPOCH_WINDOWS_DISJOINT: one shorter window, if need be, leads from one tiling to the other."""
    story.open(0)
    at = day(2, week=1) if length_days == 1 else day(2, week=2)

    assert plan(story.ledger, at, length_days=length_days, anchor=date(2026, 11, 2)) == expected


def test_a_moved_anchor_is_bridged(story: LedgerStory) -> None:
    story.close(story.open(0))

    planned = plan(story.ledger, day(2, week=1), anchor=date(2026, 11, 18))

    assert planned == ["11-23/11-25", "11-25/12-02"]


def test_as_many_windows_are_planned_as_one_plan_may_hold(story: LedgerStory) -> None:
    story.close(story.open(0))
    last_day = make_window(0).period_end + timedelta(days=MAX_WINDOWS - 1)

    planned = plan(story.ledger, last_day, length_days=1)

    assert len(planned) == MAX_WINDOWS == 520


def test_more_windows_than_one_plan_may_hold_are_refused(story: LedgerStory) -> None:
    story.close(story.open(0))
    one_day_more = make_window(0).period_end + timedelta(days=MAX_WINDOWS)

    with pytest.raises(TooManyWindows) as refused:
        plan(story.ledger, one_day_more, length_days=1)

    assert refused.value.limit == MAX_WINDOWS


def test_an_open_epoch_counts_among_the_windows_of_a_plan(story: LedgerStory) -> None:
    story.open(0)
    fits = make_window(0).period_end + timedelta(days=MAX_WINDOWS - 2)

    assert len(plan(story.ledger, fits, length_days=1)) == MAX_WINDOWS
    with pytest.raises(TooManyWindows):
        plan(story.ledger, fits + timedelta(days=1), length_days=1)


def test_planned_windows_open_one_after_another(story: LedgerStory) -> None:
    """EPOCH_WINDOWS_DISJOINT: what is planned can be opened, a bridge too."""
    story.close(story.open(0))
    at = datetime(2026, 12, 9, tzinfo=UTC)
    windows = plan_windows(story.ledger, at=at, anchor=date(2026, 11, 18), length_days=14)

    for window in windows:
        opened = open_(story.ledger, window)
        assert opened.epoch is not None
        story.close(opened.epoch.id)

    assert windows[0].period_start == make_window(0).period_end
    assert windows[-1].contains(at)

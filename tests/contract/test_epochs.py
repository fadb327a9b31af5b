"""The port `EpochStore`: found, opened, locked and closed."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest

from ledger_core import (
    AnotherEpochOpen,
    Epoch,
    EpochClosed,
    EpochId,
    EpochNotFound,
    EpochStatus,
    EpochWindow,
    EpochWindowsOverlap,
    Ledger,
    PoolBaseMissing,
)
from ledger_core.testing import RETRIEVED_AT, make_component, make_window
from tests.contract.story import WEIGHTS, LedgerStory

MISSING = EpochId(987_654_321)


def open_epoch_of(ledger: Ledger, window: EpochWindow) -> Epoch:
    with ledger.begin() as transaction:
        return transaction.epochs.open(window, WEIGHTS, opened_at=RETRIEVED_AT)


def close_epoch(ledger: Ledger, epoch_id: EpochId) -> None:
    with ledger.begin() as transaction:
        transaction.epochs.lock(epoch_id)
        transaction.epochs.close(epoch_id, pool_total_credits=1000, closed_at=RETRIEVED_AT)


def lock_epoch(ledger: Ledger, epoch_id: EpochId) -> Epoch:
    with ledger.begin() as transaction:
        return transaction.epochs.lock(epoch_id)


def test_a_ledger_begins_without_epochs(ledger: Ledger) -> None:
    with ledger.read() as view:
        found = (view.epochs.find_open(), view.epochs.find_by_window(make_window()))
        latest = view.epochs.list_latest(limit=10)

    assert found == (None, None)
    assert latest == ()


def test_an_opening_that_was_undone_leaves_no_gap_in_the_numbers(ledger: Ledger) -> None:
    """PAYOUT_DETERMINISTIC: a statement pins its epoch's number, so a fault must not move it."""
    story = LedgerStory(ledger)
    first = story.open()
    story.close(first)
    with contextlib.suppress(KeyError), ledger.begin() as transaction:
        transaction.epochs.open(make_window(1), WEIGHTS, opened_at=RETRIEVED_AT)
        raise KeyError
    second = open_epoch_of(ledger, make_window(1))

    assert (first, second.id) == (1, 2)


def test_an_opened_epoch_is_found_as_it_was_returned(ledger: Ledger) -> None:
    epoch = open_epoch_of(ledger, make_window())

    with ledger.read() as view:
        found = (
            view.epochs.get(epoch.id),
            view.epochs.find_open(),
            view.epochs.find_by_window(make_window()),
            *view.epochs.list_latest(limit=10),
        )
    assert found == (epoch, epoch, epoch, epoch)
    assert epoch.is_open
    assert epoch.window == make_window()
    assert epoch.weight_config == WEIGHTS
    assert epoch.opened_at == RETRIEVED_AT
    assert (epoch.closed_at, epoch.pool_total_credits) == (None, None)


def test_an_epoch_that_does_not_exist_is_refused_by_name(ledger: Ledger) -> None:
    with pytest.raises(EpochNotFound) as read, ledger.read() as view:
        view.epochs.get(MISSING)
    with pytest.raises(EpochNotFound) as locked:
        lock_epoch(ledger, MISSING)

    assert (read.value.epoch_id, locked.value.epoch_id) == (MISSING, MISSING)


def test_an_epoch_is_found_by_exactly_its_window(ledger: Ledger) -> None:
    open_epoch_of(ledger, make_window())

    with ledger.read() as view:
        longer = view.epochs.find_by_window(make_window(length_days=8))
        next_week = view.epochs.find_by_window(make_window(1))
    assert longer is None
    assert next_week is None


def test_a_second_epoch_is_not_opened_beside_an_open_one(ledger: Ledger) -> None:
    """ONE_OPEN_EPOCH: even in a window far away."""
    epoch = open_epoch_of(ledger, make_window())

    with pytest.raises(AnotherEpochOpen):
        open_epoch_of(ledger, make_window(20))

    with ledger.read() as view:
        assert view.epochs.list_latest(limit=10) == (epoch,)


def test_whoever_loses_the_race_for_a_window_learns_that_an_epoch_is_open(ledger: Ledger) -> None:
    """ONE_OPEN_EPOCH comes before EPOCH_WINDOW_UNIQUE, so that the loser looks and finds its epoch."""
    open_epoch_of(ledger, make_window())

    with pytest.raises(AnotherEpochOpen):
        open_epoch_of(ledger, make_window())


def test_a_closed_window_is_not_opened_again(story: LedgerStory) -> None:
    """EPOCH_WINDOW_UNIQUE: one epoch for each window, for ever."""
    story.close(story.open())

    with pytest.raises(EpochWindowsOverlap):
        open_epoch_of(story.ledger, make_window())


@pytest.mark.parametrize("shift_days", [-6, -1, 1, 6])
def test_windows_that_share_a_day_are_refused(story: LedgerStory, shift_days: int) -> None:
    """EPOCH_WINDOWS_DISJOINT: on either side."""
    story.close(story.open())
    shift = timedelta(days=shift_days)
    window = make_window()
    shifted = EpochWindow(period_start=window.period_start + shift, period_end=window.period_end + shift)

    with pytest.raises(EpochWindowsOverlap):
        open_epoch_of(story.ledger, shifted)


def test_a_window_around_or_inside_another_is_refused(story: LedgerStory) -> None:
    """EPOCH_WINDOWS_DISJOINT: in either nesting."""
    story.close(story.open())
    window = make_window()
    microsecond = timedelta(microseconds=1)
    inside = EpochWindow(period_start=window.period_end - microsecond, period_end=window.period_end)
    around = EpochWindow(period_start=make_window(-1).period_start, period_end=make_window(1).period_end)

    with pytest.raises(EpochWindowsOverlap):
        open_epoch_of(story.ledger, inside)
    with pytest.raises(EpochWindowsOverlap):
        open_epoch_of(story.ledger, around)


@pytest.mark.parametrize("week", [-1, 1])
def test_windows_that_touch_are_both_opened(story: LedgerStory, week: int) -> None:
    """EPOCH_WINDOWS_DISJOINT: an end is no part of its window."""
    story.close(story.open())

    epoch = open_epoch_of(story.ledger, make_window(week))

    assert epoch.is_open


def test_the_latest_window_comes_first_in_whatever_order_epochs_were_opened(story: LedgerStory) -> None:
    for week in (1, 2, 0):
        story.close(story.open(week))

    with story.ledger.read() as view:
        latest = view.epochs.list_latest(limit=2)
    assert [epoch.window for epoch in latest] == [make_window(2), make_window(1)]


def test_epoch_ids_are_positive_and_grow(story: LedgerStory) -> None:
    first = story.open()
    story.close(first)
    second = story.open(1)

    assert 0 < first < second


def test_an_epoch_without_a_base_issuance_is_not_closed(story: LedgerStory) -> None:
    """POOL_REQUIRES_BASE: another component does not do."""
    epoch_id = story.open()
    story.record(epoch_id, make_component(1000, component_id="top_up"))

    with pytest.raises(PoolBaseMissing):
        close_epoch(story.ledger, epoch_id)

    assert story.epoch(epoch_id).is_open


def test_a_closed_epoch_shows_its_pool_and_when_it_closed(story: LedgerStory) -> None:
    epoch_id = story.open()
    opened = story.epoch(epoch_id)
    story.close(epoch_id, 1234)

    closed = story.epoch(epoch_id)
    assert closed.status is EpochStatus.CLOSED
    assert closed.pool_total_credits == 1234
    assert closed.closed_at == story.clock.now
    assert (closed.window, closed.weight_config, closed.opened_at) == (
        opened.window,
        opened.weight_config,
        opened.opened_at,
    )
    with story.ledger.read() as view:
        assert view.epochs.find_open() is None
    assert lock_epoch(story.ledger, epoch_id) == closed


def test_a_closed_epoch_is_not_closed_again(story: LedgerStory) -> None:
    """EPOCH_CLOSED_FOREVER: not even to the same total."""
    epoch_id = story.open()
    story.close(epoch_id)
    closed = story.epoch(epoch_id)

    with pytest.raises(EpochClosed):
        close_epoch(story.ledger, epoch_id)

    assert story.epoch(epoch_id) == closed

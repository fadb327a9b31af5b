"""The port `Ledger`: what is written together is kept or undone together, and one node's alone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import pytest

from ledger_core import CursorMoved, EpochNotFound, EventId, Ledger, LedgerAction, LedgerTransaction, UserId
from ledger_core.testing import (
    RETRIEVED_AT,
    FixedClock,
    make_binding,
    make_component,
    make_context,
    make_event,
    make_page,
    make_window,
)
from ledger_core.use_cases.finalize_epoch import FinalizedEpoch, finalize_epoch
from ledger_core.use_cases.open_epoch import OpenedEpoch, open_epoch
from ledger_core.use_cases.store_page import store_page
from tests.contract.story import NEIGHBOUR_ID, NODE_ID, PULLS, WEIGHTS, LedgerStory, annas, day

Result = TypeVar("Result")


class Interrupted(BaseException):
    """Something that no ledger knows of goes wrong."""


def write_everything(transaction: LedgerTransaction) -> None:
    context = make_context()
    transaction.cursors.advance(PULLS, expected=None, cursor="one", retrieved_at=RETRIEVED_AT)
    transaction.activity.store([make_event(at=day(0))])
    transaction.identities.bind([make_binding()], context, at=RETRIEVED_AT)
    transaction.actions.append(LedgerAction(action="tried", subject="all", context=context, at=RETRIEVED_AT))
    epoch = transaction.epochs.open(make_window(), WEIGHTS, opened_at=RETRIEVED_AT)
    transaction.curation.refresh(epoch, at=RETRIEVED_AT)
    transaction.allocations.propose(epoch.id)


def write_and_fail(ledger: Ledger, error: BaseException) -> None:
    with ledger.begin() as transaction:
        write_everything(transaction)
        raise error


def everything(ledger: Ledger) -> tuple[object, ...]:
    with ledger.read() as view:
        epoch = view.epochs.find_open()
        return (
            view.cursors.find(PULLS),
            view.activity.find(make_event().id) is not None,
            view.identities.find_user(UserId("ann")),
            len(view.identities.find_bindings([("github", "1001")])),
            len(view.actions.list_latest(limit=10)),
            epoch is not None,
            0 if epoch is None else view.curation.summary(epoch.id).events,
            () if epoch is None else [row.proposed_units for row in view.allocations.list_all(epoch.id)],
        )


def race(*contenders: Callable[[], Result]) -> list[Result | Exception]:
    """Run all contenders at once, and return what each returned or raised."""
    start = Barrier(len(contenders), timeout=30)

    def run(contender: Callable[[], Result]) -> Result | Exception:
        start.wait()
        try:
            return contender()
        except Exception as error:  # noqa: BLE001 - a contender's refusal is its result
            return error

    with ThreadPoolExecutor(max_workers=len(contenders)) as pool:
        return list(pool.map(run, contenders))


NOTHING = (None, False, None, 0, 0, False, 0, ())
ALL = ("one", True, "ann", 1, 1, True, 1, [8000])


def test_a_ledger_knows_its_node(ledger: Ledger, neighbour: Ledger) -> None:
    """NODE_SCOPED: a ledger is bound to one node."""
    assert (ledger.node_id, neighbour.node_id) == (NODE_ID, NEIGHBOUR_ID)


def test_a_clean_exit_keeps_everything(ledger: Ledger) -> None:
    with ledger.begin() as transaction:
        write_everything(transaction)

    assert everything(ledger) == ALL


@pytest.mark.parametrize("error", [ValueError("a mistake"), EpochNotFound(1), Interrupted()], ids=repr)
def test_an_exception_undoes_everything(ledger: Ledger, error: BaseException) -> None:
    with pytest.raises(type(error)) as raised:
        write_and_fail(ledger, error)

    assert raised.value is error
    assert everything(ledger) == NOTHING


def test_a_ledger_goes_on_after_an_undone_transaction(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="a mistake"):
        write_and_fail(ledger, ValueError("a mistake"))

    with ledger.begin() as transaction:
        write_everything(transaction)

    assert everything(ledger) == ALL


def test_a_transaction_sees_its_own_writes(ledger: Ledger) -> None:
    with ledger.begin() as transaction:
        write_everything(transaction)
        epoch = transaction.epochs.find_open()
        assert epoch is not None
        allocations = transaction.allocations.list_all(epoch.id)

    assert [row.user_id for row in allocations] == ["ann"]


def test_a_snapshot_stays_as_it_was_when_others_commit(ledger: Ledger) -> None:
    with ledger.read() as view:
        before = view.activity.count_waiting()
        with ledger.begin() as transaction:
            write_everything(transaction)
        after = view.activity.count_waiting()
        found = view.epochs.find_open()

    assert (before, after, found) == (0, 0, None)
    assert everything(ledger) == ALL


def test_nobody_sees_a_transaction_that_goes_on(ledger: Ledger) -> None:
    with ledger.begin() as transaction:
        write_everything(transaction)
        seen = everything(ledger)

    assert seen == NOTHING


def test_neighbours_never_meet(ledger: Ledger, neighbour: Ledger) -> None:
    """NODE_SCOPED: the same windows, events, accounts and streams live side by side in two nodes."""
    with neighbour.begin() as transaction:
        write_everything(transaction)
    untouched = everything(ledger)
    with neighbour.read() as view:
        foreign = view.epochs.find_open()
    with ledger.begin() as transaction:
        write_everything(transaction)

    assert foreign is not None
    assert untouched == NOTHING
    assert everything(ledger) == everything(neighbour) == ALL


def test_an_epoch_of_a_neighbour_is_not_found(ledger: Ledger, neighbour: Ledger) -> None:
    """NODE_SCOPED: knowing an id does not open another's door."""
    foreign = LedgerStory(neighbour)
    epoch_id = foreign.open()
    foreign.store(annas(1, at=day(0)))
    foreign.curate(epoch_id)

    with pytest.raises(EpochNotFound), ledger.read() as view:
        view.epochs.get(epoch_id)

    with ledger.read() as view:
        assert view.curation.summary(epoch_id).events == 0
        assert view.activity.count_waiting() == 0
        assert view.activity.find(EventId(annas(1, at=day(0)).id)) is None


def test_of_two_collections_of_one_page_one_is_told_to_start_again(ledger: Ledger) -> None:
    """CURSOR_STATE_PERSISTED: at the same moment, from two threads."""
    page = make_page(make_event(1), make_event(2), cursor="one")

    outcomes = race(*[lambda: store_page(ledger, PULLS, page, expected_cursor=None)] * 2)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["CursorMoved", "StoredEvents"]
    assert any(isinstance(outcome, CursorMoved) for outcome in outcomes)


def test_two_openers_of_one_window_get_the_same_epoch(ledger: Ledger) -> None:
    """EPOCH_WINDOW_UNIQUE, ONE_OPEN_EPOCH: at the same moment, from two threads."""

    def opener() -> OpenedEpoch:
        return open_epoch(ledger, make_window(), WEIGHTS, clock=FixedClock())

    one, other = race(opener, opener)

    assert isinstance(one, OpenedEpoch)
    assert one.epoch is not None
    assert one == other


def test_two_openers_of_different_windows_agree_on_who_is_first(ledger: Ledger) -> None:
    """ONE_OPEN_EPOCH: at the same moment, from two threads; the loser is told who blocks it."""

    def opener(week: int) -> OpenedEpoch:
        return open_epoch(ledger, make_window(week), WEIGHTS, clock=FixedClock())

    outcomes = race(lambda: opener(0), lambda: opener(1))

    opened = [outcome.epoch for outcome in outcomes if isinstance(outcome, OpenedEpoch) and outcome.epoch]
    blocking = [
        outcome.blocking for outcome in outcomes if isinstance(outcome, OpenedEpoch) and outcome.blocking
    ]
    assert len(opened) == 1
    assert blocking == opened


def test_two_finalizers_of_one_epoch_get_the_same_statement(story: LedgerStory) -> None:
    """EPOCH_CLOSE_IDEMPOTENT: at the same moment, from two threads; one of them wrote it."""
    epoch_id = story.open()
    story.record(epoch_id, make_component())

    def finalizer() -> FinalizedEpoch:
        return finalize_epoch(story.ledger, epoch_id, make_context(), clock=story.clock)

    one, other = race(finalizer, finalizer)

    assert isinstance(one, FinalizedEpoch)
    assert isinstance(other, FinalizedEpoch)
    assert one.statement == other.statement
    assert sorted([one.closed_now, other.closed_now]) == [False, True]

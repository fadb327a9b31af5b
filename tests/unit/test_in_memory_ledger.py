"""The in-memory ledger itself: mistakes in its use show at once, and a breach of an invariant at the commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest

from ledger_core import (
    ActivitySource,
    Epoch,
    EpochId,
    EventPaidTwice,
    InvalidValue,
    Ledger,
    LedgerError,
    NodeId,
    SourceUnavailable,
    StreamRef,
    UserId,
)
from ledger_core.domain.identity import IdentityChange
from ledger_core.domain.weight_config import WeightConfig
from ledger_core.testing import (
    RETRIEVED_AT,
    FixedClock,
    IdentityEvent,
    InMemoryLedger,
    InMemoryTransaction,
    ScriptedSource,
    SourceCall,
    make_binding,
    make_component,
    make_context,
    make_event,
    make_page,
    make_window,
)
from ledger_core.testing.in_memory_invariants import check_commit
from ledger_core.testing.in_memory_state import LedgerState, Scope
from ledger_core.use_cases.bind_identity import bind_identities
from ledger_core.use_cases.curate_epoch import curate_epoch
from ledger_core.use_cases.finalize_epoch import finalize_epoch
from ledger_core.use_cases.open_epoch import open_epoch
from ledger_core.use_cases.propose_allocations import propose_allocations
from ledger_core.use_cases.record_pool_component import record_pool_component

CLOCK = FixedClock()
CONTEXT = make_context()
PULLS = StreamRef(source="github", source_ref="acme/widgets", stream="pull_requests")
ISSUES = StreamRef(source="github", source_ref="acme/widgets", stream="issues")
PAGES = [make_page(make_event(number), cursor=f"c{number}") for number in range(3)]


def open_week(ledger: Ledger, week: int) -> EpochId:
    opened = open_epoch(ledger, make_window(week), WeightConfig({"github:pr_merged": 8000}), clock=CLOCK)
    assert opened.epoch is not None
    return opened.epoch.id


@pytest.fixture
def ledger() -> InMemoryLedger:
    """A ledger with a closed epoch 1, in which ann is paid, and an open epoch 2 without events."""
    made = InMemoryLedger(NodeId(UUID(int=1)))
    epoch_id = open_week(made, 0)
    with made.begin() as transaction:
        transaction.activity.store([make_event()])
    bind_identities(made, [make_binding()], CONTEXT, clock=CLOCK)
    curate_epoch(made, epoch_id, clock=CLOCK)
    propose_allocations(made, epoch_id)
    record_pool_component(made, epoch_id, make_component(), CONTEXT, clock=CLOCK)
    finalize_epoch(made, epoch_id, CONTEXT, clock=CLOCK)
    open_week(made, 1)
    return made


def test_epochs_count_from_1(ledger: InMemoryLedger) -> None:
    with ledger.read() as view:
        assert [epoch.id for epoch in view.epochs.list_latest(limit=10)] == [2, 1]


def test_the_identity_history_keeps_every_change(ledger: InMemoryLedger) -> None:
    with ledger.begin() as transaction:
        transaction.identities.bind([make_binding()], CONTEXT, at=RETRIEVED_AT)
        transaction.identities.unbind("github", "1001", CONTEXT, at=RETRIEVED_AT)

    entries = [
        IdentityEvent(change=change, binding=make_binding(), context=CONTEXT, at=RETRIEVED_AT)
        for change in (IdentityChange.BOUND, IdentityChange.UNBOUND)
    ]
    assert ledger.identity_history == tuple(entries)


WRITES: dict[str, Callable[[InMemoryTransaction, Epoch], object]] = {
    "curation": lambda made, epoch: made.curation.refresh(epoch, at=RETRIEVED_AT),
    "proposals": lambda made, epoch: made.allocations.propose(epoch.id),
    "units": lambda made, epoch: made.allocations.set_final(
        epoch.id, UserId("ann"), final_units=1, reason="so", by="admin", at=RETRIEVED_AT
    ),
    "component": lambda made, epoch: made.pool.add(epoch.id, make_component()),
    "close": lambda made, epoch: made.epochs.close(epoch.id, pool_total_credits=0, closed_at=RETRIEVED_AT),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_writing_to_an_epoch_without_its_lock_is_a_mistake(
    ledger: InMemoryLedger, write: Callable[[InMemoryTransaction, Epoch], object]
) -> None:
    """CURATION_FREEZE_ON_CLOSE: a write that takes no lock could go on beside a close."""

    def attack() -> None:
        with ledger.begin() as transaction:
            write(transaction, transaction.epochs.get(EpochId(2)))

    with pytest.raises(AssertionError, match=r"without epochs\.lock"):
        attack()


def test_a_transaction_within_another_is_a_mistake(ledger: InMemoryLedger) -> None:
    with ledger.begin(), pytest.raises(AssertionError, match="within another"), ledger.begin():
        pass

    with ledger.begin() as transaction:
        assert transaction.activity.count_waiting() == 0


def test_a_store_is_of_no_use_after_its_transaction(ledger: InMemoryLedger) -> None:
    with ledger.begin() as transaction:
        kept = transaction.activity
        events = transaction.curation.ordered_events(EpochId(1))
    with ledger.read() as view:
        chain = view.statements.chain()

    with pytest.raises(AssertionError, match="is over"):
        kept.store([make_event(2)])
    with pytest.raises(AssertionError, match="is over"):
        next(events)
    with pytest.raises(AssertionError, match="is over"):
        next(chain)


def test_an_event_paid_elsewhere_is_refused_to_the_second_epoch(ledger: InMemoryLedger) -> None:
    """EVENT_PAID_ONCE: the rule of the rows, where no use case leads."""

    def attack() -> None:
        with ledger.begin() as transaction:
            transaction.epochs.lock(EpochId(2))
            state = transaction.curation._scope.state
            row = state.curation[EpochId(1), make_event().id]
            excluded = replace(row, curation=replace(row.curation, included=False))
            state.curation[EpochId(2), make_event().id] = excluded
            transaction.curation.judge(
                EpochId(2),
                make_event().id,
                included=True,
                weight_override_milli=None,
                note=None,
                by="admin",
                at=RETRIEVED_AT,
            )

    with pytest.raises(EventPaidTwice):
        attack()


def pay_twice(state: LedgerState) -> None:
    state.curation[EpochId(2), make_event().id] = state.curation[EpochId(1), make_event().id]


def forget_an_event(state: LedgerState) -> None:
    del state.events[make_event().id]


def rewrite_an_event(state: LedgerState) -> None:
    state.events[make_event().id] = make_event(login="bob")


def open_another(state: LedgerState) -> None:
    state.epochs[EpochId(3)] = replace(state.epochs[EpochId(2)], id=EpochId(3), window=make_window(2))


def overlap(state: LedgerState) -> None:
    state.epochs[EpochId(2)] = replace(state.epochs[EpochId(2)], window=make_window(0, length_days=8))


def change_a_closed_row(state: LedgerState) -> None:
    row = state.curation[EpochId(1), make_event().id]
    state.curation[EpochId(1), make_event().id] = replace(row, note="later")


def change_the_weights(state: LedgerState) -> None:
    state.epochs[EpochId(2)] = replace(state.epochs[EpochId(2)], weight_config=WeightConfig({}))


def change_a_statement(state: LedgerState) -> None:
    (statement,) = state.statements[EpochId(1)]
    state.statements[EpochId(1)] = (replace(statement, activity_set_hash="f" * 64),)


def change_the_pool(state: LedgerState) -> None:
    state.components[EpochId(1), make_component().component_id] = make_component(evidence_ref="other")


def drop_an_action(state: LedgerState) -> None:
    state.actions.pop(0)


def drop_history(state: LedgerState) -> None:
    state.identity_events.clear()


BREACHES: dict[str, tuple[Callable[[LedgerState], None], str]] = {
    "EVENT_PAID_ONCE": (pay_twice, "EVENT_PAID_ONCE"),
    "ACTIVITY_APPEND_ONLY, deleted": (forget_an_event, "not stored"),
    "ACTIVITY_APPEND_ONLY, changed": (rewrite_an_event, "ACTIVITY_APPEND_ONLY"),
    "ONE_OPEN_EPOCH": (open_another, "ONE_OPEN_EPOCH"),
    "EPOCH_WINDOWS_DISJOINT": (overlap, "EPOCH_WINDOWS_DISJOINT"),
    "CURATION_FREEZE_ON_CLOSE": (change_a_closed_row, "CURATION_FREEZE_ON_CLOSE"),
    "WEIGHT_PINNING": (change_the_weights, "WEIGHT_PINNING"),
    "EPOCH_CLOSED_FOREVER, statement": (change_a_statement, "EPOCH_CLOSED_FOREVER"),
    "POOL_IMMUTABLE": (change_the_pool, "POOL_IMMUTABLE"),
    "actions": (drop_an_action, "action"),
    "history": (drop_history, "identity event"),
}


@pytest.mark.parametrize(("breach", "message"), BREACHES.values(), ids=BREACHES)
def test_a_breach_of_an_invariant_does_not_commit(
    ledger: InMemoryLedger, breach: Callable[[LedgerState], None], message: str
) -> None:
    def attack() -> None:
        with ledger.begin() as transaction:
            breach(transaction.activity._scope.state)

    with pytest.raises(AssertionError, match=message):
        attack()

    with ledger.begin() as transaction:
        assert transaction.activity.find(make_event().id) == make_event()


def test_a_state_that_nothing_was_done_to_passes() -> None:
    state = LedgerState(node_id=NodeId(UUID(int=1)))

    check_commit(state, state.copy())
    assert Scope(state).state is state


def test_a_scripted_source_yields_what_comes_after_a_cursor() -> None:
    source: ActivitySource = ScriptedSource({PULLS: PAGES, ISSUES: []})

    assert source.streams() == (PULLS, ISSUES)
    assert list(source.pages(PULLS, None, until=RETRIEVED_AT)) == PAGES
    assert list(source.pages(PULLS, "c0", until=RETRIEVED_AT)) == PAGES[1:]
    assert list(source.pages(PULLS, "c2", until=RETRIEVED_AT)) == []
    assert list(source.pages(ISSUES, None, until=RETRIEVED_AT)) == []


def test_a_scripted_source_refuses_a_cursor_that_it_never_gave() -> None:
    source = ScriptedSource({PULLS: PAGES})

    with pytest.raises(InvalidValue, match="cursor"):
        next(source.pages(PULLS, "c9", until=RETRIEVED_AT))


@pytest.mark.parametrize("error", [SourceUnavailable("github", "it sleeps"), LedgerError("no")], ids=repr)
def test_a_scripted_source_fails_at_a_page_as_often_as_it_was_told(error: Exception) -> None:
    source = ScriptedSource({PULLS: PAGES})
    source.fail(PULLS, page=1, error=error, times=2)

    for _ in range(2):
        pages = source.pages(PULLS, None, until=RETRIEVED_AT)
        assert next(pages) == PAGES[0]
        with pytest.raises(type(error)) as raised:
            next(pages)
        assert raised.value is error
    assert list(source.pages(PULLS, None, until=RETRIEVED_AT)) == PAGES


def test_a_scripted_source_remembers_its_calls_and_takes_more_pages() -> None:
    source = ScriptedSource({PULLS: PAGES[:2]})
    list(source.pages(PULLS, None, until=RETRIEVED_AT))
    source.add_pages(PULLS, PAGES[2])

    assert list(source.pages(PULLS, "c1", until=RETRIEVED_AT)) == PAGES[2:]
    assert source.calls == [
        SourceCall(stream=PULLS, cursor=None, until=RETRIEVED_AT),
        SourceCall(stream=PULLS, cursor="c1", until=RETRIEVED_AT),
    ]

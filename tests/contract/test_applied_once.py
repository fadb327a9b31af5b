"""ACTION_APPLIED_ONCE: an attempt after a lost reply changes nothing, whatever was decided in between."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger_core import EventNotCurated, Ledger, UserId
from ledger_core.testing import FixedClock, make_binding, make_component, make_context
from ledger_core.use_cases.adjust_allocation import adjust_allocation
from ledger_core.use_cases.bind_identity import bind_identities, unbind_identity
from ledger_core.use_cases.curate_event import curate_event
from ledger_core.use_cases.finalize_epoch import finalize_epoch
from ledger_core.use_cases.record_pool_component import record_pool_component
from tests.contract.story import LedgerStory, annas, day

KEYED = replace(make_context(), idempotency_key="run/1")
LATER = replace(make_context(), idempotency_key="run/2")
CLOCK = FixedClock()
EVENT = annas(1, at=day(0))


@pytest.fixture
def ready(ledger: Ledger) -> LedgerStory:
    """An open epoch with one event of ann's, and its pool."""
    story = LedgerStory(ledger)
    epoch_id = story.open()
    story.bind("ann", "1001")
    story.store(EVENT)
    story.curate(epoch_id)
    story.propose(epoch_id)
    story.record(epoch_id, make_component(1000))
    return story


def state(ledger: Ledger) -> object:
    with ledger.read() as view:
        epoch = view.epochs.list_latest(limit=1)[0]
        return (
            epoch,
            view.allocations.list_all(epoch.id),
            view.pool.list_all(epoch.id),
            list(view.curation.ordered_events(epoch.id)),
            view.identities.list_unresolved(epoch.id, limit=10),
            view.actions.list_latest(limit=100),
        )


def test_units_set_again_by_a_stale_attempt_stay_as_decided_since(ready: LedgerStory, ledger: Ledger) -> None:
    epoch_id = ready.open()

    def set_units(units: int, *, keyed: bool) -> bool:
        context = KEYED if keyed else LATER
        return adjust_allocation(
            ledger, epoch_id, UserId("ann"), final_units=units, context=context, clock=CLOCK
        )

    first = set_units(5, keyed=True)
    ready.adjust(epoch_id, "ann", 7)
    before = state(ledger)

    assert (first, set_units(5, keyed=True)) == (True, True)
    assert state(ledger) == before
    assert set_units(5, keyed=False)
    assert state(ledger) != before


def test_a_judgement_by_a_stale_attempt_stays_as_decided_since(ready: LedgerStory, ledger: Ledger) -> None:
    epoch_id = ready.open()

    def exclude() -> bool:
        return curate_event(
            ledger, epoch_id, EVENT.id, included=False, weight_override_milli=None, context=KEYED, clock=CLOCK
        )

    first = exclude()
    ready.judge(epoch_id, EVENT)
    before = state(ledger)

    assert (first, exclude()) == (True, True)
    assert state(ledger) == before


@pytest.mark.usefixtures("ready")
def test_bindings_of_a_stale_attempt_stay_taken_back(ledger: Ledger) -> None:
    def bind() -> int:
        return bind_identities(ledger, [make_binding("ann", "2002")], KEYED, clock=CLOCK)

    first = bind()
    unbind_identity(ledger, "github", "2002", LATER, clock=CLOCK)
    before = state(ledger)

    assert (first, bind()) == (1, 1)
    assert state(ledger) == before


def test_unbinding_again_answers_as_the_first_attempt_did(ready: LedgerStory, ledger: Ledger) -> None:
    def unbind() -> str:
        return unbind_identity(ledger, "github", "1001", KEYED, clock=CLOCK)

    first = unbind()
    ready.bind("bob", "1001")
    before = state(ledger)

    assert (first, unbind()) == ("ann", "ann")
    assert state(ledger) == before


def test_a_component_and_a_close_answer_as_the_first_attempt_did(ready: LedgerStory, ledger: Ledger) -> None:
    epoch_id = ready.open()

    def record() -> bool:
        component = make_component(7, component_id="top_up")
        return record_pool_component(ledger, epoch_id, component, KEYED, clock=CLOCK)

    def close() -> tuple[str, bool]:
        found = finalize_epoch(ledger, epoch_id, replace(KEYED, idempotency_key="run/3"), clock=CLOCK)
        return found.statement.statement_hash, found.closed_now

    recorded, closed = record(), close()
    before = state(ledger)

    assert (recorded, record()) == (True, True)
    assert close() == closed == (closed[0], True)
    assert finalize_epoch(ledger, epoch_id, LATER, clock=CLOCK).closed_now is False
    assert state(ledger) == before


def test_units_that_were_as_wanted_are_not_set_by_a_later_attempt(ready: LedgerStory, ledger: Ledger) -> None:
    """An attempt that changes nothing is done all the same: the next one undoes nothing decided since."""
    epoch_id = ready.open()
    ready.adjust(epoch_id, "ann", 5)

    def set_units() -> bool:
        return adjust_allocation(ledger, epoch_id, UserId("ann"), final_units=5, context=KEYED, clock=CLOCK)

    first = set_units()
    ready.adjust(epoch_id, "ann", 7)
    before = state(ledger)

    assert (first, set_units()) == (False, False)
    assert state(ledger) == before


def test_a_judgement_that_stood_already_is_not_made_by_a_later_attempt(
    ready: LedgerStory, ledger: Ledger
) -> None:
    epoch_id = ready.open()

    def include() -> bool:
        return curate_event(
            ledger, epoch_id, EVENT.id, included=True, weight_override_milli=None, context=KEYED, clock=CLOCK
        )

    first = include()
    ready.judge(epoch_id, EVENT, included=False)
    before = state(ledger)

    assert (first, include()) == (False, False)
    assert state(ledger) == before


@pytest.mark.usefixtures("ready")
def test_bindings_that_were_there_stay_taken_back(ledger: Ledger) -> None:
    def bind() -> int:
        return bind_identities(ledger, [make_binding("ann", "1001")], KEYED, clock=CLOCK)

    first = bind()
    unbind_identity(ledger, "github", "1001", LATER, clock=CLOCK)
    before = state(ledger)

    assert (first, bind()) == (0, 0)
    assert state(ledger) == before


def test_a_refusal_leaves_its_key_unused(ready: LedgerStory, ledger: Ledger) -> None:
    epoch_id = ready.open()

    def exclude() -> bool:
        return curate_event(
            ledger, epoch_id, annas(9, at=day(1)).id, included=False, weight_override_milli=None,
            context=KEYED, clock=CLOCK,
        )  # fmt: skip

    with pytest.raises(EventNotCurated):
        exclude()
    ready.store(annas(9, at=day(1)))
    ready.curate(epoch_id)

    assert exclude()

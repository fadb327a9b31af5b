"""A policy that is tried on the past pays what the past would have paid under it, and the same one changes nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_core import EpochId, UserId, WeightConfig
from ledger_core.domain.concentration import compute_concentration
from ledger_core.testing import MONDAY, FixedClock, InMemoryLedger, make_context, make_event
from ledger_core.use_cases.adjust_allocation import adjust_allocation
from ledger_core.use_cases.amend_statement import amend_statement
from ledger_core.use_cases.curate_epoch import curate_epoch
from ledger_core.use_cases.curate_event import curate_event
from ledger_core.use_cases.try_policy import PolicyTrial, try_policy
from tests.bundle_histories import CLOCK, NODE, bind, finalize, open_week, store_events
from tests.ledger_states import state_of

KINDS = ("pr_merged", "review", "typo")
USERS = ("ann", "bob", "cid")
EVENTS = st.lists(
    st.tuples(
        st.integers(-3, 6),  # days: what is negative came late from the week before
        st.sampled_from(("1001", "1002", "1003", "9", None)),
        st.sampled_from(KINDS),
        st.sampled_from((None, None, None, 0, 7)),
        st.sampled_from((True, True, True, False)),
    ),
    max_size=10,
)
WEEKS = st.lists(
    st.tuples(
        EVENTS,
        st.dictionaries(st.sampled_from(USERS), st.integers(0, 20_000), max_size=1),
        st.one_of(st.integers(0, 9), st.integers(0, 2**60)),
        st.dictionaries(st.sampled_from(USERS), st.integers(1, 20_000), max_size=1),
    ),
    min_size=1,
    max_size=3,
)
POLICIES = st.dictionaries(
    st.sampled_from([f"github:{kind}" for kind in KINDS]), st.integers(0, 9_000), max_size=3
).map(WeightConfig)


def lived(weeks: list[Any], weights: WeightConfig) -> InMemoryLedger:
    """Live through weeks of events, judgements, units that an admin sets, and amendments."""
    ledger = InMemoryLedger(NODE)
    bind(ledger, ann="1001", bob="1002", cid="1003")
    for week, (events, overrides, pool, corrections) in enumerate(weeks):
        epoch_id = open_week(ledger, week, weights)
        made = [
            make_event(
                1_000 * week + number,
                at=MONDAY + timedelta(weeks=week, days=day),
                account=account,
                event_type=kind,
            )
            for number, (day, account, kind, _, _) in enumerate(events)
        ]
        store_events(ledger, *made)
        curate_epoch(ledger, epoch_id, clock=CLOCK)
        judge(ledger, epoch_id, [(event.id, *given_[3:]) for event, given_ in zip(made, events, strict=True)])
        for user, units in overrides.items():
            adjust_allocation(
                ledger, epoch_id, UserId(user), final_units=units, context=make_context(), clock=FixedClock()
            )
        finalize(ledger, epoch_id, pool)
        amend(ledger, epoch_id, corrections)
    open_week(ledger, len(weeks), weights)
    return ledger


def judge(ledger: InMemoryLedger, epoch_id: EpochId, judgements: list[Any]) -> None:
    with ledger.read() as view:
        held = {event.event_id for event in view.curation.ordered_events(epoch_id)}
    for event_id, weight, included in judgements:
        if event_id in held and (weight is not None or not included):
            curate_event(
                ledger,
                epoch_id,
                event_id,
                included=included,
                weight_override_milli=weight,
                context=make_context(),
                clock=FixedClock(),
            )


def amend(ledger: InMemoryLedger, epoch_id: EpochId, corrections: dict[str, int]) -> None:
    """Correct users to units that nobody had; under any weights the same corrections stand."""
    with ledger.read() as view:
        newest = view.statements.versions(epoch_id)[-1]
    units = {UserId(user): 10**9 + each for user, each in corrections.items()}
    if units:
        amend_statement(
            ledger,
            epoch_id,
            set_units=units,
            cleared=[],
            reviewed_statement_hash=newest.statement_hash,
            context=make_context(),
            clock=CLOCK,
        )


def tried(ledger: InMemoryLedger, weights: WeightConfig, *, epochs: int = 9) -> PolicyTrial:
    with ledger.read() as view:
        return try_policy(view, weights, epochs=epochs)


def paid(ledger: InMemoryLedger) -> list[dict[str, int]]:
    with ledger.read() as view:
        newest = {statement.epoch_id: statement for statement in view.statements.chain()}
    return [
        {line.user_id: line.amount_credits for line in newest[epoch_id].payouts}
        for epoch_id in sorted(newest)
    ]


@settings(max_examples=60, deadline=None)
@given(weeks=WEEKS, weights=POLICIES)
def test_the_same_weights_change_nothing_for_anybody(weeks: list[Any], weights: WeightConfig) -> None:
    ledger = lived(weeks, weights)
    before = state_of(ledger, [])

    trial = tried(ledger, weights)

    assert state_of(ledger, []) == before
    assert all(person.delta == 0 and person.rank_before == person.rank_after for person in trial.people)
    assert all(found.moved == 0 and found.before == found.after for found in trial.epochs)
    assert trial.concentration_before == trial.concentration_after


@settings(max_examples=60, deadline=None)
@given(weeks=WEEKS, then=POLICIES, now=POLICIES)
def test_other_weights_pay_what_a_ledger_that_lived_under_them_pays(
    weeks: list[Any], then: WeightConfig, now: WeightConfig
) -> None:
    trial = tried(lived(weeks, then), now)
    before, after = paid(lived(weeks, then)), paid(lived(weeks, now))

    assert [found.before for found in trial.epochs] == [sum(amounts.values()) for amounts in before]
    assert [found.after for found in trial.epochs] == [sum(amounts.values()) for amounts in after]
    for number, found in enumerate(trial.epochs):
        assert found.after in {0, found.pool_credits}
        assert found.concentration_after == compute_concentration(after[number].values())
    for person in trial.people:
        assert [change[0] for change in person.by_epoch] == [
            amounts.get(person.user_id, 0) for amounts in before
        ]
        assert [change[1] for change in person.by_epoch] == [
            amounts.get(person.user_id, 0) for amounts in after
        ]
        assert person.delta == sum(now_ - then_ for then_, now_ in person.by_epoch)
    assert sum(person.after for person in trial.people) == sum(found.after for found in trial.epochs)
    assert {person.user_id for person in trial.people} == {
        user for amounts in (*before, *after) for user in amounts
    }
    assert sorted(person.rank_after for person in trial.people) == list(range(1, len(trial.people) + 1))


@settings(max_examples=20, deadline=None)
@given(weeks=WEEKS, now=POLICIES, epochs=st.integers(1, 3))
def test_only_the_latest_epochs_are_tried(weeks: list[Any], now: WeightConfig, epochs: int) -> None:
    ledger = lived(weeks, WeightConfig({}))
    every, some = tried(ledger, now), tried(ledger, now, epochs=epochs)

    assert some.epochs == every.epochs[-epochs:]


def test_a_ledger_without_a_closed_epoch_has_nothing_to_try() -> None:
    ledger = InMemoryLedger(NODE)
    open_week(ledger, 0)

    trial = tried(ledger, WeightConfig({"github:pr_merged": 1}))

    assert (trial.epochs, trial.people) == ((), ())


def test_an_example_to_check_by_hand() -> None:
    """ann merged one and bob reviewed two; 8 to 3 units at first, then 1 to 4; the pool is 100."""
    weeks: list[Any] = [
        ([(0, "1001", "pr_merged", None, True), *[(1, "1002", "review", None, True)] * 2], {}, 100, {})
    ]
    then = WeightConfig({"github:pr_merged": 8_000, "github:review": 1_500})
    now = WeightConfig({"github:pr_merged": 1_000, "github:review": 2_000})

    trial = tried(lived(weeks, then), now)

    assert [
        (it.user_id, it.before, it.after, it.delta, it.rank_before, it.rank_after) for it in trial.people
    ] == [
        ("ann", 73, 20, -53, 1, 2),
        ("bob", 27, 80, 53, 2, 1),
    ]
    assert (trial.concentration_before.gini, trial.concentration_after.gini) == ("0.230000", "0.300000")
    assert trial.concentration_after.top_shares == ("0.800000", "1.000000", "1.000000")
    assert (trial.epochs[0].moved, trial.epochs[0].weights) == (53, then)

"""Explanations of random ledgers give the statement, to the credit, and a bundle explains the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_core import EpochId, FinalizedAllocation, compute_payouts
from ledger_core.explanation import LedgerFacts, ReasonCode, UserExplanation, explain_user
from ledger_core.explanation.amounts import explain_amount
from ledger_core.explanation.values import Source
from ledger_core.testing import MONDAY, FixedClock, InMemoryLedger, make_context, make_event
from ledger_core.use_cases.adjust_allocation import adjust_allocation
from ledger_core.use_cases.curate_epoch import curate_epoch
from ledger_core.use_cases.curate_event import curate_event
from tests.bundle_histories import CLOCK, NODE, bind, bundle_bytes, finalize, open_week, store_events
from tests.explained_history import opened

USERS = ("ann", "bob", "cid")
ACCOUNTS = ("1001", "1002", "1003", "9", None)
EVENTS = st.lists(
    st.tuples(
        st.integers(0, 13),
        st.sampled_from(ACCOUNTS),
        st.sampled_from(["pr_merged", "review", "typo", "unheard_of"]),
        st.sampled_from([None, None, None, 0, 1, 7, 2**40]),
        st.sampled_from([True, True, True, False]),
    ),
    max_size=14,
)
OVERRIDES = st.dictionaries(st.sampled_from(USERS), st.integers(0, 3) | st.integers(0, 2**50), max_size=2)


@settings(max_examples=60, deadline=None)
@given(
    weeks=st.lists(EVENTS, min_size=1, max_size=2),
    overrides=OVERRIDES,
    pool=st.integers(0, 5) | st.integers(0, 2**60),
)
def test_explained_amounts_are_the_statement_s_and_sum_to_the_pool(
    weeks: list[Any], overrides: dict[str, int], pool: int
) -> None:
    ledger = InMemoryLedger(NODE)
    bind(ledger, ann="1001", bob="1002", cid="1003")
    for week, events in enumerate(weeks):
        epoch_id = open_week(ledger, week)
        made = [
            make_event(
                1000 * week + number, at=MONDAY + timedelta(days=day), account=account, event_type=kind
            )
            for number, (day, account, kind, _, _) in enumerate(events)
        ]
        store_events(ledger, *made)
        curate_epoch(ledger, epoch_id, clock=CLOCK)
        judge(ledger, epoch_id, [(event.id, *given_[3:]) for event, given_ in zip(made, events, strict=True)])
        for user, units in overrides.items():
            adjust(ledger, epoch_id, user, units)
        finalize(ledger, epoch_id, pool)

        check(ledger, epoch_id, pool)


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


def adjust(ledger: InMemoryLedger, epoch_id: EpochId, user: Any, units: int) -> None:
    adjust_allocation(ledger, epoch_id, user, final_units=units, context=make_context(), clock=FixedClock())


def check(ledger: InMemoryLedger, epoch_id: EpochId, pool: int) -> None:
    facts = opened(bundle_bytes(ledger, epoch_id))
    explained: list[UserExplanation] = []
    with ledger.read() as view:
        statement = view.statements.find(epoch_id)
        for user in USERS:
            found = explain_user(LedgerFacts(view, epoch_id), user, limit=3)
            explained.append(found)
            if found.units is not None:
                from_bundle = explain_user(facts, user, limit=3)
                same = replace(found, source=Source.BUNDLE, beyond=None, reasons=from_bundle.reasons)
                assert same == from_bundle
                assert set(from_bundle.reasons) <= set(found.reasons)
    assert statement is not None

    lines = {line.user_id: line for line in statement.payouts}
    assert sum(found.amount_credits for found in explained) == (pool if lines else 0)
    for found in explained:
        line = lines.get(found.user_id)
        assert found.stated == line
        assert found.amount_credits == (0 if line is None else line.amount_credits)
        assert ReasonCode.DIFFERS not in {reason.code for reason in found.reasons}
        assert found.amount_credits > 0 or found.reasons
        if found.units is not None:
            assert found.units.units_of_events == found.units.proposed_units
            assert sum(rule.units for rule in found.rules) == found.units.proposed_units
        assert found.events.total + found.judged.total == sum(
            rule.events + rule.reweighted_events + rule.excluded_events for rule in found.rules
        )


@settings(max_examples=300, deadline=None)
@given(
    units=st.dictionaries(
        st.sampled_from("abcdefgh"), st.integers(0, 5) | st.integers(0, 2**63 - 1), min_size=1, max_size=8
    ),
    pool=st.integers(0, 20) | st.integers(0, 2**63 - 1),
)
def test_each_amount_is_the_one_that_the_ledger_computes(units: dict[str, int], pool: int) -> None:
    lines = compute_payouts([FinalizedAllocation(user, mine) for user, mine in units.items()], pool)

    explained = {user: explain_amount(user, units, pool) for user in units}

    found = {
        user: (amount.units, amount.share, amount.amount_credits)
        for user, amount in explained.items()
        if amount is not None
    }
    assert found == {line.user_id: (line.total_units, line.share, line.amount_credits) for line in lines}
    ranks = sorted(amount.rank for amount in explained.values() if amount is not None)
    assert ranks == list(range(1, len(lines) + 1))
    for amount in explained.values():
        if amount is not None:
            assert amount.units * pool == amount.floor_credits * amount.total_units + amount.remainder
            assert amount.gets_spare_credit == (amount.rank <= amount.spare_credits)

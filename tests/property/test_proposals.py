"""Proposed allocations: events one by one, grouped or in any order make the same units."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger_core import (
    CuratedEvent,
    EventId,
    FinalizedAllocation,
    ProposedAllocation,
    UnitsOutOfRange,
    UserId,
    WeightConfig,
    compute_payouts,
    compute_proposed_allocations,
)

MAX_BIGINT = 2**63 - 1
MOST_EVENTS = 20
WEIGHTS = WeightConfig({"git:commit": 1000, "git:merge": 10**12, "git:tag": 0})
USERS = st.none() | st.text("abZ\u00e9", min_size=1, max_size=2).map(UserId)
OVERRIDES = st.none() | st.integers(0, 3) | st.integers(0, MAX_BIGINT // MOST_EVENTS)


@st.composite
def curated_events(draw: st.DrawFn) -> list[CuratedEvent]:
    facts = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["commit", "merge", "tag", "unknown"]), USERS, st.booleans(), OVERRIDES
            ),
            max_size=MOST_EVENTS,
        )
    )
    return [
        CuratedEvent(
            event_id=EventId(f"e{number}"),
            source="git",
            event_type=event_type,
            payload_hash="0" * 64,
            user_id=user,
            included=included,
            weight_override_milli=override,
        )
        for number, (event_type, user, included, override) in enumerate(facts)
    ]


def merged(groups: Iterable[Iterable[ProposedAllocation]]) -> tuple[ProposedAllocation, ...]:
    """The proposals of all groups, added up by user."""
    units: Counter[UserId] = Counter()
    counts: Counter[UserId] = Counter()
    for group in groups:
        for row in group:
            units[row.user_id] += row.proposed_units
            counts[row.user_id] += row.activity_count
    return tuple(
        ProposedAllocation(user_id=user, proposed_units=units[user], activity_count=counts[user])
        for user in sorted(counts)
    )


def finalized(rows: Iterable[ProposedAllocation]) -> list[FinalizedAllocation]:
    return [FinalizedAllocation(row.user_id, row.proposed_units) for row in rows]


@given(events=curated_events(), pool=st.integers(0, MAX_BIGINT))
def test_events_one_by_one_earn_what_they_earn_together(events: list[CuratedEvent], pool: int) -> None:
    together = compute_proposed_allocations(events, WEIGHTS)
    one_by_one = merged(compute_proposed_allocations([event], WEIGHTS) for event in events)

    assert one_by_one == together
    assert compute_payouts(finalized(one_by_one), pool) == compute_payouts(finalized(together), pool)


@given(events=curated_events(), data=st.data())
def test_events_in_any_groups_earn_what_they_earn_together(
    events: list[CuratedEvent], data: st.DataObject
) -> None:
    """Pages, days or repositories: how events were grouped leaves no trace."""
    group_of = data.draw(st.lists(st.integers(0, 3), min_size=len(events), max_size=len(events)))
    groups: dict[int, list[CuratedEvent]] = {}
    for event, group in zip(events, group_of, strict=True):
        groups.setdefault(group, []).append(event)

    in_groups = merged(compute_proposed_allocations(group, WEIGHTS) for group in groups.values())

    assert in_groups == compute_proposed_allocations(events, WEIGHTS)


@given(events=curated_events(), pool=st.integers(0, MAX_BIGINT))
def test_one_event_with_the_sum_earns_what_its_parts_earn(events: list[CuratedEvent], pool: int) -> None:
    """Ungrouped and grouped input: a user's events, or one in their place, give the same payouts."""
    proposed = compute_proposed_allocations(events, WEIGHTS)
    sums = [
        CuratedEvent(
            event_id=EventId(f"sum of {row.user_id}"),
            source="git",
            event_type="commit",
            payload_hash="0" * 64,
            user_id=row.user_id,
            included=True,
            weight_override_milli=row.proposed_units,
        )
        for row in proposed
    ]

    of_sums = compute_proposed_allocations(sums, WEIGHTS)

    assert [row.proposed_units for row in of_sums] == [row.proposed_units for row in proposed]
    assert compute_payouts(finalized(of_sums), pool) == compute_payouts(finalized(proposed), pool)


@given(events=curated_events(), data=st.data())
def test_the_order_of_events_does_not_matter(events: list[CuratedEvent], data: st.DataObject) -> None:
    """PAYOUT_DETERMINISTIC."""
    permuted = data.draw(st.permutations(events))

    assert compute_proposed_allocations(permuted, WEIGHTS) == compute_proposed_allocations(events, WEIGHTS)


@given(weights=st.lists(st.integers(0, MAX_BIGINT), min_size=1, max_size=4))
@example(weights=[MAX_BIGINT])
@example(weights=[MAX_BIGINT, 1])
@example(weights=[MAX_BIGINT - 1, 1])
def test_units_are_exact_up_to_a_bigint_and_refused_beyond(weights: list[int]) -> None:
    """ALL_MATH_BIGINT: on both sides of 2^63-1."""
    events = [
        CuratedEvent(
            event_id=EventId(f"e{number}"),
            source="git",
            event_type="commit",
            payload_hash="0" * 64,
            user_id=UserId("ann"),
            included=True,
            weight_override_milli=weight,
        )
        for number, weight in enumerate(weights)
    ]

    if sum(weights) > MAX_BIGINT:
        with pytest.raises(UnitsOutOfRange):
            compute_proposed_allocations(events, WEIGHTS)
    else:
        (row,) = compute_proposed_allocations(events, WEIGHTS)
        assert row.proposed_units == sum(weights)

"""Curation and allocations: weights, sums, and the hashes that pin both."""

from __future__ import annotations

from hashlib import sha256

import pytest

from ledger_core import (
    Allocation,
    CuratedEvent,
    EventId,
    FinalizedAllocation,
    InvalidValue,
    ProposedAllocation,
    UnitsOutOfRange,
    UserId,
    UserTwice,
    WeightConfig,
    compute_activity_set_hash,
    compute_allocation_set_hash,
    compute_proposed_allocations,
)
from ledger_core.domain.curation import weight_milli

MAX_BIGINT = 2**63 - 1
WEIGHTS = WeightConfig({"github:pr_merged": 8000, "github:issue_closed": 1000})


def curated(
    event_id: str = "e1",
    *,
    user: str | None = "ann",
    event_type: str = "pr_merged",
    included: bool = True,
    weight: int | None = None,
    payload_hash: str = "a" * 64,
) -> CuratedEvent:
    return CuratedEvent(
        event_id=EventId(event_id),
        source="github",
        event_type=event_type,
        payload_hash=payload_hash,
        user_id=None if user is None else UserId(user),
        included=included,
        weight_override_milli=weight,
    )


def proposed(user: str, units: int, count: int) -> ProposedAllocation:
    return ProposedAllocation(user_id=UserId(user), proposed_units=units, activity_count=count)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (curated(), 8000),
        (curated(event_type="issue_closed"), 1000),
        (curated(event_type="unknown"), 0),
        (curated(weight=5), 5),
        (curated(weight=0), 0),
        (curated(event_type="unknown", weight=MAX_BIGINT), MAX_BIGINT),
    ],
)
def test_the_weight_is_the_override_else_the_policys_else_zero(event: CuratedEvent, expected: int) -> None:
    assert weight_milli(event, WEIGHTS) == expected


@pytest.mark.parametrize("weight", [-1, MAX_BIGINT + 1])
def test_an_override_outside_a_bigint_is_refused(weight: int) -> None:
    """ALL_MATH_BIGINT: on both sides."""
    with pytest.raises(InvalidValue):
        curated(weight=weight)


def test_weights_are_summed_by_user() -> None:
    events = [
        curated("e1", user="bob"),
        curated("e2", user="ann"),
        curated("e3", user="ann", event_type="issue_closed"),
        curated("e4", user="Zoe", event_type="unknown"),
    ]

    expected = (proposed("Zoe", 0, 1), proposed("ann", 9000, 2), proposed("bob", 8000, 1))
    assert compute_proposed_allocations(events, WEIGHTS) == expected
    assert compute_proposed_allocations(reversed(events), WEIGHTS) == expected


def test_excluded_and_unresolved_events_earn_nothing() -> None:
    """IDENTITY_BEST_EFFORT: nor do they count as activity."""
    events = [
        curated("e1", included=False),
        curated("e2", user=None),
        curated("e3", user=None, included=False),
    ]

    assert compute_proposed_allocations(events, WEIGHTS) == ()


def test_units_are_exact_up_to_the_largest_bigint_and_refused_above() -> None:
    """ALL_MATH_BIGINT: overflow names the user."""
    fits = [curated("e1", weight=MAX_BIGINT - 8000), curated("e2")]

    assert compute_proposed_allocations(fits, WEIGHTS) == (proposed("ann", MAX_BIGINT, 2),)
    with pytest.raises(UnitsOutOfRange) as refused:
        compute_proposed_allocations([*fits, curated("e3", weight=1)], WEIGHTS)
    assert refused.value.user_id == "ann"


def test_weights_that_are_no_whole_numbers_are_refused() -> None:
    """WEIGHTS_INTEGER_ONLY: also where a plain mapping is passed."""
    weights: dict[str, int] = {"github:pr_merged": 1.5}  # type: ignore[dict-item]

    with pytest.raises(InvalidValue):
        compute_proposed_allocations([], weights)


def test_final_units_win_and_zero_is_a_real_zero() -> None:
    def units(final: int | None) -> FinalizedAllocation:
        return Allocation(user_id=UserId("ann"), proposed_units=7, final_units=final).finalized()

    assert units(None) == FinalizedAllocation("ann", 7)
    assert units(5) == FinalizedAllocation("ann", 5)
    assert units(0) == FinalizedAllocation("ann", 0)


@pytest.mark.parametrize("units", [-1, MAX_BIGINT + 1])
def test_units_outside_a_bigint_are_refused(units: int) -> None:
    """ALL_MATH_BIGINT: proposed, final or finalized."""
    with pytest.raises(InvalidValue):
        FinalizedAllocation("ann", units)
    with pytest.raises(InvalidValue):
        Allocation(user_id=UserId("ann"), proposed_units=units)
    with pytest.raises(InvalidValue):
        Allocation(user_id=UserId("ann"), proposed_units=0, final_units=units)


def test_the_allocation_set_hash_covers_ordered_lines() -> None:
    """PAYOUT_DETERMINISTIC: the text is written out here."""
    allocations = [FinalizedAllocation("bob", 8000), FinalizedAllocation("ann", 9000)]

    expected = "bd237ad9a653894e7857d89065675f2b524254719bb3377983a131658282bd0a"
    assert expected == sha256(b"ann:9000\nbob:8000").hexdigest()
    assert compute_allocation_set_hash(allocations) == expected
    assert compute_allocation_set_hash(reversed(allocations)) == expected


def test_the_allocation_set_hash_orders_by_code_point() -> None:
    """PAYOUT_DETERMINISTIC: not by UTF-16, not by locale."""
    users = ["\U0001f600", "\ufb00", "\u00e9", "a", "Z"]

    hashed = compute_allocation_set_hash(FinalizedAllocation(user, 1) for user in users)

    assert hashed == sha256("Z:1\na:1\n\u00e9:1\n\ufb00:1\n\U0001f600:1".encode()).hexdigest()


def test_the_allocation_set_hash_is_not_in_the_order_of_a_table() -> None:
    """PAYOUT_DETERMINISTIC: a table shows the largest first."""
    allocations = [
        FinalizedAllocation("zoe", 9000),
        FinalizedAllocation("ann", 1),
        FinalizedAllocation("bob", 8000),
    ]

    assert compute_allocation_set_hash(allocations) == sha256(b"ann:1\nbob:8000\nzoe:9000").hexdigest()


def test_no_allocations_hash_the_empty_text() -> None:
    expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    assert compute_allocation_set_hash([]) == expected
    assert compute_activity_set_hash([], WEIGHTS) == expected


def test_a_user_twice_is_refused() -> None:
    with pytest.raises(UserTwice) as refused:
        compute_allocation_set_hash([FinalizedAllocation("ann", 1), FinalizedAllocation("ann", 1)])

    assert refused.value.user_id == "ann"


def test_the_activity_set_hash_covers_one_line_an_event() -> None:
    """PAYOUT_DETERMINISTIC: the text is written out here; a weight travels as a string."""
    events = [curated("e1"), curated("e2", user=None, event_type="unknown", payload_hash="b" * 64)]

    lines = f'["e1","{"a" * 64}","ann",true,"8000"]\n["e2","{"b" * 64}",null,true,"0"]'
    expected = "be38e4284e43e6fa5d9322328b62d1df134bd59d90d804041d2e6f92f6f6c030"
    assert expected == sha256(lines.encode()).hexdigest()
    assert compute_activity_set_hash(events, WEIGHTS) == expected


@pytest.mark.parametrize(
    "changed",
    [
        curated("e3"),
        curated(payload_hash="b" * 64),
        curated(user="bob"),
        curated(user=None),
        curated(included=False),
        curated(weight=1),
    ],
)
def test_every_part_of_curation_moves_the_activity_set_hash(changed: CuratedEvent) -> None:
    assert compute_activity_set_hash([changed], WEIGHTS) != compute_activity_set_hash([curated()], WEIGHTS)


def test_an_override_equal_to_the_policy_is_the_same_weight() -> None:
    assert compute_activity_set_hash([curated(weight=8000)], WEIGHTS) == compute_activity_set_hash(
        [curated()], WEIGHTS
    )


@pytest.mark.parametrize("ids", [("e2", "e1"), ("e1", "e1"), ("\U0001f600", "\ufb00")])
def test_events_out_of_order_or_twice_are_refused(ids: tuple[str, str]) -> None:
    """PAYOUT_DETERMINISTIC: the order is by code point, each event once."""
    with pytest.raises(InvalidValue, match="activity set"):
        compute_activity_set_hash([curated(event_id) for event_id in ids], WEIGHTS)


def test_events_in_order_of_code_points_are_accepted() -> None:
    ordered = [curated(event_id) for event_id in ("Z", "a", "\u00e9", "\ufb00", "\U0001f600")]

    assert len(compute_activity_set_hash(ordered, WEIGHTS)) == 64

"""Payouts by largest remainder: the only place of the ledger that rounds."""

from __future__ import annotations

from typing import Any

import pytest

from ledger_core import (
    FinalizedAllocation,
    InvalidValue,
    NothingToApportion,
    PayoutLine,
    UserTwice,
    compute_payouts,
    largest_remainder,
)
from ledger_core.domain.payouts import share_text

MAX_BIGINT = 2**63 - 1


@pytest.mark.parametrize(
    ("units", "pool", "expected"),
    [
        ({"a": 1, "b": 1, "c": 1}, 100, {"a": 34, "b": 33, "c": 33}),
        ({"a": 1, "b": 3, "c": 3}, 3, {"a": 1, "b": 1, "c": 1}),
        ({"a": 1, "b": 3, "c": 3}, 4, {"a": 0, "b": 2, "c": 2}),
        ({"a": 1}, 7, {"a": 7}),
        ({"a": 0, "b": 5}, 7, {"a": 0, "b": 7}),
        ({"a": 1, "b": 1}, 1, {"a": 1, "b": 0}),
        ({"a": 1, "b": 1}, 0, {"a": 0, "b": 0}),
        ({"a": 8000, "b": 1000}, 1000, {"a": 889, "b": 111}),
        ({"b": 1, "Z": 1, "\U0001f600": 1, "\ufb00": 1}, 2, {"Z": 1, "b": 1, "\ufb00": 0, "\U0001f600": 0}),
    ],
)
def test_a_pool_is_split_to_the_last_credit(
    units: dict[str, int], pool: int, expected: dict[str, int]
) -> None:
    """PAYOUT_DETERMINISTIC: examples to check by hand; spare credits go to the smaller user ids."""
    amounts = largest_remainder(pool, units)

    assert amounts == expected
    assert list(amounts) == sorted(units)


def test_the_largest_values_are_exact() -> None:
    """ALL_MATH_BIGINT: a float would be off by hundreds of credits."""
    amounts = largest_remainder(MAX_BIGINT, {"a": MAX_BIGINT, "b": MAX_BIGINT, "c": MAX_BIGINT - 1})

    assert amounts == {
        "a": 3_074_457_345_618_258_603,
        "b": 3_074_457_345_618_258_602,
        "c": 3_074_457_345_618_258_602,
    }
    assert sum(amounts.values()) == MAX_BIGINT


@pytest.mark.parametrize("units", [{}, {"a": 0}, {"a": 0, "b": 0}])
def test_nothing_is_split_by_nothing(units: dict[str, int]) -> None:
    with pytest.raises(NothingToApportion):
        largest_remainder(100, units)


@pytest.mark.parametrize("value", [-1, MAX_BIGINT + 1, 1.0, True, "1", None])
def test_a_value_outside_a_bigint_is_refused(value: Any) -> None:
    """ALL_MATH_BIGINT: as pool and as units."""
    with pytest.raises(InvalidValue, match="pool"):
        largest_remainder(value, {"a": 1})
    with pytest.raises(InvalidValue, match="units"):
        largest_remainder(1, {"a": 1, "b": value})
    with pytest.raises(InvalidValue, match="pool"):
        compute_payouts([], value)


@pytest.mark.parametrize(
    ("units", "total", "expected"),
    [
        (1, 3, "0.333333"),
        (2, 3, "0.666666"),
        (1, 1, "1.000000"),
        (0, 1, "0.000000"),
        (1, 10**6, "0.000001"),
        (1, 10**6 + 1, "0.000000"),
        (999_999, 10**6, "0.999999"),
        (MAX_BIGINT - 1, MAX_BIGINT, "0.999999"),
    ],
)
def test_a_share_is_cut_to_six_digits(units: int, total: int, expected: str) -> None:
    assert share_text(units, total) == expected


def test_payouts_come_one_a_user_in_order_with_zeros_included() -> None:
    allocations = [FinalizedAllocation("c", 1), FinalizedAllocation("b", 0), FinalizedAllocation("a", 2)]

    expected = (
        PayoutLine("a", 2, "0.666666", 67),
        PayoutLine("b", 0, "0.000000", 0),
        PayoutLine("c", 1, "0.333333", 33),
    )
    assert compute_payouts(allocations, 100) == expected
    assert compute_payouts(reversed(allocations), 100) == expected


@pytest.mark.parametrize(
    ("allocations", "pool"),
    [([], 100), ([FinalizedAllocation("a", 0)], 100), ([FinalizedAllocation("a", 5)], 0), ([], 0)],
    ids=["nobody", "zero units", "zero pool", "nothing at all"],
)
def test_without_units_or_pool_nobody_is_paid(allocations: list[FinalizedAllocation], pool: int) -> None:
    assert compute_payouts(allocations, pool) == ()


def test_a_user_twice_is_refused_even_where_nobody_is_paid() -> None:
    twice = [FinalizedAllocation("ann", 0), FinalizedAllocation("ann", 0)]

    with pytest.raises(UserTwice) as refused:
        compute_payouts(twice, 0)

    assert refused.value.user_id == "ann"

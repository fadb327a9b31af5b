"""The laws of largest remainder that say how two apportionments relate, for units up to 2^63-1."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ledger_core import FinalizedAllocation, InvalidValue, compute_payouts, largest_remainder

MAX_BIGINT = 2**63 - 1
# Small numbers make ties and zeros likely; those at the top show what 64 bits or a float would lose.
NUMBERS = st.one_of(
    st.integers(0, 3),
    st.integers(0, 10_000),
    st.integers(0, MAX_BIGINT),
    st.integers(MAX_BIGINT - 3, MAX_BIGINT),
)
BEYOND = st.one_of(
    st.integers(max_value=-1), st.integers(min_value=MAX_BIGINT + 1), st.floats(), st.booleans(), st.none()
)
# Ids whose order differs by code point, by UTF-16 unit, by locale and by case.
USERS = st.text("abZ\u00e9\ufb00\U0001f600", min_size=1, max_size=3)
UNITS = st.dictionaries(USERS, NUMBERS, min_size=1, max_size=12).filter(lambda units: any(units.values()))


@given(pool=NUMBERS, units=UNITS)
@example(pool=MAX_BIGINT, units={"a": MAX_BIGINT, "b": MAX_BIGINT, "c": MAX_BIGINT - 1})
@example(pool=1, units={"a": 0, "b": MAX_BIGINT})
def test_each_amount_is_its_share_rounded_down_or_up(pool: int, units: dict[str, int]) -> None:
    """Quota: floor <= amount <= ceil, in whole numbers; and the amounts sum to the pool."""
    total = sum(units.values())

    amounts = largest_remainder(pool, units)

    for user, amount in amounts.items():
        assert units[user] * pool // total <= amount <= -(-units[user] * pool // total)
    assert sum(amounts.values()) == pool


@given(pool=NUMBERS, units=UNITS, data=st.data())
def test_the_scale_of_units_does_not_matter(pool: int, units: dict[str, int], data: st.DataObject) -> None:
    """Milli-units or micro-units: the same amounts and shares, as long as all stay within 2^63-1."""
    factor = data.draw(st.integers(1, MAX_BIGINT // max(units.values())))
    scaled = {user: amount * factor for user, amount in units.items()}

    lines = compute_payouts([FinalizedAllocation(*entry) for entry in units.items()], pool)
    of_scaled = compute_payouts([FinalizedAllocation(*entry) for entry in scaled.items()], pool)

    assert [(line.user_id, line.share, line.amount_credits) for line in lines] == [
        (line.user_id, line.share, line.amount_credits) for line in of_scaled
    ]


@given(pool=st.integers(1, MAX_BIGINT), units=UNITS)
def test_what_was_apportioned_is_apportioned_as_it_is(pool: int, units: dict[str, int]) -> None:
    """Idempotence: amounts, taken for units of the same pool, are their own exact shares."""
    amounts = largest_remainder(pool, units)

    assert largest_remainder(pool, amounts) == amounts


@given(pool=NUMBERS, units=UNITS)
def test_a_spare_credit_goes_by_remainder_and_then_by_user_id(pool: int, units: dict[str, int]) -> None:
    """Ties by user id: whoever got one stands before all who did not (remainder, then code point)."""
    total = sum(units.values())

    amounts = largest_remainder(pool, units)

    got: list[tuple[int, bytes]] = []
    rest: list[tuple[int, bytes]] = []
    for user, amount in amounts.items():
        whole, remainder = divmod(units[user] * pool, total)
        (got if amount > whole else rest).append((-remainder, user.encode("utf-32-be")))
    assert not got or not rest or max(got) < min(rest)


@given(pool=NUMBERS, units=UNITS, newcomers=st.sets(USERS, max_size=4))
def test_users_with_zero_units_change_nothing_for_others(
    pool: int, units: dict[str, int], newcomers: set[str]
) -> None:
    """Zero gets zero, and takes nobody's credit, wherever its id sorts."""
    zeros = dict.fromkeys(newcomers - set(units), 0)

    assert largest_remainder(pool, units | zeros) == largest_remainder(pool, units) | zeros


@given(pool=NUMBERS, units=UNITS, prefix=st.text("aZ\u00e9", max_size=2))
def test_ids_matter_by_their_order_only(pool: int, units: dict[str, int], prefix: str) -> None:
    """The same prefix before all ids keeps their order, so it keeps their amounts."""
    renamed = {prefix + user: amount for user, amount in units.items()}

    amounts = largest_remainder(pool, units)

    assert largest_remainder(pool, renamed) == {prefix + user: amount for user, amount in amounts.items()}


@given(pool=NUMBERS, units=UNITS, data=st.data())
def test_any_order_of_input_gives_one_order_of_output(
    pool: int, units: dict[str, int], data: st.DataObject
) -> None:
    """PAYOUT_DETERMINISTIC: permutation invariance, the order of the entries included."""
    permuted = dict(data.draw(st.permutations(list(units.items()))))

    assert list(largest_remainder(pool, permuted).items()) == list(largest_remainder(pool, units).items())
    assert list(largest_remainder(pool, units)) == sorted(units, key=lambda user: user.encode("utf-8"))


@given(pool=NUMBERS, units=UNITS, value=BEYOND, data=st.data())
@example(pool=1, units={"a": 1}, value=MAX_BIGINT + 1, data=None)
@example(pool=1, units={"a": 1}, value=-1, data=None)
def test_a_number_beyond_a_bigint_is_refused_wherever_it_stands(
    pool: int, units: dict[str, int], value: Any, data: st.DataObject | None
) -> None:
    """ALL_MATH_BIGINT: as pool, as one of the units, and as an allocation."""
    user = min(units) if data is None else data.draw(st.sampled_from(sorted(units)))

    with pytest.raises(InvalidValue, match="pool"):
        largest_remainder(value, units)
    with pytest.raises(InvalidValue, match="units"):
        largest_remainder(pool, units | {user: value})
    with pytest.raises(InvalidValue, match="units"):
        FinalizedAllocation(user, value)


@given(pool=st.integers(2**53, MAX_BIGINT), units=UNITS)
def test_the_last_credit_of_a_pool_no_float_can_hold_is_paid(pool: int, units: dict[str, int]) -> None:
    """ALL_MATH_BIGINT: one credit more is one credit more, though floats have lost it."""
    assume(pool < MAX_BIGINT)

    paid = sum(largest_remainder(pool, units).values())
    paid_of_more = sum(largest_remainder(pool + 1, units).values())

    assert (paid, paid_of_more) == (pool, pool + 1)

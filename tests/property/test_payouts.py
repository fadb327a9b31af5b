"""Payouts, for whatever units and pool there may be."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import gcd

from hypothesis import assume, given
from hypothesis import strategies as st

from ledger_core import FinalizedAllocation, compute_payouts, largest_remainder
from ledger_core.domain.apportionment import exact_floors
from ledger_core.domain.payouts import share_text

MAX_BIGINT = 2**63 - 1
# Small numbers make ties and zeros likely, large ones show what a float would lose.
NUMBERS = st.one_of(st.integers(0, 3), st.integers(0, 10_000), st.integers(0, MAX_BIGINT))
USERS = st.text("abZ\u00e9\ufb00\U0001f600", min_size=1, max_size=3)
UNITS = st.dictionaries(USERS, NUMBERS, min_size=1, max_size=12)
PAYABLE_UNITS = UNITS.filter(lambda units: sum(units.values()) > 0)


def oracle(pool: int, units: dict[str, int]) -> dict[str, int]:
    """Hamilton's method as it is written in textbooks, in exact fractions and one credit at a time."""
    total = sum(units.values())
    exact = {user: Fraction(pool * amount, total) for user, amount in units.items()}
    paid = {user: share.numerator // share.denominator for user, share in exact.items()}
    waiting = set(units)
    while sum(paid.values()) < pool:
        # The smallest id among those with the largest remainder.
        largest = max(exact[user] - paid[user] for user in waiting)
        winner = min(user for user in waiting if exact[user] - paid[user] == largest)
        paid[winner] += 1
        waiting.remove(winner)
    return paid


@given(pool=NUMBERS, units=PAYABLE_UNITS)
def test_amounts_sum_to_the_pool(pool: int, units: dict[str, int]) -> None:
    assert sum(largest_remainder(pool, units).values()) == pool


@given(pool=NUMBERS, units=PAYABLE_UNITS)
def test_each_amount_is_within_a_credit_of_its_exact_share(pool: int, units: dict[str, int]) -> None:
    """Quota: the share rounded down or up, and left alone where it is whole already."""
    total = sum(units.values())

    for user, amount in largest_remainder(pool, units).items():
        exact = Fraction(pool * units[user], total)
        assert abs(amount - exact) < 1


@given(pool=NUMBERS, units=PAYABLE_UNITS)
def test_amounts_agree_with_the_textbook(pool: int, units: dict[str, int]) -> None:
    """PAYOUT_DETERMINISTIC: with an oracle that shares no line with the code."""
    assert largest_remainder(pool, units) == oracle(pool, units)


# Shares of a huge total that differ by next to nothing: their remainders have the same first bits.
CLOSE_UNITS = st.builds(
    lambda base, offsets: {user: base + offset for user, offset in offsets.items()},
    st.integers(10**6, 10**15),
    st.dictionaries(USERS, st.integers(0, 3), min_size=2, max_size=12),
)


@given(pool=st.integers(0, 50), units=CLOSE_UNITS)
def test_remainders_that_nearly_agree_are_told_apart(pool: int, units: dict[str, int]) -> None:
    """PAYOUT_DETERMINISTIC: the first bits of a remainder decide only where they differ."""
    assert largest_remainder(pool, units) == oracle(pool, units)


@given(units=st.integers(1, MAX_BIGINT), others=st.integers(1, MAX_BIGINT))
def test_a_quotient_that_is_next_to_whole_is_not_taken_for_whole(units: int, others: int) -> None:
    """ALL_MATH_BIGINT: the product misses the next multiple of the total by one."""
    total = units + others
    assume(gcd(units, total) == 1)
    multiplier = -pow(units, -1, total) % total

    assert exact_floors([units, others], multiplier, total) == [
        units * multiplier // total,
        others * multiplier // total,
    ]


@given(pool=NUMBERS, units=PAYABLE_UNITS, data=st.data())
def test_the_order_of_the_input_does_not_matter(
    pool: int, units: dict[str, int], data: st.DataObject
) -> None:
    """PAYOUT_DETERMINISTIC: same set, same lines in the same order."""
    allocations = [FinalizedAllocation(user, amount) for user, amount in units.items()]
    permuted = data.draw(st.permutations(allocations))

    assert compute_payouts(permuted, pool) == compute_payouts(allocations, pool)


@given(pool=NUMBERS, users=st.sets(USERS, min_size=1, max_size=12), amount=st.integers(1, MAX_BIGINT))
def test_equal_units_differ_by_a_credit_at_most_and_the_smaller_id_has_it(
    pool: int, users: set[str], amount: int
) -> None:
    amounts = list(largest_remainder(pool, dict.fromkeys(users, amount)).values())

    assert amounts == sorted(amounts, reverse=True)
    assert amounts[0] - amounts[-1] <= 1


@given(pool=NUMBERS, units=PAYABLE_UNITS)
def test_zero_units_get_zero(pool: int, units: dict[str, int]) -> None:
    amounts = largest_remainder(pool, units)

    assert all(amounts[user] == 0 for user, amount in units.items() if amount == 0)


@given(pool=NUMBERS, units=PAYABLE_UNITS)
def test_more_units_never_get_less(pool: int, units: dict[str, int]) -> None:
    amounts = largest_remainder(pool, units)

    by_units = sorted(units, key=lambda user: units[user])
    for fewer, more in pairwise(by_units):
        assert units[fewer] == units[more] or amounts[fewer] <= amounts[more]


@given(pool=NUMBERS, units=UNITS)
def test_amounts_and_what_is_undistributed_sum_to_the_pool(pool: int, units: dict[str, int]) -> None:
    """POOL_REPRODUCIBLE: nothing is paid twice, nothing is lost; all or nothing is undistributed."""
    lines = compute_payouts([FinalizedAllocation(user, amount) for user, amount in units.items()], pool)

    paid = sum(line.amount_credits for line in lines)
    assert paid == (pool if pool and sum(units.values()) else 0)
    assert [line.user_id for line in lines] == (sorted(units) if lines else [])


@given(total=st.integers(1, MAX_BIGINT), data=st.data())
def test_a_share_is_the_exact_one_cut_to_six_digits(total: int, data: st.DataObject) -> None:
    units = data.draw(st.integers(0, total))
    whole, digits = share_text(units, total).split(".")

    printed = Fraction(int(whole + digits), 10**6)
    assert len(digits) == 6
    assert 0 <= Fraction(units, total) - printed < Fraction(1, 10**6)

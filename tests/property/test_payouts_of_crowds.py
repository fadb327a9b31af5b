"""Payouts of crowds: many who have almost the same remainder are told apart exactly."""

from __future__ import annotations

from fractions import Fraction
from itertools import repeat

from hypothesis import example, given
from hypothesis import strategies as st

from ledger_core import largest_remainder
from ledger_core.domain.apportionment import exact_floors

MAX_BIGINT = 2**63 - 1
# How many have the same units, and those units: close to each other, as what is close can be mistaken.
BASES = st.one_of(st.integers(1, 2_000), st.integers(2**40, 2**62))
CROWDS = st.builds(
    lambda base, groups: [(count, base + more) for count, more in groups],
    BASES,
    st.lists(st.tuples(st.integers(1, 300), st.integers(0, 9)), min_size=2, max_size=6),
)


def by_fractions(pool: int, units: dict[str, int]) -> dict[str, int]:
    """Largest remainder as a textbook has it, without a thought for speed."""
    total = sum(units.values())
    shares = {user: Fraction(pool * each, total) for user, each in units.items()}
    amounts = {user: int(share) for user, share in shares.items()}
    ranked = sorted(shares, key=lambda user: (amounts[user] - shares[user], user))
    for user in ranked[: pool - sum(amounts.values())]:
        amounts[user] += 1
    return amounts


@given(crowd=CROWDS, pool=st.one_of(st.integers(1, 5_000), st.integers(1, MAX_BIGINT)))
# 514 shares of 256/257, and one of 256 exactly: by a hair less it would seem to have the largest remainder.
@example(crowd=[(514, 1), (1, 257)], pool=768)
def test_a_crowd_is_paid_as_exact_fractions_say(crowd: list[tuple[int, int]], pool: int) -> None:
    """ALL_MATH_BIGINT."""
    everybody = [each for count, units in crowd for each in repeat(units, count)]
    # The ids go against the order of the units, so that ties are decided by them alone.
    units = {f"user-{len(everybody) - place:04d}": each for place, each in enumerate(everybody)}

    assert largest_remainder(pool, units) == by_fractions(pool, units)


@given(
    units=st.lists(st.one_of(st.integers(0, 9), st.integers(0, MAX_BIGINT)), min_size=1).filter(any),
    numerator=st.integers(0, MAX_BIGINT << 8),
)
@example(units=[900, 1], numerator=3 * 901 - 1)
def test_floors_are_exact_without_a_division_each(units: list[int], numerator: int) -> None:
    """ALL_MATH_BIGINT."""
    total = sum(units)

    assert exact_floors(units, numerator, total) == [each * numerator // total for each in units]

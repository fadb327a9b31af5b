"""Concentration: figures to check by hand, and what holds of any amounts."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_core import InvalidValue
from ledger_core.domain.concentration import Concentration, compute_concentration

AMOUNTS = st.lists(st.one_of(st.integers(0, 5), st.integers(0, 2**63 - 1)), max_size=15)


@pytest.mark.parametrize(
    ("amounts", "gini", "tops"),
    [
        ((), "0.000000", ("0.000000", "0.000000", "0.000000")),
        ((0, 0), "0.000000", ("0.000000", "0.000000", "0.000000")),
        ((5,), "0.000000", ("1.000000", "1.000000", "1.000000")),
        ((1, 1, 1, 1), "0.000000", ("0.250000", "0.750000", "1.000000")),
        ((0, 0, 0, 10), "0.750000", ("1.000000", "1.000000", "1.000000")),
        ((1, 3), "0.250000", ("0.750000", "1.000000", "1.000000")),
        (tuple(range(1, 12)), "0.303030", ("0.166666", "0.454545", "0.984848")),
    ],
)
def test_figures_to_check_by_hand(amounts: tuple[int, ...], gini: str, tops: tuple[str, ...]) -> None:
    found = compute_concentration(amounts)

    assert (found.gini, found.top_shares) == (gini, tops)
    assert (found.people, found.total) == (len(amounts), sum(amounts))


@given(amounts=AMOUNTS, data=st.data())
def test_it_is_the_mean_difference_of_pairs_in_any_order(amounts: list[int], data: st.DataObject) -> None:
    """Another definition of the coefficient, in fractions."""
    found = compute_concentration(data.draw(st.permutations(amounts)))
    people, total = len(amounts), sum(amounts)

    assert found == compute_concentration(amounts)
    if total:
        pairs = sum(abs(one - other) for one in amounts for other in amounts)
        assert Fraction(found.gini_numerator, people * total) == Fraction(pairs, 2 * people * total)
        assert 0 <= found.gini_numerator <= (people - 1) * total
    assert found.tops == tuple(sum(sorted(amounts, reverse=True)[:top]) for top in (1, 3, 10))


@pytest.mark.parametrize("wrong", [-1, True, 1.0])
def test_what_is_no_amount_is_refused(wrong: int) -> None:
    with pytest.raises(InvalidValue) as refused:
        compute_concentration((1, wrong))

    assert str(refused.value) == "amount must be a whole number of 0 or more"


def test_nothing_spread_is_not_divided_by() -> None:
    assert Concentration(people=0, total=0, gini_numerator=0, tops=(0, 0, 0)).gini == "0.000000"

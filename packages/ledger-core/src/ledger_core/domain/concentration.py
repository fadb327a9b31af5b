"""How concentrated amounts are: the Gini coefficient, and what the largest few hold; whole numbers only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ledger_core.domain.payouts import share_text
from ledger_core.errors import InvalidValue

TOPS: Final = (1, 3, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Concentration:
    """How amounts are spread over people, those with nothing included.

    Holds: gini_numerator / (people * total) is the Gini coefficient, exactly: 0 where everybody has the same,
           and (people - 1) / people where one has all. tops are the sums of the TOPS largest amounts.
    """

    people: int
    total: int
    gini_numerator: int
    tops: tuple[int, ...]

    @property
    def gini(self) -> str:
        """The coefficient cut to six digits: `0.333333`; where nothing is spread, `0.000000`."""
        return share_text(self.gini_numerator, self.people * self.total) if self.total else share_text(0, 1)

    @property
    def top_shares(self) -> tuple[str, ...]:
        """What the TOPS largest amounts are of the total, cut to six digits."""
        return tuple(share_text(top, self.total) if self.total else share_text(0, 1) for top in self.tops)


def compute_concentration(amounts: Iterable[int]) -> Concentration:
    """Return how concentrated amounts are.

    Units:  any, as long as all amounts have the same; sums over epochs may exceed 2^63-1.
    Holds:  the order of the amounts does not matter.
    Raises: InvalidValue for what is no whole number of 0 or more.
    Source: G = (2 * sum of i * x_i - (n + 1) * sum of x_i) / (n * sum of x_i), x ascending, i from 1.
    """
    found = tuple(amounts)
    if any(type(amount) is not int or amount < 0 for amount in found):
        raise InvalidValue("amount", "must be a whole number of 0 or more")
    ascending = sorted(found)
    people, total = len(ascending), sum(ascending)
    weighted = sum(place * amount for place, amount in enumerate(ascending, start=1))
    return Concentration(
        people=people,
        total=total,
        gini_numerator=2 * weighted - (people + 1) * total,
        tops=tuple(sum(ascending[max(0, people - top) :]) for top in TOPS),
    )

"""Payouts: each user's credits from the pool (`largest-remainder-v0`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import eq
from typing import Final, overload

from ledger_core.domain.allocation import FinalizedAllocation, are_in_order, check_each_once
from ledger_core.domain.apportionment import apportion
from ledger_core.identifiers import check_bigint

PAYOUT_ALGORITHM: Final = "largest-remainder-v0"
SHARE_SCALE: Final = 10**6  # a share prints with six digits


@dataclass(frozen=True, slots=True)
class PayoutLine:
    """One user's line of a statement.

    Units: total_units is milli-units; share is text like "0.333333"; amount_credits is whole.
    """

    user_id: str
    total_units: int
    share: str
    amount_credits: int


class PayoutLines(Sequence[PayoutLine]):
    """The lines of a statement, ordered by user id (code point), held as columns: a line is made when it is looked at.

    Holds: it never changes, and equals any tuple of the same lines. A million lines take 100 MB less than as objects.
    """

    __slots__ = ("_amounts", "_order", "_total", "_units", "_users")

    def __init__(
        self,
        users: Sequence[str],
        units: Sequence[int],
        amounts: Sequence[int],
        *,
        order: Sequence[int],
        total_units: int,
    ) -> None:
        """Take the columns, which belong to the lines from now on, the order in which to read them, and the sum of units."""
        self._users = users
        self._units = units
        self._amounts = amounts
        self._order = order
        self._total = total_units

    @property
    def total_credits(self) -> int:
        """The credits of all lines together."""
        return sum(self._amounts)

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, index: int) -> PayoutLine: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[PayoutLine, ...]: ...
    def __getitem__(self, index: int | slice) -> PayoutLine | tuple[PayoutLine, ...]:
        if isinstance(index, slice):
            return tuple(map(self._line, self._order[index]))
        return self._line(self._order[index])

    def __iter__(self) -> Iterator[PayoutLine]:
        return map(self._line, self._order)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PayoutLines | tuple):
            return NotImplemented
        return len(self) == len(other) and all(map(eq, self, other))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))

    def _line(self, position: int) -> PayoutLine:
        units = self._units[position]
        return PayoutLine(
            self._users[position], units, share_text(units, self._total), self._amounts[position]
        )


NO_PAYOUTS: Final = PayoutLines((), (), (), order=(), total_units=0)


def compute_payouts(allocations: Iterable[FinalizedAllocation], pool_total_credits: int) -> PayoutLines:
    """Split the pool among the allocations by largest remainder (PAYOUT_DETERMINISTIC).

    Shape:   one line an allocation, zero units included, ordered by user id (code point); no line at
             all when the pool or the sum of units is 0, and the whole pool is then undistributed.
    Units:   credits are whole; units are milli-units.
    Holds:   amounts sum to the pool; zero units get zero; the order of the input does not matter.
    Raises:  UserTwice, InvalidValue for a value outside 0 to 2^63-1.
    """
    check_bigint("pool", pool_total_credits)
    found = tuple(allocations)
    users = [each.user_id for each in found]
    units = [each.units for each in found]
    order = user_order(users)
    total = sum(units)
    if pool_total_credits == 0 or total == 0:
        return NO_PAYOUTS
    amounts = apportion(pool_total_credits, units, users)
    return PayoutLines(users, units, amounts, order=order, total_units=total)


def user_order(users: Sequence[str]) -> Sequence[int]:
    """Return the positions of the users in the order of their ids (code point).

    Raises: UserTwice.
    """
    if are_in_order(users):
        return range(len(users))
    check_each_once(users)
    return sorted(range(len(users)), key=users.__getitem__)


def share_text(units: int, total_units: int) -> str:
    """Return units/total_units cut (not rounded) to six digits: `0.333333`, `1.000000`."""
    whole, millionths = divmod(units * SHARE_SCALE // total_units, SHARE_SCALE)
    return f"{whole}.{millionths:06d}"

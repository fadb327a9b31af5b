"""Payouts: each user's credits from the pool (`largest-remainder-v0`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ledger_core.domain.allocation import FinalizedAllocation
from ledger_core.domain.apportionment import largest_remainder
from ledger_core.errors import UserTwice
from ledger_core.identifiers import check_bigint

PAYOUT_ALGORITHM = "largest-remainder-v0"
SHARE_SCALE = 10**6  # a share prints with six digits


@dataclass(frozen=True, slots=True)
class PayoutLine:
    """One user's line of a statement.

    Units: total_units is milli-units; share is text like "0.333333"; amount_credits is whole.
    """

    user_id: str
    total_units: int
    share: str
    amount_credits: int


def compute_payouts(
    allocations: Iterable[FinalizedAllocation], pool_total_credits: int
) -> tuple[PayoutLine, ...]:
    """Split the pool among the allocations by largest remainder (PAYOUT_DETERMINISTIC).

    Shape:   one line an allocation, zero units included, ordered by user id (code point); no line at
             all when the pool or the sum of units is 0, and the whole pool is then undistributed.
    Units:   credits are whole; units are milli-units.
    Holds:   amounts sum to the pool; zero units get zero; the order of the input does not matter.
    Raises:  UserTwice, InvalidValue for a value outside 0 to 2^63-1.
    """
    check_bigint("pool", pool_total_credits)
    units: dict[str, int] = {}
    for allocation in allocations:
        if allocation.user_id in units:
            raise UserTwice(allocation.user_id)
        units[allocation.user_id] = allocation.units
    total = sum(units.values())
    if pool_total_credits == 0 or total == 0:
        return ()
    amounts = largest_remainder(pool_total_credits, units)
    return tuple(
        PayoutLine(user, units[user], share_text(units[user], total), amount)
        for user, amount in amounts.items()
    )


def share_text(units: int, total_units: int) -> str:
    """Return units/total_units cut (not rounded) to six digits: `0.333333`, `1.000000`."""
    whole, millionths = divmod(units * SHARE_SCALE // total_units, SHARE_SCALE)
    return f"{whole}.{millionths:06d}"

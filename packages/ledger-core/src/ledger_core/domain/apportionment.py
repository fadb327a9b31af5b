"""Largest remainder: the only place of the ledger that rounds."""

from __future__ import annotations

from collections.abc import Mapping

from ledger_core.errors import NothingToApportion
from ledger_core.identifiers import check_bigint


def largest_remainder(pool_credits: int, units: Mapping[str, int]) -> dict[str, int]:
    """Split pool_credits in proportion to units, to the last credit (ALL_MATH_BIGINT).

    Shape:   one entry out for each entry in, ordered by user id (code point).
    Units:   credits are whole; units are milli-units, each >= 0, at least one > 0.
    Holds:   values sum to pool_credits; each is within one credit of its exact share.
    Raises:  InvalidValue for a value outside 0 to 2^63-1, NothingToApportion.
    Source:  Hamilton's method; ties to the smaller user id.
    """
    check_bigint("pool", pool_credits)
    users = sorted(units)
    for user in users:
        check_bigint("units", units[user])
    total = sum(units.values())
    if total == 0:
        raise NothingToApportion
    amounts: list[int] = []
    remainders: list[int] = []
    for user in users:
        floor, remainder = divmod(units[user] * pool_credits, total)
        amounts.append(floor)
        remainders.append(remainder)
    spare = pool_credits - sum(amounts)
    assert 0 <= spare < max(len(users), 1)
    # The sort is stable, also in reverse, and users are in order: equal remainders keep that order.
    ranking = sorted(range(len(users)), key=remainders.__getitem__, reverse=True)
    for position in ranking[:spare]:
        amounts[position] += 1
    return dict(zip(users, amounts, strict=True))

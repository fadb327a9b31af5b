"""Largest remainder: the only place of the ledger that rounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ledger_core.errors import NothingToApportion
from ledger_core.identifiers import check_bigint, check_bigints

HEAD_BITS: Final = 8  # of a remainder: they decide for all but one user in 256
_HEAD: Final = (1 << HEAD_BITS) - 1


def largest_remainder(pool_credits: int, units: Mapping[str, int]) -> dict[str, int]:
    """Split pool_credits in proportion to units, to the last credit (ALL_MATH_BIGINT).

    Shape:   one entry out for each entry in, ordered by user id (code point).
    Units:   credits are whole; units are milli-units, each >= 0, at least one > 0.
    Holds:   values sum to pool_credits; each is within one credit of its exact share.
    Raises:  InvalidValue for a value outside 0 to 2^63-1, NothingToApportion.
    Source:  Hamilton's method; ties to the smaller user id.
    """
    users = sorted(units)
    amounts = apportion(pool_credits, [units[user] for user in users], users)
    return dict(zip(users, amounts, strict=True))


def apportion(pool_credits: int, units: Sequence[int], users: Sequence[str]) -> list[int]:
    """Split as `largest_remainder` does, by columns: the amount of users[i], who has units[i], is at i.

    Holds:   the order of the columns decides nothing, as ties go by user id.
    Raises:  as largest_remainder.
    """
    check_bigint("pool", pool_credits)
    check_bigints("units", units)
    total = sum(units)
    if total == 0:
        raise NothingToApportion
    # A share with more binary digits behind the point: floor and the first bits of the remainder at once.
    shares = exact_floors(units, pool_credits << HEAD_BITS, total)
    heads = bytes([share & _HEAD for share in shares])
    spare = pool_credits - ((sum(shares) - sum(heads)) >> HEAD_BITS)
    least, left = _least_head_that_is_lifted(heads, spare)
    lift = _HEAD + 1 - least
    amounts = [(share + lift) >> HEAD_BITS for share in shares]
    if left:
        # Those who have the next lower head are told apart by their whole remainders.
        close = list(_positions(heads, least - 1))
        close.sort(key=lambda position: users[position])
        close.sort(key=lambda position: units[position] * pool_credits % total, reverse=True)
        for position in close[:left]:
            amounts[position] += 1
    return amounts


def exact_floors(units: Sequence[int], numerator: int, total: int) -> list[int]:
    """Return each * numerator // total for each of the units, which add up to total, without dividing each.

    Dividing by total is multiplying by 2^shift/total, rounded up to a whole number. That is too much by less than
    each / 2^shift, which is at most 1/total, and so reaches no whole number: an exact share that is none lies
    at least 1/total below the next.
    """
    shift = max(units).bit_length() + total.bit_length()
    factor = -(-(numerator << shift) // total)
    return [each * factor >> shift for each in units]


def _positions(heads: bytes, head: int) -> Iterator[int]:
    """Return where a head stands, in order."""
    position = heads.find(head)
    while position >= 0:
        yield position
        position = heads.find(head, position + 1)


def _least_head_that_is_lifted(heads: bytes, spare: int) -> tuple[int, int]:
    """Return the least head from which on everybody gets a spare credit, and how many are left below."""
    counts = Counter(heads)
    least = _HEAD + 1
    while spare and counts[least - 1] <= spare:
        least -= 1
        spare -= counts[least]
    return least, spare

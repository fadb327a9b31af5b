"""The lines of a statement as columns: a sequence like a tuple of lines, made as they are looked at."""

from __future__ import annotations

from hashlib import sha256

import pytest

from ledger_core import FinalizedAllocation, PayoutLine, PayoutLines, UserTwice, compute_payouts
from ledger_core.domain.allocation import compute_allocation_set_hash
from ledger_core.domain.payout_text import WrittenPayouts, payout_texts
from ledger_core.errors import NotCanonical

ANN = PayoutLine("ann", 1000, "0.250000", 25)
BOB = PayoutLine("bob", 2000, "0.500000", 50)
EVE = PayoutLine("eve", 1000, "0.250000", 25)
UNITS = {"eve": 1000, "ann": 1000, "bob": 2000}


def lines(units: dict[str, int] = UNITS, pool: int = 100) -> PayoutLines:
    return compute_payouts([FinalizedAllocation(user, each) for user, each in units.items()], pool)


def test_lines_read_like_a_tuple_in_order_of_their_users() -> None:
    found = lines()

    assert list(found) == [ANN, BOB, EVE]
    assert (len(found), found[0], found[-1], found[1:]) == (3, ANN, EVE, (BOB, EVE))
    assert BOB in found
    assert repr(found) == repr((ANN, BOB, EVE))
    with pytest.raises(IndexError):
        found[3]


def test_lines_equal_what_has_the_same_lines_in_whatever_order_they_came() -> None:
    found = lines()
    sorted_first = lines(dict(sorted(UNITS.items())))

    assert found == sorted_first == (ANN, BOB, EVE)
    assert hash(found) == hash(sorted_first) == hash((ANN, BOB, EVE))
    assert found != (ANN, BOB)
    assert found != (ANN, EVE, BOB)
    assert found != [ANN, BOB, EVE]
    assert lines(pool=0) == ()
    assert not lines(pool=0)


def test_an_iterator_of_allocations_serves_as_well_as_a_list() -> None:
    found = compute_payouts((FinalizedAllocation(user, each) for user, each in UNITS.items()), 100)

    assert found == lines()


@pytest.mark.parametrize("users", [("ann", "bob", "ann"), ("bob", "ann", "ann"), ("ann", "ann")])
def test_a_user_who_comes_twice_is_named_wherever_they_come(users: tuple[str, ...]) -> None:
    allocations = [FinalizedAllocation(user, 1) for user in users]

    with pytest.raises(UserTwice, match="user ann occurs twice"):
        compute_payouts(allocations, 100)
    with pytest.raises(UserTwice, match="user ann occurs twice"):
        compute_payouts(allocations, 0)
    with pytest.raises(UserTwice, match="user ann occurs twice"):
        compute_allocation_set_hash(allocations)


def test_an_id_that_begins_another_comes_before_it_in_the_hash_whatever_follows() -> None:
    """PAYOUT_DETERMINISTIC: `a` before `a!`, also where `a:1` is after `a!:1`."""
    allocations = [FinalizedAllocation("a!", 1), FinalizedAllocation("a", 1)]

    expected = sha256(b"a:1\na!:1").hexdigest()
    assert compute_allocation_set_hash(allocations) == expected
    assert compute_allocation_set_hash(reversed(allocations)) == expected


def test_lines_that_were_written_are_the_same_lines_and_are_written_once() -> None:
    found = WrittenPayouts(lines())

    assert found == lines() == (ANN, BOB, EVE)
    assert (found.total_credits, len(found), found[1:]) == (100, 3, (BOB, EVE))
    assert b"".join(payout_texts(found)) == b"".join(payout_texts(lines()))
    assert all(each is kept for each, kept in zip(payout_texts(found), found.texts, strict=True))


def test_lines_that_cannot_be_written_are_refused_when_they_are() -> None:
    with pytest.raises(NotCanonical):
        WrittenPayouts(PayoutLines(["\ud800"], [1], [1], order=[0], total_units=1))

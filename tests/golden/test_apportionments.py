"""The largest remainder gives the seats that real elections and censuses published."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from ledger_core import FinalizedAllocation, compute_payouts, largest_remainder

LEAST_CASES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Apportionment:
    """What was counted for each list, the seats there were, and the seats that were published."""

    name: str
    total_votes: int
    seats: int
    votes_by_list: dict[str, int]
    seats_by_list: dict[str, int]
    addresses: tuple[str, ...]


def apportionment(case: dict[str, Any]) -> Apportionment:
    return Apportionment(
        name=case["name"],
        total_votes=case["total_votes"],
        seats=case["seats"],
        votes_by_list={name: votes for name, votes, _ in case["lists"]},
        seats_by_list={name: seats for name, _, seats in case["lists"]},
        addresses=tuple(source["url"] for source in case["sources"]),
    )


VECTORS = json.loads(Path(__file__).with_name("apportionments.json").read_bytes())
CASES = [apportionment(case) for case in VECTORS["cases"]]
EACH_CASE = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def by_divisors(case: Apportionment, *, offset: Fraction) -> dict[str, int]:
    """The seats by a divisor method: offset 1 is D'Hondt's, 1/2 is Webster's."""
    seats = dict.fromkeys(case.votes_by_list, 0)
    for _ in range(case.seats):
        winner = max(seats, key=lambda name: case.votes_by_list[name] / (seats[name] + offset))
        seats[winner] += 1
    return seats


@EACH_CASE
def test_a_published_table_is_whole(case: Apportionment) -> None:
    """The votes add up to the published total, the seats to those there were; and a source is named."""
    assert case.total_votes == sum(case.votes_by_list.values())
    assert case.seats == sum(case.seats_by_list.values())
    assert case.addresses
    assert all(address.startswith(("https://", "http://")) for address in case.addresses)


@EACH_CASE
def test_the_published_seats_are_the_largest_remainders(case: Apportionment) -> None:
    """PAYOUT_DETERMINISTIC: units are votes, the pool is the seats."""
    assert case.seats_by_list == largest_remainder(case.seats, case.votes_by_list)


@EACH_CASE
def test_the_published_seats_are_paid(case: Apportionment) -> None:
    """PAYOUT_DETERMINISTIC: by the statement's lines too."""
    allocations = [FinalizedAllocation(name, votes) for name, votes in case.votes_by_list.items()]

    lines = compute_payouts(allocations, case.seats)

    assert case.seats_by_list == {line.user_id: line.amount_credits for line in lines}


@EACH_CASE
def test_in_every_case_a_remainder_wins_a_seat(case: Apportionment) -> None:
    """Whole quotas alone would leave seats over, so the vectors prove more than a division."""
    whole = sum(votes * case.seats // case.total_votes for votes in case.votes_by_list.values())

    assert whole < case.seats


def test_the_cases_are_enough_and_tell_the_method_from_others() -> None:
    """With D'Hondt's or Webster's method in its place some case would fail."""
    assert len(CASES) >= LEAST_CASES
    assert len({case.name for case in CASES}) == len(CASES)
    assert any(case.seats_by_list != by_divisors(case, offset=Fraction(1)) for case in CASES)
    assert any(case.seats_by_list != by_divisors(case, offset=Fraction(1, 2)) for case in CASES)

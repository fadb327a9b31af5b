"""Many people with units, the same ones as benchmarks/payouts.mjs makes."""

from __future__ import annotations

from ledger_core import FinalizedAllocation

POOL = 1_000_000_007


def make_people(users: int, *, is_ordered: bool) -> list[FinalizedAllocation]:
    """Return so many allocations, ordered by user id or shuffled."""
    numbers = list(range(users))
    if not is_ordered:
        state = 1
        for last in range(users - 1, 0, -1):  # Fisher and Yates, with the minimal standard generator
            state = state * 16_807 % 2_147_483_647
            other = state % (last + 1)
            numbers[last], numbers[other] = numbers[other], numbers[last]
    return [
        FinalizedAllocation(f"user-{number:08d}", (number * 48_271 + 11) % 1_000_003) for number in numbers
    ]

"""Payouts and the allocation hash of a million users, against the same in JavaScript."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Scale
from benchmarks.measuring import Meter, best_of
from benchmarks.people import POOL, make_people
from ledger_core import compute_allocation_set_hash, compute_payouts

CASE = "payouts"
JAVASCRIPT = Path(__file__).parents[1] / "payouts.mjs"
ROUNDS = 3  # of each, ours and theirs; the best counts
FEWER = 100  # times; what a user costs among fewer, to compare


def payouts(meter: Meter, *, users: int, is_ordered: bool) -> str:
    """Compute the payouts; return a hash of the amounts."""
    people = make_people(users, is_ordered=is_ordered)
    with meter.running():
        lines = compute_payouts(people, POOL)
    return sha256("\n".join(str(line.amount_credits) for line in lines).encode()).hexdigest()


def payouts_and_lines(meter: Meter, *, users: int, is_ordered: bool) -> None:
    """Compute the payouts, and look at every line."""
    people = make_people(users, is_ordered=is_ordered)
    with meter.running():
        assert sum(line.amount_credits for line in compute_payouts(people, POOL)) == POOL


def allocation_hash(meter: Meter, *, users: int, is_ordered: bool) -> str:
    """Compute the allocation hash."""
    people = make_people(users, is_ordered=is_ordered)
    with meter.running():
        return compute_allocation_set_hash(people)


def compare(scale: Scale) -> Iterator[Figure]:
    """Compare with JavaScript, ordered by locale as a service in TypeScript orders, and by code unit."""
    for order, least in (("shuffled", 4.0), ("ordered", 12.0)):
        how: dict[str, Any] = {"users": scale.users, "is_ordered": order == "ordered"}
        ours, hashed = best_of(ROUNDS, payouts, **how), best_of(ROUNDS, allocation_hash, **how)
        looked_at = best_of(ROUNDS, payouts_and_lines, **how)
        fewer = best_of(ROUNDS, payouts, users=scale.users // FEWER, is_ordered=order == "ordered")
        for collation in ("locale", "code"):
            theirs = _javascript(scale.users, order, collation)
            assert theirs["amounts"] == ours.returned, "the two pay otherwise"
            assert theirs["hash"] == hashed.returned, "the two hash otherwise"
            is_bound = collation == "locale"
            yield Figure(
                case=CASE,
                name=f"payouts, {order}",
                value=theirs["payoutSeconds"] / ours.cpu_seconds,
                unit="x",
                at_least=least if is_bound else None,
                note=f"speed of JavaScript by {collation}, {theirs['payoutSeconds']:.2f} s",
            )
            yield Figure(
                case=CASE,
                name=f"payouts and lines, {order}",
                value=theirs["payoutSeconds"] / looked_at.cpu_seconds,
                unit="x",
                note=f"the same, every line looked at; by {collation}",
            )
            yield Figure(
                case=CASE,
                name=f"hash, {order}",
                value=theirs["hashSeconds"] / hashed.cpu_seconds,
                unit="x",
                at_least=3.0 if is_bound and order == "shuffled" else None,
                note=f"speed of JavaScript by {collation}, {theirs['hashSeconds']:.2f} s",
            )
        yield Figure(case=CASE, name=f"payouts, {order}", value=ours.cpu_seconds, unit="s")
        yield Figure(
            case=CASE, name=f"payouts, {order}, memory", value=ours.above_mb, unit="MB", at_most=200.0
        )
        yield Figure(
            case=CASE,
            name=f"cost a user, {order}",
            value=ours.cpu_seconds / FEWER / fewer.cpu_seconds,
            unit="x",
            note=f"of the cost among {scale.users // FEWER:,}",
        )


def _javascript(users: int, order: str, collation: str) -> dict[str, Any]:
    rounds: list[dict[str, Any]] = []
    for _ in range(ROUNDS):
        ended = subprocess.run(
            ["node", "--max-old-space-size=8192", str(JAVASCRIPT), str(users), order, collation],
            check=True,
            capture_output=True,
            text=True,
        )
        rounds.append(json.loads(ended.stdout))
    best = {name: min(each[name] for each in rounds) for name in ("payoutSeconds", "hashSeconds")}
    return rounds[0] | best


CASES = (compare,)

"""Allocations: curated events times weights gives units a user; an admin may set other units."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import islice
from operator import lt

from ledger_core.domain.curation import CuratedEvent, weight_milli
from ledger_core.domain.weight_config import WeightConfig
from ledger_core.errors import UnitsOutOfRange, UserTwice
from ledger_core.identifiers import MAX_BIGINT, UserId, check_bigint, check_identifier

ALLOCATION_ALGORITHM = "weight-sum-v0"


@dataclass(frozen=True, slots=True)
class FinalizedAllocation:
    """The units that a user is paid by, after all judgement.

    Units:   milli-units, 0 to 2^63-1.
    Raises:  InvalidValue.
    """

    user_id: str
    units: int

    def __post_init__(self) -> None:
        check_identifier("user id", self.user_id)
        check_bigint("units", self.units)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedAllocation:
    """What the policy proposes for a user: milli-units, and the number of events behind them."""

    user_id: UserId
    proposed_units: int
    activity_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """A user's row in an epoch: the proposal, and what an admin set instead, if anything.

    Units: milli-units; a final_units of 0 is a real 0.
    Holds: override_reason, override_by and override_at say why, who and when, as evidence: no hash has them.
    """

    user_id: UserId
    proposed_units: int
    final_units: int | None = None
    override_reason: str | None = None
    override_by: str | None = None
    override_at: datetime | None = None
    activity_count: int = 0

    def __post_init__(self) -> None:
        check_identifier("user id", self.user_id)
        check_bigint("proposed units", self.proposed_units)
        if self.final_units is not None:
            check_bigint("final units", self.final_units)

    def finalized(self) -> FinalizedAllocation:
        """Return what counts: final units where set, else the proposal."""
        units = self.final_units if self.final_units is not None else self.proposed_units
        return FinalizedAllocation(self.user_id, units)


def compute_proposed_allocations(
    events: Iterable[CuratedEvent], weight_config: Mapping[str, int]
) -> tuple[ProposedAllocation, ...]:
    """Sum the weights of included, resolved events by user (`weight-sum-v0`).

    Shape:   one entry a user with activity, ordered by user id (code point).
    Holds:   the order of events does not matter; an event of weight 0 still counts as activity.
    Raises:  InvalidValue for a weight that is no whole number, UnitsOutOfRange above 2^63-1.
    """
    weights = WeightConfig(weight_config)
    units: dict[UserId, int] = {}
    counts: dict[UserId, int] = {}
    for event in events:
        if not event.included or event.user_id is None:
            continue
        units[event.user_id] = units.get(event.user_id, 0) + weight_milli(event, weights)
        counts[event.user_id] = counts.get(event.user_id, 0) + 1
    for user, total in units.items():
        if total > MAX_BIGINT:
            raise UnitsOutOfRange(user)
    return tuple(
        ProposedAllocation(user_id=user, proposed_units=units[user], activity_count=counts[user])
        for user in sorted(units)
    )


def compute_allocation_set_hash(allocations: Iterable[FinalizedAllocation]) -> str:
    """Return the SHA-256 hex that pins who is paid by how many units.

    Shape:   UTF-8 lines `user_id:units` ordered by user id (code point), joined by newlines, none at
             the end; no allocations hash the empty string.
    Holds:   different sets give different texts, as no user id holds a newline.
    Raises:  UserTwice.
    """
    found = tuple(allocations)
    users = [each.user_id for each in found]
    # A character that no id holds and that is less than all others keeps an id before those that it begins.
    lines = [f"{each.user_id}\0{each.units}" for each in found]
    if not are_in_order(users):
        check_each_once(users)
        lines.sort()
    return sha256("\n".join(lines).replace("\0", ":").encode("utf-8")).hexdigest()


def are_in_order(users: Sequence[str]) -> bool:
    """Say whether each user id comes after the one before it (code point), and so once."""
    return all(map(lt, users, islice(users, 1, None)))


def check_each_once(users: Sequence[str]) -> None:
    """Refuse a user who comes twice.

    Raises: UserTwice.
    """
    if len(set(users)) < len(users):
        raise UserTwice(next(user for user, times in Counter(users).items() if times > 1))

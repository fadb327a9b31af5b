"""What the page of an epoch says, as plain values; read from one snapshot, each list up to a limit that is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from ledger_core.domain.allocation import Allocation
from ledger_core.domain.amended_statement import NetDifference
from ledger_core.domain.concentration import Concentration
from ledger_core.domain.epoch import Epoch
from ledger_core.domain.evidence import CuratedFact
from ledger_core.domain.identity import UnresolvedIdentity
from ledger_core.domain.payouts import PayoutLine
from ledger_core.domain.signature import StatementSignature
from ledger_core.domain.stream_reading import SkippedActivity, StreamCompleteness
from ledger_core.explanation.values import PoolPart, UserExplanation
from ledger_core.ports.evidence_reader import DailyActivity

MAX_PEOPLE: Final = 1_000  # rows of a table that a browser sorts at once
MAX_EXPLAINED: Final = 200  # people whose number is told down to the events: a megabyte or two
MAX_EVENTS: Final = 20  # of each kind for each of them, as `ledger explain` lists
MAX_LISTED: Final = 200  # decisions, late events, accounts, streams
MAX_CHAIN: Final = 52  # a year of weeks

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed(Generic[_Item]):
    """The first items of a list, and how many more there are.

    Holds: where is_more is true, more items exist than were counted: `left_out` is a lower bound.
    """

    items: Sequence[_Item]
    left_out: int = 0
    is_more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLine:
    """One statement of the node's chain; supersedes is the one that it amends."""

    epoch_id: int
    first_day: str
    last_day: str
    pool_credits: int
    statement_hash: str
    previous_hash: str | None
    supersedes: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLine:
    """One row of the payouts; anchor is where the number is explained, None where the page leaves that out.

    Units: milli-units, and whole credits; rank counts from 1 by credits, then by user id.
    """

    rank: int
    line: PayoutLine
    events: int
    is_set: bool
    is_amended: bool
    anchor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendmentLine:
    """One amendment: what it supersedes, why, and what it changed for whom, against the statement before it.

    Holds: credits of all differences sum to 0 where both statements distribute the pool.
    """

    statement_hash: str
    supersedes: str
    reason: str
    amended_by: str
    differences: Listed[NetDifference]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hashes:
    """What a closed epoch's statement pins; of an open epoch, the allocations as they stand."""

    allocation_set: str
    activity_set: str | None = None
    statement: str | None = None
    previous: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochReport:
    """Everything on the page of one epoch.

    Holds: of an open epoch the payouts are what a close would pay now, and is_final is false.
    """

    node_id: str
    epoch: Epoch
    pool_credits: int
    undistributed_credits: int
    concentration: Concentration
    people: Listed[PersonLine]
    paid_people: int
    explained: Listed[UserExplanation]
    daily: Sequence[DailyActivity]
    pool: Sequence[PoolPart]
    overrides: Listed[Allocation]
    judged: Listed[CuratedFact]
    late: Listed[CuratedFact]
    unresolved: Listed[UnresolvedIdentity]
    streams: Listed[StreamCompleteness]
    skipped: Listed[SkippedActivity]
    amendments: Sequence[AmendmentLine]
    signatures: Listed[StatementSignature]
    hashes: Hashes
    chain: Listed[ChainLine]

    @property
    def is_final(self) -> bool:
        """Say whether the epoch is closed."""
        return not self.epoch.is_open

    @property
    def events(self) -> int:
        """How many events the epoch holds."""
        return sum(row.events for row in self.daily)

    @property
    def counted_events(self) -> int:
        """How many of them count."""
        return sum(row.included for row in self.daily)

    @property
    def unresolved_events(self) -> int:
        """How many of those that count belong to nobody."""
        return sum(row.unresolved for row in self.daily)

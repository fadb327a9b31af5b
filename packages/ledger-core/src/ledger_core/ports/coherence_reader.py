"""What is stored, row by row and whatever state it is in: for the check that it all fits together.

Nothing here raises for a row that makes no value: the row comes with None in its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ledger_core.domain.amendment import Amendment
from ledger_core.domain.curation import CuratedEvent
from ledger_core.domain.epoch import Epoch
from ledger_core.domain.payouts import PayoutLine
from ledger_core.domain.pool import PoolComponent
from ledger_core.domain.stream_reading import StreamCompleteness
from ledger_core.identifiers import EpochId, EventId


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEpoch:
    """An epoch's row and the pool's; `epoch` or `components` is None where the rows make none."""

    epoch_id: EpochId
    is_open: bool
    epoch: Epoch | None
    components: tuple[PoolComponent, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStatement:
    """A statement's row; payouts or completeness is None where what is stored is not as a document has it.

    Holds: of a correction, superseded_hash is that of the row that it supersedes, and amendment is None where what
           is stored makes none.
    """

    epoch_id: EpochId
    format: str
    statement_hash: str
    previous_statement_hash: str | None
    is_correction: bool
    superseded_hash: str | None
    amendment: Amendment | None
    activity_set_hash: str
    allocation_set_hash: str
    pool_total_credits: int
    payouts: Sequence[PayoutLine] | None
    completeness: tuple[StreamCompleteness, ...] | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSignature:
    """A signature's row, and what its statement's row says is signed; neither needs to have the form of one."""

    epoch_id: EpochId
    statement_hash: str
    pool_total_credits: int
    signer: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTotals:
    """How many rows there are to check: a check's progress, and no more."""

    statements: int
    signatures: int
    curated: int
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCuration:
    """A row of curation, with when its event happened; curation is None where the row makes none."""

    event_id: EventId
    curation: CuratedEvent | None
    event_time: datetime
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """An event's stored hash, and what its row gives; computed_hash is None where the row makes no event."""

    event_id: EventId
    payload_hash: str
    computed_hash: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedPayment:
    """An event that is included and resolved more than once, and the epochs in which it is."""

    event_id: EventId
    epoch_ids: tuple[EpochId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCursor:
    """A stream that has a cursor, and whether any event of its source is stored."""

    stream: str
    source: str
    has_events: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardFault:
    """A guard of the store that is not as it was made (row None), or a row that got past one."""

    guard: str
    fault: str
    row: str | None = None


class CoherenceReader(Protocol):
    """All that a node has stored, as it is stored."""

    def totals(self) -> StoredTotals:
        """Return how many rows the others will yield."""

    def epochs(self) -> tuple[StoredEpoch, ...]:
        """Return the epochs, ordered by their ids."""

    def statements(self) -> Iterator[StoredStatement]:
        """Yield the statements, ordered by their epochs' ids, memory flat."""

    def signatures(self) -> Iterator[StoredSignature]:
        """Yield the signatures whose statements are stored, ordered by epoch, statement and signer, memory flat."""

    def curation(self, epoch_id: EpochId) -> Iterator[StoredCuration]:
        """Yield an epoch's rows whose events are stored, in order of their ids (code point), memory flat."""

    def events(self) -> Iterator[StoredEvent]:
        """Yield every event, its hash recomputed from its row, in order of their ids, memory flat."""

    def repeated_payments(self) -> Iterator[RepeatedPayment]:
        """Yield the events that count for a user more than once, found without any index that forbids it."""

    def cursors(self) -> Iterator[StoredCursor]:
        """Yield the streams that have a cursor, in order."""

    def guard_faults(self) -> Iterator[GuardFault]:
        """Yield what is missing of the store's own guards, and rows that refer to nothing."""

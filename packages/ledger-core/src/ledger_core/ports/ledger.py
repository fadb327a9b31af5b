"""The ledger of one node: transactions to write in, and snapshots to read.

Every implementation is bound to one node id, so that no call can reach another's rows (NODE_SCOPED).
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from ledger_core.errors import LedgerError
from ledger_core.identifiers import NodeId
from ledger_core.ports.action_log import ActionLog, ActionReader
from ledger_core.ports.activity_store import ActivityReader, ActivityStore
from ledger_core.ports.allocation_store import AllocationReader, AllocationStore
from ledger_core.ports.coherence_reader import CoherenceReader
from ledger_core.ports.completeness_store import CompletenessReader, CompletenessStore
from ledger_core.ports.curation_store import CurationReader, CurationStore
from ledger_core.ports.cursor_store import CursorReader, CursorStore
from ledger_core.ports.epoch_store import EpochReader, EpochStore
from ledger_core.ports.evidence_reader import EvidenceReader
from ledger_core.ports.identity_store import IdentityReader, IdentityStore
from ledger_core.ports.pool_store import PoolReader, PoolStore
from ledger_core.ports.review_reader import ReviewReader
from ledger_core.ports.statement_store import StatementReader, StatementStore
from ledger_core.ports.stream_health_store import StreamHealthReader, StreamHealthStore


class ProgramOutdated(LedgerError):
    """The database follows rules that this program does not know: a newer one has to do the work."""

    code = "program-outdated"

    def __init__(self, *, found: str, oldest: str, known: str) -> None:
        super().__init__(
            f"the database has schema {found}, which takes programs that know {oldest}; this one knows {known}:"
            " run a newer version"
        )
        self.found = found
        self.oldest = oldest
        self.known = known


class LedgerView(Protocol):
    """One consistent snapshot; nothing reached from it can write."""

    @property
    def epochs(self) -> EpochReader:
        """Epochs."""

    @property
    def activity(self) -> ActivityReader:
        """Activity events."""

    @property
    def cursors(self) -> CursorReader:
        """Cursors of streams."""

    @property
    def curation(self) -> CurationReader:
        """Curation."""

    @property
    def allocations(self) -> AllocationReader:
        """Allocations."""

    @property
    def pool(self) -> PoolReader:
        """Pool components."""

    @property
    def statements(self) -> StatementReader:
        """Statements."""

    @property
    def identities(self) -> IdentityReader:
        """Users and bindings."""

    @property
    def actions(self) -> ActionReader:
        """Admin actions."""

    @property
    def stream_health(self) -> StreamHealthReader:
        """How streams fare."""

    @property
    def completeness(self) -> CompletenessReader:
        """Readings of streams, and waivers of their gaps."""

    @property
    def coherence(self) -> CoherenceReader:
        """Everything as it is stored, to check that it fits together."""

    @property
    def evidence(self) -> EvidenceReader:
        """What an explanation of one person's credits, or of one event, is made of."""

    @property
    def review(self) -> ReviewReader:
        """What an admin looks at before a close."""


class LedgerTransaction(Protocol):
    """One transaction: what is written through it is kept or undone together."""

    @property
    def epochs(self) -> EpochStore:
        """Epochs."""

    @property
    def activity(self) -> ActivityStore:
        """Activity events."""

    @property
    def cursors(self) -> CursorStore:
        """Cursors of streams."""

    @property
    def curation(self) -> CurationStore:
        """Curation."""

    @property
    def allocations(self) -> AllocationStore:
        """Allocations."""

    @property
    def pool(self) -> PoolStore:
        """Pool components."""

    @property
    def statements(self) -> StatementStore:
        """Statements."""

    @property
    def identities(self) -> IdentityStore:
        """Users and bindings."""

    @property
    def actions(self) -> ActionLog:
        """Admin actions."""

    @property
    def stream_health(self) -> StreamHealthStore:
        """How streams fare."""

    @property
    def completeness(self) -> CompletenessStore:
        """Readings of streams, and waivers of their gaps."""


class LedgerReader(Protocol):
    """A node's ledger to read: what a command line may hold (WRITES_VIA_TEMPORAL)."""

    @property
    def node_id(self) -> NodeId:
        """The node whose rows these are."""

    def read(self) -> AbstractContextManager[LedgerView]:
        """Return a snapshot to read from within a `with` block."""


class Ledger(LedgerReader, Protocol):
    """A node's ledger to read and write."""

    def begin(self) -> AbstractContextManager[LedgerTransaction]:
        """Return a transaction: a clean exit of its `with` block commits, an exception undoes all."""

    def session(self) -> AbstractContextManager[Ledger]:
        """Return this ledger on one session: a transaction of it can tell what was written since a snapshot of it.

        Holds:  one snapshot or transaction after the other, none within another.
        """

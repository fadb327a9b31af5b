"""A whole ledger in memory, for tests: the port `Ledger` without a database.

It refuses what PostgreSQL refuses, with the same errors, and checks the invariants at every commit.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from ledger_core.domain.identity import IdentityEvent
from ledger_core.errors import LedgerRuleBroken
from ledger_core.identifiers import NodeId
from ledger_core.testing.in_memory_activity import (
    InMemoryActivityReader,
    InMemoryActivityStore,
    InMemoryCursorReader,
    InMemoryCursorStore,
    InMemoryStreamHealthReader,
    InMemoryStreamHealthStore,
)
from ledger_core.testing.in_memory_allocations import (
    InMemoryAllocationReader,
    InMemoryAllocationStore,
    InMemoryPoolReader,
    InMemoryPoolStore,
)
from ledger_core.testing.in_memory_coherence import InMemoryCoherenceReader
from ledger_core.testing.in_memory_completeness import InMemoryCompletenessReader, InMemoryCompletenessStore
from ledger_core.testing.in_memory_curation import InMemoryCurationReader, InMemoryCurationStore
from ledger_core.testing.in_memory_epochs import InMemoryEpochReader, InMemoryEpochStore
from ledger_core.testing.in_memory_evidence import InMemoryEvidenceReader
from ledger_core.testing.in_memory_identities import InMemoryIdentityReader, InMemoryIdentityStore
from ledger_core.testing.in_memory_invariants import check_commit
from ledger_core.testing.in_memory_review import InMemoryReviewReader
from ledger_core.testing.in_memory_state import LedgerState, Scope
from ledger_core.testing.in_memory_statements import (
    InMemoryActionLog,
    InMemoryActionReader,
    InMemoryStatementReader,
    InMemoryStatementStore,
)


class InMemoryLedger:
    """The ledger of one node, alone in its memory; safe to share between threads.

    Holds: transactions come one after another, each on its own copy: a clean exit swaps the copy in, an
           exception drops it. A snapshot does not wait for them, and never sees half of one.
           Writing to an epoch without `epochs.lock()`, a transaction within another of the same thread,
           and using either after its end are mistakes, and assertions.
    """

    def __init__(self, node_id: NodeId) -> None:
        self._committed = LedgerState(node_id=node_id)
        self._turn = threading.Lock()
        self._writing_thread: int | None = None

    @property
    def node_id(self) -> NodeId:
        """The node whose ledger this is."""
        return self._committed.node_id

    @property
    def identity_history(self) -> tuple[IdentityEvent, ...]:
        """Every bind and unbind so far, the oldest first; no port reads it, a test may."""
        return tuple(self._committed.identity_events)

    @contextmanager
    def begin(self) -> Iterator[InMemoryTransaction]:
        """Return a transaction; see `Ledger.begin`."""
        this_thread = threading.get_ident()
        assert self._writing_thread != this_thread, "a transaction begins within another of the same thread"
        with self._turn:
            self._writing_thread = this_thread
            working = self._committed.copy()
            scope = Scope(working)
            try:
                yield InMemoryTransaction(scope)
                # PostgreSQL looks at the end of the transaction too.
                if any(
                    not epoch.is_open and epoch.id not in working.statements
                    for epoch in working.epochs.values()
                ):
                    raise LedgerRuleBroken("STATEMENT_OF_CLOSED_EPOCH")
                check_commit(self._committed, working)
                self._committed = working
            finally:
                scope.end()
                self._writing_thread = None

    @contextmanager
    def session(self) -> Iterator[Self]:
        """Return this ledger; see `Ledger.session`."""
        yield self

    @contextmanager
    def read(self) -> Iterator[InMemoryView]:
        """Return a snapshot; see `LedgerReader.read`."""
        scope = Scope(self._committed)
        try:
            yield InMemoryView(scope)
        finally:
            scope.end()


class InMemoryView:
    """One consistent snapshot to read."""

    def __init__(self, scope: Scope) -> None:
        self.epochs = InMemoryEpochReader(scope)
        self.activity = InMemoryActivityReader(scope)
        self.cursors = InMemoryCursorReader(scope)
        self.curation = InMemoryCurationReader(scope)
        self.allocations = InMemoryAllocationReader(scope)
        self.pool = InMemoryPoolReader(scope)
        self.statements = InMemoryStatementReader(scope)
        self.identities = InMemoryIdentityReader(scope)
        self.actions = InMemoryActionReader(scope)
        self.stream_health = InMemoryStreamHealthReader(scope)
        self.completeness = InMemoryCompletenessReader(scope)
        self.coherence = InMemoryCoherenceReader(scope)
        self.evidence = InMemoryEvidenceReader(scope)
        self.review = InMemoryReviewReader(scope)


class InMemoryTransaction:
    """One transaction to write in; its reads see its own writes."""

    def __init__(self, scope: Scope) -> None:
        self.epochs = InMemoryEpochStore(scope)
        self.activity = InMemoryActivityStore(scope)
        self.cursors = InMemoryCursorStore(scope)
        self.curation = InMemoryCurationStore(scope)
        self.allocations = InMemoryAllocationStore(scope)
        self.pool = InMemoryPoolStore(scope)
        self.statements = InMemoryStatementStore(scope)
        self.identities = InMemoryIdentityStore(scope)
        self.actions = InMemoryActionLog(scope)
        self.stream_health = InMemoryStreamHealthStore(scope)
        self.completeness = InMemoryCompletenessStore(scope)

"""Statements: written once at a close, chained, kept for ever (EPOCH_CLOSED_FOREVER)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from ledger_core.domain.statement import PayoutStatement
from ledger_core.identifiers import EpochId


class StatementReader(Protocol):
    """Statements to read; each is recomputed from its row, and must give its own hash."""

    def find(self, epoch_id: EpochId) -> PayoutStatement | None:
        """Return the epoch's statement.

        Raises: StatementCorrupt.
        """

    def head_hash(self) -> str | None:
        """Return the hash of the node's newest statement; None when there is none."""

    def chain(self) -> Iterator[PayoutStatement]:
        """Yield the node's statements from the first to the newest.

        Raises: StatementCorrupt.
        """


class StatementStore(StatementReader, Protocol):
    """Statements to write."""

    def add(self, statement: PayoutStatement, *, created_at: datetime) -> None:
        """Store the statement of an epoch that this transaction closed."""

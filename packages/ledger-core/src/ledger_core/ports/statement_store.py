"""Statements: written once, at a close or as an amendment, chained, kept for ever (EPOCH_CLOSED_FOREVER)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from ledger_core.domain.signature import StatementSignature
from ledger_core.domain.statement import PayoutStatement
from ledger_core.identifiers import EpochId


class StatementReader(Protocol):
    """Statements to read; each is recomputed from its row, and must give its own hash."""

    def find(self, epoch_id: EpochId) -> PayoutStatement | None:
        """Return the epoch's statement, of an amended epoch the newest: the one that counts.

        Raises: StatementCorrupt.
        """

    def versions(self, epoch_id: EpochId) -> tuple[PayoutStatement, ...]:
        """Return the epoch's statements, each superseded by the next; the last one counts.

        Raises: StatementCorrupt.
        """

    def signatures(self, statement_hash: str) -> tuple[StatementSignature, ...]:
        """Return the signatures of a statement, ordered by signer."""

    def head_hash(self) -> str | None:
        """Return the hash of the node's newest statement; None when there is none."""

    def chain(self) -> Iterator[PayoutStatement]:
        """Yield the node's statements from the first to the newest.

        Raises: StatementCorrupt.
        """


class StatementStore(StatementReader, Protocol):
    """Statements to write."""

    def lock_head(self) -> str | None:
        """Return head_hash as it now stands, and keep everybody else from lengthening the chain until the end.

        Holds:  it is taken after the epoch's lock; this order prevents deadlocks.
        """

    def add(self, statement: PayoutStatement, *, created_at: datetime) -> None:
        """Store the statement of an epoch that this transaction closed, or one that supersedes its newest.

        Raises: LedgerRuleBroken for STATEMENT_OF_CLOSED_EPOCH, EPOCH_CLOSE_IDEMPOTENT, STATEMENT_CHAIN_LINEAR or
                AMENDMENT_SUPERSEDES.
        """

    def add_signature(self, signature: StatementSignature, *, signed_at: datetime) -> None:
        """Store the signature of a stored statement; it stays for ever, and a signer has one a statement.

        Raises: LedgerRuleBroken for SIGNED_ONCE.
        """

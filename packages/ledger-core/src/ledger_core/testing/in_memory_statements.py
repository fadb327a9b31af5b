"""Payout statements and admin actions, in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from ledger_core.domain.ledger_action import LedgerAction
from ledger_core.domain.signature import StatementSignature
from ledger_core.domain.statement import PayoutStatement
from ledger_core.errors import LedgerRuleBroken
from ledger_core.identifiers import EpochId
from ledger_core.testing.in_memory_state import Scope


class InMemoryStatementReader:
    """Statements to read; none is ever corrupt, as they are kept as values."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def find(self, epoch_id: EpochId) -> PayoutStatement | None:
        """Return the epoch's newest statement."""
        return next(reversed(self.versions(epoch_id)), None)

    def versions(self, epoch_id: EpochId) -> tuple[PayoutStatement, ...]:
        """Return the epoch's statements, each superseded by the next."""
        return self._scope.state.statements.get(epoch_id, ())

    def signatures(self, statement_hash: str) -> tuple[StatementSignature, ...]:
        """Return the signatures of a statement, ordered by signer."""
        stored = self._scope.state.signatures
        return tuple(stored[key] for key in sorted(stored) if key[0] == statement_hash)

    def head_hash(self) -> str | None:
        """Return the hash that no other statement names as the previous one."""
        statements = self._scope.state.all_statements()
        hashes = {statement.statement_hash for statement in statements}
        heads = hashes - {statement.previous_statement_hash for statement in statements}
        assert len(heads) == min(len(hashes), 1), "the statements are no chain"
        return heads.pop() if heads else None

    def chain(self) -> Iterator[PayoutStatement]:
        """Yield the node's statements from the first to the newest."""
        following = {
            statement.previous_statement_hash: statement for statement in self._scope.state.all_statements()
        }
        statement = following.get(None)
        while statement is not None:
            yield statement
            statement = following.get(statement.statement_hash)


class InMemoryStatementStore(InMemoryStatementReader):
    """Statements to write."""

    def lock_head(self) -> str | None:
        """Return head_hash; a transaction has the whole ledger to itself."""
        return self.head_hash()

    def add(
        self,
        statement: PayoutStatement,
        *,
        created_at: datetime,  # noqa: ARG002 - PostgreSQL keeps it for people to look at; no port reads it
    ) -> None:
        """Store the statement of an epoch that this transaction closed, or one that supersedes its newest.

        Raises LedgerRuleBroken of STATEMENT_OF_CLOSED_EPOCH, EPOCH_CLOSE_IDEMPOTENT, STATEMENT_CHAIN_LINEAR or
        AMENDMENT_SUPERSEDES.
        """
        state = self._scope.state
        assert statement.node_id == state.node_id, "NODE_SCOPED: the statement is another node's"
        versions = self.versions(statement.epoch_id)
        if statement.amendment is None and versions:
            raise LedgerRuleBroken("EPOCH_CLOSE_IDEMPOTENT")
        if statement.amendment is not None and not _supersedes(statement, versions):
            raise LedgerRuleBroken("AMENDMENT_SUPERSEDES")
        # An open epoch has no pool total yet.
        if state.epochs[statement.epoch_id].pool_total_credits != statement.pool_total_credits:
            raise LedgerRuleBroken("STATEMENT_OF_CLOSED_EPOCH")
        if statement.previous_statement_hash != self.head_hash():
            raise LedgerRuleBroken("STATEMENT_CHAIN_LINEAR")
        state.statements[statement.epoch_id] = (*versions, statement)

    def add_signature(
        self,
        signature: StatementSignature,
        *,
        signed_at: datetime,  # noqa: ARG002 - as of a statement
    ) -> None:
        """Store a signature; its invariant is SIGNED_ONCE."""
        state, key = self._scope.state, (signature.statement_hash, signature.signer)
        hashes = {statement.statement_hash for statement in state.all_statements()}
        assert signature.statement_hash in hashes, "a signature of no statement"
        if key in state.signatures:
            raise LedgerRuleBroken("SIGNED_ONCE")
        state.signatures[key] = signature


def _supersedes(amended: PayoutStatement, versions: Sequence[PayoutStatement]) -> bool:
    """Say whether an amendment follows the epoch's newest statement, and leaves its events and streams."""
    if not versions or amended.amendment is None:
        return False
    newest = versions[-1]
    return (amended.amendment.supersedes, amended.activity_set_hash, amended.completeness) == (
        newest.statement_hash,
        newest.activity_set_hash,
        newest.completeness,
    )


class InMemoryActionReader:
    """Actions to read."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def list_latest(self, *, limit: int) -> tuple[LedgerAction, ...]:
        """Return up to limit actions, the newest first."""
        return tuple(reversed(self._scope.state.actions))[:limit]


class InMemoryActionLog(InMemoryActionReader):
    """Actions to write."""

    def find_applied(self, idempotency_key: str | None) -> LedgerAction | None:
        """Return the action that this very request recorded in an earlier attempt; None without a key."""
        if idempotency_key is None:
            return None
        found = (it for it in self._scope.state.actions if it.context.idempotency_key == idempotency_key)
        return next(found, None)

    def append(self, action: LedgerAction) -> None:
        """Record an action; its invariant is ACTION_APPLIED_ONCE."""
        if self.find_applied(action.context.idempotency_key) is not None:
            raise LedgerRuleBroken("ACTION_APPLIED_ONCE")
        self._scope.state.actions.append(action)

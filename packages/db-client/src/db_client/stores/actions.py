"""The record of admin writes on PostgreSQL."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from db_client.tables.identities import ledger_actions
from ledger_core.domain.ledger_action import ActionContext, LedgerAction
from ledger_core.identifiers import NodeId


class PostgresActionLog:
    """The port ActionLog."""

    def __init__(self, connection: Connection, node_id: NodeId) -> None:
        self._connection = connection
        self._node_id = node_id

    def list_latest(self, *, limit: int) -> tuple[LedgerAction, ...]:
        """Return up to limit actions, the newest first."""
        rows = self._connection.execute(
            select(ledger_actions)
            .where(ledger_actions.c.node_id == self._node_id)
            .order_by(ledger_actions.c.id.desc())
            .limit(limit)
        )
        return tuple(_action(row) for row in rows)

    def find_applied(self, idempotency_key: str | None) -> LedgerAction | None:
        """Return the action that this very request recorded in an earlier attempt; None without a key."""
        if idempotency_key is None:
            return None
        # An attempt that was given up may still be at it: it is waited for, and then seen.
        name = f"{self._node_id}/{idempotency_key}"
        self._connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))
        row = self._connection.execute(
            select(ledger_actions).where(
                ledger_actions.c.node_id == self._node_id,
                ledger_actions.c.idempotency_key == idempotency_key,
            )
        ).one_or_none()
        return None if row is None else _action(row)

    def append(self, action: LedgerAction) -> None:
        """Record an action."""
        self._connection.execute(
            insert(ledger_actions).values(
                node_id=self._node_id,
                actor=action.context.actor,
                action=action.action,
                subject=action.subject,
                reason=action.context.reason,
                before=dict(action.before),
                after=dict(action.after),
                workflow_id=action.context.workflow_id,
                idempotency_key=action.context.idempotency_key,
                at=action.at,
            )
        )


def _action(row: Row[Any]) -> LedgerAction:
    return LedgerAction(
        action=row.action,
        subject=row.subject,
        context=ActionContext(
            actor=row.actor,
            reason=row.reason,
            workflow_id=row.workflow_id,
            idempotency_key=row.idempotency_key,
        ),
        at=row.at.astimezone(UTC),
        before=row.before,
        after=row.after,
    )

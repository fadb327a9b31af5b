"""A write that found things as it wanted them: noted, so that no later attempt of it undoes what was decided since."""

from __future__ import annotations

from datetime import datetime

from ledger_core.domain.ledger_action import NOTHING_CHANGED, ActionContext, LedgerAction
from ledger_core.ports.ledger import LedgerTransaction


def record_nothing_changed(
    transaction: LedgerTransaction, subject: str, context: ActionContext, *, at: datetime
) -> None:
    """Record that the write of this idempotency key is done (ACTION_APPLIED_ONCE); without a key do nothing."""
    if context.idempotency_key is not None:
        action = LedgerAction(action=NOTHING_CHANGED, subject=subject, context=context, at=at)
        transaction.actions.append(action)

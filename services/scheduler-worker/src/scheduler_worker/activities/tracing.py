"""Which workflow a write belongs to: known here, and not left to whoever asked for it."""

from __future__ import annotations

from dataclasses import replace

from temporalio import activity

from ledger_core.domain.ledger_action import ActionContext


def traced(context: ActionContext) -> ActionContext:
    """Return the context with the workflow that this activity runs in, and the key that all its attempts share."""
    info = activity.info()
    return replace(
        context,
        workflow_id=info.workflow_id,
        idempotency_key=f"{info.workflow_run_id}/{info.activity_id}",
    )

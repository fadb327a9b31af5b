"""Which workflow a write belongs to: known here, and not left to whoever asked for it."""

from __future__ import annotations

from dataclasses import replace

from temporalio import activity

from ledger_core.domain.ledger_action import ActionContext


def traced(context: ActionContext) -> ActionContext:
    """Return the context with the id of the workflow that this activity runs in."""
    return replace(context, workflow_id=activity.info().workflow_id)

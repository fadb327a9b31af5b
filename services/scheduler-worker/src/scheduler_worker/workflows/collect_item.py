"""CollectItemWorkflow: one thing that a message from outside named, from its source into the ledger."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from ledger_core.ports.item_source import ItemHint
    from scheduler_worker.activities.item_activities import ItemActivities
    from scheduler_worker.messages import ItemReport
    from scheduler_worker.retry_profiles import SOURCE_ITEM


@workflow.defn
class CollectItemWorkflow:
    """Stores the events of one thing; what it is now, the source says, and no message.

    Holds: no cursor moves, and no epoch is touched: the next collection curates what was stored, late work included.
    """

    @workflow.run
    async def run(self, hint: ItemHint) -> ItemReport:
        """Collect the thing."""
        return await workflow.execute_activity_method(
            ItemActivities.collect_item, hint, summary=str(hint.stream), **SOURCE_ITEM
        )

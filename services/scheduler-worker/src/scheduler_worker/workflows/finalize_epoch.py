"""FinalizeEpochWorkflow: one activity, one transaction, one statement."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from scheduler_worker.activities.epoch_activities import EpochActivities
    from scheduler_worker.messages import FinalizeCommand, FinalizeReport
    from scheduler_worker.retry_profiles import BULK


@workflow.defn
class FinalizeEpochWorkflow:
    """Closes an epoch, or returns the statement of a closed one (EPOCH_CLOSE_IDEMPOTENT)."""

    @workflow.run
    async def run(self, command: FinalizeCommand) -> FinalizeReport:
        """Finalize the epoch."""
        return await workflow.execute_activity_method(EpochActivities.finalize_epoch, command, **BULK)

"""The writes of admins: one short workflow each, so that every write is durable and leaves a history.

WRITES_VIA_TEMPORAL: nothing else writes for an admin.
"""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from scheduler_worker.activities.admin_activities import AdminActivities
    from scheduler_worker.activities.epoch_activities import EpochActivities
    from scheduler_worker.identity_messages import (
        ImportBindingsCommand,
        MergeUsersCommand,
        MovedReport,
        SplitUserCommand,
    )
    from scheduler_worker.messages import (
        AdjustAllocationCommand,
        BindCommand,
        BindReport,
        JudgeEventCommand,
        RecordPoolCommand,
        UnbindCommand,
        UnbindReport,
        WaiveGapCommand,
        WriteReport,
    )
    from scheduler_worker.retry_profiles import BULK, DATABASE


@workflow.defn
class RecordPoolComponentWorkflow:
    """Records a component of an epoch's pool."""

    @workflow.run
    async def run(self, command: RecordPoolCommand) -> WriteReport:
        """Record the component."""
        return await workflow.execute_activity_method(
            EpochActivities.record_pool_component, command, **DATABASE
        )


@workflow.defn
class AdjustAllocationWorkflow:
    """Sets or clears a user's final units."""

    @workflow.run
    async def run(self, command: AdjustAllocationCommand) -> WriteReport:
        """Set the units."""
        return await workflow.execute_activity_method(AdminActivities.adjust_allocation, command, **DATABASE)


@workflow.defn
class JudgeEventWorkflow:
    """Includes, excludes or re-weights an event."""

    @workflow.run
    async def run(self, command: JudgeEventCommand) -> WriteReport:
        """Judge the event."""
        return await workflow.execute_activity_method(AdminActivities.judge_event, command, **BULK)


@workflow.defn
class WaiveGapWorkflow:
    """Lets an epoch close although a stream of it is incomplete."""

    @workflow.run
    async def run(self, command: WaiveGapCommand) -> WriteReport:
        """Waive the gap."""
        return await workflow.execute_activity_method(AdminActivities.waive_gap, command, **DATABASE)


@workflow.defn
class BindIdentitiesWorkflow:
    """Binds identities to users; the open epoch's older events resolve at once."""

    @workflow.run
    async def run(self, command: BindCommand) -> BindReport:
        """Bind, then curate the open epoch."""
        added = await workflow.execute_activity_method(AdminActivities.bind_identities, command, **DATABASE)
        curated = await workflow.execute_activity_method(EpochActivities.curate_open_epoch, **BULK)
        return BindReport(added=added, curated=curated)


@workflow.defn
class UnbindIdentityWorkflow:
    """Takes a binding back; the open epoch's events are unresolved again at once, closed ones stay."""

    @workflow.run
    async def run(self, command: UnbindCommand) -> UnbindReport:
        """Unbind, then curate the open epoch."""
        user_id = await workflow.execute_activity_method(AdminActivities.unbind_identity, command, **DATABASE)
        curated = await workflow.execute_activity_method(EpochActivities.curate_open_epoch, **BULK)
        return UnbindReport(user_id=user_id, curated=curated)


@workflow.defn
class ImportBindingsWorkflow:
    """Binds many identities, all or none; the open epoch's older events resolve at once."""

    @workflow.run
    async def run(self, command: ImportBindingsCommand) -> BindReport:
        """Bind, then curate the open epoch."""
        added = await workflow.execute_activity_method(AdminActivities.import_bindings, command, **BULK)
        curated = await workflow.execute_activity_method(EpochActivities.curate_open_epoch, **BULK)
        return BindReport(added=added, curated=curated)


@workflow.defn
class MergeUsersWorkflow:
    """Moves every account of a user to another, and the open epoch's work with them."""

    @workflow.run
    async def run(self, command: MergeUsersCommand) -> MovedReport:
        """Merge."""
        return await workflow.execute_activity_method(AdminActivities.merge_users, command, **BULK)


@workflow.defn
class SplitUserWorkflow:
    """Moves some accounts of a user to another, and the open epoch's work with them."""

    @workflow.run
    async def run(self, command: SplitUserCommand) -> MovedReport:
        """Split."""
        return await workflow.execute_activity_method(AdminActivities.split_user, command, **BULK)

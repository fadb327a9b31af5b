"""The writes on closed epochs: one activity each, so that each is durable and leaves a history."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from scheduler_worker.activities.statement_activities import StatementActivities
    from scheduler_worker.messages_of_statements import AmendCommand, AmendReport, SignCommand, SignReport
    from scheduler_worker.retry_profiles import BULK, DATABASE


@workflow.defn
class AmendStatementWorkflow:
    """Supersedes the statement of a closed epoch by one with other units."""

    @workflow.run
    async def run(self, command: AmendCommand) -> AmendReport:
        """Amend the statement."""
        return await workflow.execute_activity_method(StatementActivities.amend_statement, command, **BULK)


@workflow.defn
class SignStatementWorkflow:
    """Stores an approver's signature of a statement."""

    @workflow.run
    async def run(self, command: SignCommand) -> SignReport:
        """Store the signature."""
        return await workflow.execute_activity_method(StatementActivities.sign_statement, command, **DATABASE)

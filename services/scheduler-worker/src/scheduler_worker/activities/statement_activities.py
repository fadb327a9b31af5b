"""Activities on statements that stand already."""

from __future__ import annotations

from temporalio import activity

from ledger_core.identifiers import EpochId, UserId
from ledger_core.ports.clock import Clock
from ledger_core.ports.ledger import Ledger
from ledger_core.use_cases.amend_statement import amend_statement
from scheduler_worker.activities.tracing import traced
from scheduler_worker.messages_of_statements import AmendCommand, AmendReport


class StatementActivities:
    """What is done to a closed epoch: it is never written to, and its statement is superseded."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    @activity.defn
    def amend_statement(self, command: AmendCommand) -> AmendReport:
        """Supersede an epoch's newest statement."""
        amended = amend_statement(
            self._ledger,
            EpochId(command.epoch_id),
            set_units={UserId(user): units for user, units in command.set_units.items()},
            cleared=[UserId(user) for user in command.cleared],
            reviewed_statement_hash=command.reviewed_statement_hash,
            context=traced(command.context),
            clock=self._clock,
        )
        statement = amended.statement
        activity.logger.info("statement_amended", extra={"epoch_id": command.epoch_id})
        return AmendReport(
            epoch_id=command.epoch_id,
            statement_hash=statement.statement_hash,
            superseded_hash=amended.superseded_hash,
            allocation_set_hash=statement.allocation_set_hash,
            payouts=len(statement.payouts),
            undistributed_credits=statement.undistributed_credits,
        )

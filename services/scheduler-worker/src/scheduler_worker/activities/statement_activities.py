"""Activities on statements that stand already."""

from __future__ import annotations

from temporalio import activity

from ledger_core.domain.approvals import ApprovalPolicy, GivenApprovals
from ledger_core.identifiers import EpochId, UserId
from ledger_core.ports.clock import Clock
from ledger_core.ports.ledger import Ledger
from ledger_core.use_cases.amend_statement import amend_statement
from ledger_core.use_cases.approve_statement import sign_statement
from scheduler_worker.activities.tracing import traced
from scheduler_worker.messages_of_statements import AmendCommand, AmendReport, SignCommand, SignReport


class StatementActivities:
    """What is done to a closed epoch: it is never written to, and its statement is superseded."""

    def __init__(self, ledger: Ledger, clock: Clock, approval_policy: ApprovalPolicy) -> None:
        self._ledger = ledger
        self._clock = clock
        self._approval_policy = approval_policy

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
            approvals=GivenApprovals(signatures=command.approvals, required=command.require_approvals),
            approval_policy=self._approval_policy,
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

    @activity.defn
    def sign_statement(self, command: SignCommand) -> SignReport:
        """Store an approver's signature."""
        signed = sign_statement(
            self._ledger,
            EpochId(command.epoch_id),
            statement_hash=command.statement_hash,
            signature=command.signature,
            policy=self._approval_policy,
            context=traced(command.context),
            clock=self._clock,
        )
        return SignReport(statement_hash=signed.statement_hash, signer=signed.signer, is_new=signed.is_new)

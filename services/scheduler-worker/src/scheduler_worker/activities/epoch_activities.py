"""Activities on epochs: each calls one use case and reports in small numbers."""

from __future__ import annotations

from datetime import date

from temporalio import activity

from ledger_core.domain.approvals import ApprovalPolicy, GivenApprovals
from ledger_core.domain.canonical_json import parse_strict_json
from ledger_core.domain.instant import parse_instant
from ledger_core.domain.ledger_action import ActionContext
from ledger_core.domain.pool import BASE_ISSUANCE, PoolComponent
from ledger_core.domain.weight_config import WeightConfig
from ledger_core.errors import EpochClosed, InvalidValue
from ledger_core.identifiers import ComponentId, EpochId
from ledger_core.ports.clock import Clock
from ledger_core.ports.ledger import Ledger
from ledger_core.use_cases.finalize_epoch import finalize_epoch
from ledger_core.use_cases.open_epoch import open_epoch
from ledger_core.use_cases.plan_windows import plan_windows
from ledger_core.use_cases.record_pool_component import record_pool_component
from ledger_core.use_cases.refresh_epoch import refresh_epoch
from scheduler_worker.activities.tracing import traced
from scheduler_worker.messages import (
    CuratedReport,
    FinalizeCommand,
    FinalizeReport,
    OpenedReport,
    OpenRequest,
    RecordPoolCommand,
    WindowsReport,
    WindowsRequest,
    WriteReport,
)

BASE_ISSUANCE_ALGORITHM = "policy-constant-v0"


class EpochActivities:
    """What a workflow does to an epoch."""

    def __init__(self, ledger: Ledger, clock: Clock, approval_policy: ApprovalPolicy) -> None:
        self._ledger = ledger
        self._clock = clock
        self._approval_policy = approval_policy

    @activity.defn
    def plan_windows(self, request: WindowsRequest) -> WindowsReport:
        """Say which windows are due."""
        windows = plan_windows(
            self._ledger,
            at=parse_instant(request.at),
            anchor=date.fromisoformat(request.anchor),
            length_days=request.length_days,
        )
        return WindowsReport(windows=windows)

    @activity.defn
    def open_epoch(self, request: OpenRequest) -> OpenedReport:
        """Find or open the window's epoch, or say which one blocks it."""
        opened = open_epoch(
            self._ledger, request.window, WeightConfig(request.weight_config), clock=self._clock
        )
        if opened.epoch is None:
            assert opened.blocking is not None
            activity.logger.info("epoch_blocked", extra={"blocked_by_epoch_id": opened.blocking.id})
            return OpenedReport(epoch_id=None, is_open=False, blocked_by_epoch_id=opened.blocking.id)
        return OpenedReport(epoch_id=opened.epoch.id, is_open=opened.epoch.is_open)

    @activity.defn
    def curate_epoch(self, epoch_id: int) -> CuratedReport | None:
        """Curate the epoch's events and propose allocations from them; None if it was closed meanwhile."""
        return self._curate(EpochId(epoch_id))

    @activity.defn
    def curate_open_epoch(self) -> CuratedReport | None:
        """Do the same for the open epoch, if there is one: after a binding, what it resolves shows at once."""
        with self._ledger.read() as view:
            epoch = view.epochs.find_open()
        return None if epoch is None else self._curate(epoch.id)

    @activity.defn
    def record_base_issuance(self, epoch_id: int, amount_credits: int) -> WriteReport:
        """Record what the policy issues each epoch; once recorded it stays."""
        component = PoolComponent(
            component_id=BASE_ISSUANCE,
            algorithm_version=BASE_ISSUANCE_ALGORITHM,
            amount_credits=amount_credits,
            inputs={"base_issuance_credits": str(amount_credits)},
            evidence_ref=None,
            computed_at=self._clock(),
        )
        with self._ledger.read() as view:
            recorded = view.pool.list_all(EpochId(epoch_id))
        if any(found.component_id == BASE_ISSUANCE for found in recorded):
            return WriteReport(changed=False)
        context = traced(ActionContext(actor="policy"))
        changed = record_pool_component(
            self._ledger, EpochId(epoch_id), component, context, clock=self._clock
        )
        return WriteReport(changed=changed)

    @activity.defn
    def record_pool_component(self, command: RecordPoolCommand) -> WriteReport:
        """Record a component that an admin gives."""
        inputs = parse_strict_json(command.inputs_json)
        if not isinstance(inputs, dict):
            raise InvalidValue("component inputs", "must be a JSON object")
        component = PoolComponent(
            component_id=ComponentId(command.component_id),
            algorithm_version=command.algorithm_version,
            amount_credits=command.amount_credits,
            inputs=inputs,
            evidence_ref=command.evidence_ref,
            computed_at=self._clock(),
        )
        changed = record_pool_component(
            self._ledger, EpochId(command.epoch_id), component, traced(command.context), clock=self._clock
        )
        return WriteReport(changed=changed)

    @activity.defn
    def finalize_epoch(self, command: FinalizeCommand) -> FinalizeReport:
        """Close the epoch into its statement, or return the one it has."""
        finalized = finalize_epoch(
            self._ledger,
            EpochId(command.epoch_id),
            traced(command.context),
            reviewed_hash=command.reviewed_hash,
            reviewed_pool_credits=command.reviewed_pool_credits,
            approvals=GivenApprovals(signatures=command.approvals, required=command.require_approvals),
            approval_policy=self._approval_policy,
            clock=self._clock,
        )
        statement = finalized.statement
        activity.logger.info("epoch_closed", extra={"closed_now": finalized.closed_now})
        return FinalizeReport(
            epoch_id=command.epoch_id,
            closed_now=finalized.closed_now,
            statement_hash=statement.statement_hash,
            previous_statement_hash=statement.previous_statement_hash,
            allocation_set_hash=statement.allocation_set_hash,
            pool_total_credits=statement.pool_total_credits,
            undistributed_credits=statement.undistributed_credits,
            payouts=len(statement.payouts),
        )

    def _curate(self, epoch_id: EpochId) -> CuratedReport | None:
        try:
            refreshed = refresh_epoch(self._ledger, epoch_id, clock=self._clock)
        except EpochClosed:
            # An admin closed it since it was found open; what is left enters the next epoch as late.
            activity.logger.info("epoch_closed_meanwhile", extra={"epoch_id": epoch_id})
            return None
        with self._ledger.read() as view:
            summary = view.curation.summary(epoch_id)
        return CuratedReport(
            epoch_id=epoch_id,
            counts=refreshed.counts,
            allocations_changed=refreshed.allocations_changed,
            events=summary.events,
            unresolved=summary.unresolved,
        )

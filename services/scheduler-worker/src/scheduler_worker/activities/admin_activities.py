"""Activities of admins: one use case each."""

from __future__ import annotations

from temporalio import activity

from ledger_core.domain.identity import IdentityBinding
from ledger_core.identifiers import EpochId, EventId, UserId
from ledger_core.identifiers import user_id as checked_user_id
from ledger_core.ports.clock import Clock
from ledger_core.ports.ledger import Ledger
from ledger_core.use_cases.adjust_allocation import adjust_allocation
from ledger_core.use_cases.bind_identity import bind_identities, unbind_identity
from ledger_core.use_cases.curate_event import curate_event
from ledger_core.use_cases.import_bindings import import_bindings
from ledger_core.use_cases.move_identities import MovedIdentities, merge_users, split_user
from ledger_core.use_cases.waive_gap import waive_gap
from scheduler_worker.activities.tracing import traced
from scheduler_worker.identity_messages import (
    ImportBindingsCommand,
    MergeUsersCommand,
    MovedReport,
    SplitUserCommand,
)
from scheduler_worker.messages import (
    AdjustAllocationCommand,
    BindCommand,
    JudgeEventCommand,
    UnbindCommand,
    WaiveGapCommand,
    WriteReport,
)


class AdminActivities:
    """What an admin decides."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    @activity.defn
    def adjust_allocation(self, command: AdjustAllocationCommand) -> WriteReport:
        """Set or clear a user's final units."""
        changed = adjust_allocation(
            self._ledger,
            EpochId(command.epoch_id),
            UserId(command.user_id),
            final_units=command.final_units,
            context=traced(command.context),
            clock=self._clock,
        )
        return WriteReport(changed=changed)

    @activity.defn
    def judge_event(self, command: JudgeEventCommand) -> WriteReport:
        """Include, exclude or re-weight an event."""
        changed = curate_event(
            self._ledger,
            EpochId(command.epoch_id),
            EventId(command.event_id),
            included=command.included,
            weight_override_milli=command.weight_override_milli,
            context=traced(command.context),
            clock=self._clock,
        )
        return WriteReport(changed=changed)

    @activity.defn
    def waive_gap(self, command: WaiveGapCommand) -> WriteReport:
        """Let an epoch close although a stream has a gap."""
        changed = waive_gap(
            self._ledger,
            EpochId(command.epoch_id),
            command.stream,
            reviewed_gap=command.reviewed_gap,
            context=traced(command.context),
            clock=self._clock,
        )
        return WriteReport(changed=changed)

    @activity.defn
    def bind_identities(self, command: BindCommand) -> int:
        """Bind identities to users; return how many were new."""
        return bind_identities(self._ledger, command.bindings, traced(command.context), clock=self._clock)

    @activity.defn
    def unbind_identity(self, command: UnbindCommand) -> str:
        """Take a binding back; return whose it was."""
        return unbind_identity(
            self._ledger, command.provider, command.external_id, traced(command.context), clock=self._clock
        )

    @activity.defn
    def import_bindings(self, command: ImportBindingsCommand) -> int:
        """Bind many identities, all or none; return how many were new."""
        bindings = [
            IdentityBinding(provider=provider, external_id=external_id, user_id=checked_user_id(user))
            for provider, external_id, user in zip(
                command.providers, command.external_ids, command.user_ids, strict=True
            )
        ]
        return import_bindings(self._ledger, bindings, traced(command.context), clock=self._clock)

    @activity.defn
    def merge_users(self, command: MergeUsersCommand) -> MovedReport:
        """Move every account of a user to another."""
        moved = merge_users(
            self._ledger,
            checked_user_id(command.user_id),
            checked_user_id(command.into),
            traced(command.context),
            clock=self._clock,
        )
        return _report(moved)

    @activity.defn
    def split_user(self, command: SplitUserCommand) -> MovedReport:
        """Move some accounts of a user to another."""
        moved = split_user(
            self._ledger,
            checked_user_id(command.user_id),
            checked_user_id(command.into),
            list(zip(command.providers, command.external_ids, strict=True)),
            traced(command.context),
            clock=self._clock,
        )
        return _report(moved)


def _report(moved: MovedIdentities) -> MovedReport:
    return MovedReport(
        moved=moved.moved,
        epoch_id=moved.epoch_id,
        counts=moved.counts,
        allocations_changed=moved.allocations_changed,
    )

"""All activities of a worker, made from the ports that they need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ledger_core.domain.approvals import ApprovalPolicy
from ledger_core.identifiers import StreamRef
from ledger_core.ports.activity_source import ActivitySource, SourceDirectory
from ledger_core.ports.clock import Clock
from ledger_core.ports.ledger import Ledger
from scheduler_worker.activities.admin_activities import AdminActivities
from scheduler_worker.activities.collect_activities import CollectActivities
from scheduler_worker.activities.epoch_activities import EpochActivities
from scheduler_worker.activities.item_activities import ItemActivities
from scheduler_worker.activities.statement_activities import StatementActivities


def create_activities(
    *,
    ledger: Ledger,
    sources: Mapping[StreamRef, ActivitySource],
    clock: Clock,
    approval_policy: ApprovalPolicy,
    directories: Mapping[StreamRef, SourceDirectory] | None = None,
) -> list[Callable[..., Any]]:
    """Return the activities that a worker registers."""
    epochs = EpochActivities(ledger, clock, approval_policy)
    collects = CollectActivities(ledger, sources, clock, directories=directories or {})
    items = ItemActivities(ledger, sources, directories=directories or {})
    admin = AdminActivities(ledger, clock)
    statements = StatementActivities(ledger, clock, approval_policy)
    return [
        epochs.plan_windows,
        epochs.open_epoch,
        epochs.curate_epoch,
        epochs.curate_open_epoch,
        epochs.record_base_issuance,
        epochs.record_pool_component,
        epochs.finalize_epoch,
        collects.list_streams,
        collects.collect_stream,
        items.collect_item,
        admin.adjust_allocation,
        admin.judge_event,
        admin.waive_gap,
        admin.bind_identities,
        admin.unbind_identity,
        statements.amend_statement,
        admin.import_bindings,
        admin.merge_users,
        admin.split_user,
        statements.sign_statement,
    ]

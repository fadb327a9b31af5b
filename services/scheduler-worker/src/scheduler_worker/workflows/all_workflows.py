"""Every workflow that a worker registers."""

from __future__ import annotations

from typing import Final

from scheduler_worker.workflows.admin_writes import (
    AdjustAllocationWorkflow,
    BindIdentitiesWorkflow,
    ImportBindingsWorkflow,
    JudgeEventWorkflow,
    MergeUsersWorkflow,
    RecordPoolComponentWorkflow,
    SplitUserWorkflow,
    UnbindIdentityWorkflow,
    WaiveGapWorkflow,
)
from scheduler_worker.workflows.collect_epoch import CollectEpochWorkflow
from scheduler_worker.workflows.collect_item import CollectItemWorkflow
from scheduler_worker.workflows.finalize_epoch import FinalizeEpochWorkflow
from scheduler_worker.workflows.plan_collection import PlanCollectionWorkflow
from scheduler_worker.workflows.statement_writes import AmendStatementWorkflow, SignStatementWorkflow

ALL_WORKFLOWS: Final[tuple[type, ...]] = (
    AdjustAllocationWorkflow,
    AmendStatementWorkflow,
    BindIdentitiesWorkflow,
    CollectEpochWorkflow,
    CollectItemWorkflow,
    FinalizeEpochWorkflow,
    ImportBindingsWorkflow,
    JudgeEventWorkflow,
    MergeUsersWorkflow,
    PlanCollectionWorkflow,
    RecordPoolComponentWorkflow,
    SignStatementWorkflow,
    SplitUserWorkflow,
    UnbindIdentityWorkflow,
    WaiveGapWorkflow,
)

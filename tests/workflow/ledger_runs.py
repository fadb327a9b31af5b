"""A ledger run through Temporal, in short steps: each starts a workflow and waits for its report."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

import pytest
from sqlalchemy import Engine, text
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.converter import value_to_type
from temporalio.exceptions import ApplicationError

from db_client.tables.all_tables import ledger_metadata
from ledger_core import (
    ActionContext,
    ActivityEvent,
    ActivitySource,
    EpochId,
    IdentityBinding,
    Ledger,
    LedgerAction,
    StreamRef,
    UserId,
)
from ledger_core.ports.activity_source import SourceDirectory
from ledger_core.testing import make_context, make_page, make_window
from scheduler_worker.messages import (
    AdjustAllocationCommand,
    BindCommand,
    BindReport,
    CollectReport,
    CollectRequest,
    FinalizeCommand,
    FinalizeReport,
    JudgeEventCommand,
    PlanReport,
    PlanRequest,
    RecordPoolCommand,
    UnbindCommand,
    UnbindReport,
    WaiveGapCommand,
    WriteReport,
)
from scheduler_worker.messages_of_statements import AmendCommand, AmendReport
from scheduler_worker.retry_profiles import COLLECT_EXECUTION_TIMEOUT, WRITE_EXECUTION_TIMEOUT
from scheduler_worker.starting import Start, WorkflowFailed, result_of, start_or_join
from scheduler_worker.workflow_ids import (
    adjust_workflow_id,
    amend_workflow_id,
    bind_workflow_id,
    collect_workflow_id,
    finalize_workflow_id,
    judge_workflow_id,
    pool_workflow_id,
    unbind_workflow_id,
    waive_workflow_id,
)
from scheduler_worker.workflows.admin_writes import (
    AdjustAllocationWorkflow,
    BindIdentitiesWorkflow,
    JudgeEventWorkflow,
    RecordPoolComponentWorkflow,
    UnbindIdentityWorkflow,
    WaiveGapWorkflow,
)
from scheduler_worker.workflows.collect_epoch import CollectEpochWorkflow
from scheduler_worker.workflows.finalize_epoch import FinalizeEpochWorkflow
from scheduler_worker.workflows.plan_collection import (
    COLLECTIONS_INCOMPLETE,
    SCHEDULED_START,
    PlanCollectionWorkflow,
)
from scheduler_worker.workflows.statement_writes import AmendStatementWorkflow
from tests.temporal_runtime import KEYS, TASK_QUEUE, worker_on

PULLS = StreamRef(source="github", source_ref="acme/widgets", stream="pull_requests")
ISSUES = StreamRef(source="github", source_ref="acme/widgets", stream="issues")
WEIGHTS = {"github:pr_merged": 8000, "github:issue_closed": 1000, "git:commit_authored": 500}
CONTEXT = make_context()


def said(action: LedgerAction) -> ActionContext:
    """Who did it and why; through which workflow is the worker's to know, and it does."""
    assert action.context.workflow_id is not None
    assert action.context.workflow_id.startswith("ledger-")
    assert action.context.idempotency_key is not None
    return replace(action.context, workflow_id=None, idempotency_key=None)


BASE_CREDITS = 1000
STORY_SECONDS = 90  # no story waits for ever

_Told = TypeVar("_Told")
_Report = TypeVar("_Report")


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """Where a test's stories are played: a namespace and a database of its own."""

    address: str
    namespace: str
    ledger: Ledger
    owner_engine: Engine

    def play(
        self,
        story: Callable[[LedgerRuns], Awaitable[_Told]],
        *sources: ActivitySource,
        ledger: Ledger | None = None,
        directories: Mapping[StreamRef, SourceDirectory] | None = None,
    ) -> _Told:
        """Run the story beside a worker that has the sources; return what the story returns."""
        served = {stream: source for source in sources for stream in source.streams()}

        async def run() -> _Told:
            async with worker_on(
                self.address, self.namespace, ledger or self.ledger, served, directories=directories
            ) as client:
                runs = LedgerRuns(client=client, ledger=self.ledger, streams=tuple(served))
                return await asyncio.wait_for(story(runs), STORY_SECONDS)

        return asyncio.run(run())

    def rows(self) -> dict[str, list[str]]:
        """Return every row of every table with the transaction that wrote it, so that no write goes unseen.

        But for how streams fare, which is noted at each try, and is no part of what is paid.
        """
        with self.owner_engine.connect() as connection:
            return {
                table.name: list(
                    connection.execute(
                        text(f'SELECT t.xmin::text || t::text FROM "{table.name}" t ORDER BY 1')
                    ).scalars()
                )
                for table in ledger_metadata.sorted_tables
                if table.name != "stream_health"
            }

    def count(self, table: str) -> int:
        """Return how many rows the table has."""
        return len(self.rows()[table])

    def event_ids(self) -> list[str]:
        """Return the ids of all stored events, in order."""
        with self.owner_engine.connect() as connection:
            return list(
                connection.execute(text('SELECT id FROM activity_events ORDER BY id COLLATE "C"')).scalars()
            )

    def cursor(self, stream: StreamRef = PULLS) -> str | None:
        """Return where the stream stopped."""
        with self.ledger.read() as view:
            return view.cursors.find(stream)

    def late_events(self, epoch_id: int) -> dict[str, int | None]:
        """Return the epoch's events, each with the epoch that it was too late for."""
        with self.ledger.read() as view:
            return {
                str(event.event_id): event.late_from_epoch_id
                for event in view.curation.ordered_events(EpochId(epoch_id))
            }


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRuns:
    """The steps of a story: workflows as the command line starts them."""

    client: Client
    ledger: Ledger
    streams: tuple[StreamRef, ...]
    directories: tuple[StreamRef, ...] = ()

    def collect_request(self, week: int = 0, *, base_credits: int | None = BASE_CREDITS) -> CollectRequest:
        return CollectRequest(
            window=make_window(week),
            weight_config=WEIGHTS,
            base_issuance_credits=base_credits,
            streams=self.streams,
            directories=self.directories,
        )

    async def start_collect(self, week: int = 0) -> WorkflowHandle[Any, CollectReport]:
        """Start the week's collection."""
        handle, _ = await start_or_join(
            self.client,
            Start(
                method=CollectEpochWorkflow.run,
                argument=self.collect_request(week),
                workflow_id=collect_workflow_id(make_window(week)),
                task_queue=TASK_QUEUE,
                execution_timeout=COLLECT_EXECUTION_TIMEOUT,
            ),
        )
        return handle

    async def collect(self, week: int = 0, *, base_credits: int | None = BASE_CREDITS) -> CollectReport:
        """Collect the week."""
        return await self.run(
            CollectEpochWorkflow.run,
            self.collect_request(week, base_credits=base_credits),
            collect_workflow_id(make_window(week)),
        )

    async def finalize(
        self, epoch_id: int | None, *, reviewed_hash: str | None = None, workflow_id: str | None = None
    ) -> FinalizeReport:
        """Close the epoch."""
        assert epoch_id is not None
        command = FinalizeCommand(epoch_id=epoch_id, context=CONTEXT, reviewed_hash=reviewed_hash)
        return await self.run(
            FinalizeEpochWorkflow.run, command, workflow_id or finalize_workflow_id(epoch_id)
        )

    async def bind(self, **accounts: str) -> BindReport:
        """Bind accounts to users: `ann="1001"`."""
        bindings = tuple(
            IdentityBinding(provider="github", external_id=account, user_id=UserId(user))
            for user, account in accounts.items()
        )
        return await self.bind_all(bindings)

    async def bind_all(self, bindings: tuple[IdentityBinding, ...]) -> BindReport:
        command = BindCommand(bindings=bindings, context=CONTEXT)
        return await self.run(BindIdentitiesWorkflow.run, command, bind_workflow_id(command, KEYS.id_key))

    async def unbind(self, account: str) -> UnbindReport:
        """Take the binding of a GitHub account back."""
        command = UnbindCommand(provider="github", external_id=account, context=CONTEXT)
        return await self.run(UnbindIdentityWorkflow.run, command, unbind_workflow_id(command, KEYS.id_key))

    async def waive(self, epoch_id: int, stream: StreamRef, gap: str) -> WriteReport:
        """Waive a stream's gap, as it was reviewed."""
        command = WaiveGapCommand(epoch_id=epoch_id, stream=stream, reviewed_gap=gap, context=CONTEXT)
        return await self.run(WaiveGapWorkflow.run, command, waive_workflow_id(command, KEYS.id_key))

    async def amend(
        self, epoch_id: int, *cleared: str, reviewed: str, context: ActionContext = CONTEXT, **units: int
    ) -> AmendReport:
        """Supersede an epoch's statement."""
        command = AmendCommand(
            epoch_id=epoch_id,
            set_units=units,
            cleared=cleared,
            reviewed_statement_hash=reviewed,
            context=context,
        )
        return await self.run(AmendStatementWorkflow.run, command, amend_workflow_id(command, KEYS.id_key))

    async def adjust(
        self, epoch_id: int, user_id: str, final_units: int | None, *, context: ActionContext = CONTEXT
    ) -> WriteReport:
        """Set or clear a user's units."""
        command = AdjustAllocationCommand(
            epoch_id=epoch_id, user_id=user_id, final_units=final_units, context=context
        )
        return await self.run(AdjustAllocationWorkflow.run, command, adjust_workflow_id(command, KEYS.id_key))

    async def judge(
        self, epoch_id: int, event_id: str, *, included: bool = True, weight: int | None = None
    ) -> WriteReport:
        """Judge an event."""
        command = JudgeEventCommand(
            epoch_id=epoch_id,
            event_id=event_id,
            included=included,
            weight_override_milli=weight,
            context=CONTEXT,
        )
        return await self.run(JudgeEventWorkflow.run, command, judge_workflow_id(command, KEYS.id_key))

    async def record(
        self, epoch_id: int, amount_credits: int, *, component_id: str = "top_up"
    ) -> WriteReport:
        """Record a part of the pool."""
        command = RecordPoolCommand(
            epoch_id=epoch_id,
            component_id=component_id,
            algorithm_version="1",
            amount_credits=amount_credits,
            inputs_json='{"vote":12}',
            evidence_ref="https://example.org/votes/12",
            context=CONTEXT,
        )
        return await self.run(
            RecordPoolComponentWorkflow.run, command, pool_workflow_id(command, KEYS.id_key)
        )

    def plan_request(self, *, length_days: int = 7) -> PlanRequest:
        return PlanRequest(
            anchor="1970-01-05",
            length_days=length_days,
            weight_config=WEIGHTS,
            base_issuance_credits=BASE_CREDITS,
            streams=self.streams,
            directories=self.directories,
        )

    async def plan(self, at: datetime) -> PlanReport:
        """Plan and collect as the schedule does at a nominal time."""
        return await (await self.start_plan(at)).result()

    async def plan_incomplete(self, plan: WorkflowHandle[Any, PlanReport]) -> tuple[str, PlanReport]:
        """Return the sentence of a plan that ends incomplete, and the report that it leaves all the same."""
        with pytest.raises(WorkflowFailureError) as failed:
            await plan.result()
        cause = failed.value.cause
        assert isinstance(cause, ApplicationError)
        assert cause.type == COLLECTIONS_INCOMPLETE
        report: PlanReport = value_to_type(PlanReport, cause.details[0])
        return cause.message, report

    async def start_plan(self, at: datetime) -> WorkflowHandle[Any, PlanReport]:
        """Start what the schedule starts at a nominal time."""
        return await self.client.start_workflow(
            PlanCollectionWorkflow.run,
            self.plan_request(),
            id=f"ledger-plan-{at.isoformat()}",
            task_queue=TASK_QUEUE,
            search_attributes=TypedSearchAttributes([SearchAttributePair(SCHEDULED_START, at)]),
        )

    async def run(
        self,
        method: Callable[[Any, Any], Coroutine[Any, Any, _Report]],
        argument: object,
        workflow_id: str,
    ) -> _Report:
        """Start the workflow, or join the one that runs under the id, and return its report."""
        handle, _ = await start_or_join(
            self.client,
            Start(
                method=method,
                argument=argument,
                workflow_id=workflow_id,
                task_queue=TASK_QUEUE,
                execution_timeout=WRITE_EXECUTION_TIMEOUT,
            ),
        )
        return await result_of(handle)

    async def history(self, workflow_id: str) -> Sequence[HistoryEvent]:
        """Return the events of the newest run under the id."""
        return (await self.client.get_workflow_handle(workflow_id).fetch_history()).events

    async def await_retry(self, handle: WorkflowHandle[Any, Any]) -> None:
        """Wait until an activity of the run has failed and is due to be tried again."""
        async with asyncio.timeout(STORY_SECONDS):
            while True:
                pending = (await handle.describe()).raw_description.pending_activities
                if any(found.attempt > 1 for found in pending):
                    return
                await asyncio.sleep(0.05)

    async def attempts(self, workflow_id: str) -> list[int]:
        """Return, for each activity of the newest run that ended, how often it was tried."""
        return [
            event.activity_task_started_event_attributes.attempt
            for event in await self.history(workflow_id)
            if event.HasField("activity_task_started_event_attributes")
        ]


async def refused(step: Awaitable[object]) -> tuple[str, str]:
    """Return the code and the sentence of the refusal that the step ends in."""
    with pytest.raises(WorkflowFailed) as failed:
        await step
    return failed.value.code, str(failed.value)


def pages_of(events: Sequence[ActivityEvent], *, size: int, prefix: str = "page") -> list[Any]:
    """Return the events in pages of a size, each with a cursor of its own."""
    return [
        make_page(*events[start : start + size], cursor=f"{prefix}-{start // size}")
        for start in range(0, len(events), size)
    ]

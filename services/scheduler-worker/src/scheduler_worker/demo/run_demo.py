"""The demo's run: for each window collect, bind, pay and close, through the same workflows as an admin."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeVar

from temporalio.client import Client

from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.identity import IdentityBinding
from ledger_core.domain.ledger_action import ActionContext
from ledger_core.errors import AnotherEpochOpen, LedgerError
from ledger_core.identifiers import EpochId, StreamRef
from ledger_core.ports.ledger import LedgerReader
from scheduler_worker.demo.repository_weeks import mailmap_bindings
from scheduler_worker.messages import BindCommand, FinalizeCommand, FinalizeReport
from scheduler_worker.policy import Policy
from scheduler_worker.requests import collect_request
from scheduler_worker.retry_profiles import COLLECT_EXECUTION_TIMEOUT, WRITE_EXECUTION_TIMEOUT
from scheduler_worker.starting import Start, result_of, start_or_join
from scheduler_worker.workflow_ids import bind_workflow_id, collect_workflow_id, finalize_workflow_id
from scheduler_worker.workflows.admin_writes import BindIdentitiesWorkflow
from scheduler_worker.workflows.collect_epoch import CollectEpochWorkflow
from scheduler_worker.workflows.finalize_epoch import FinalizeEpochWorkflow

ACTOR: Final = "ledger demo"
BINDINGS_AT_ONCE: Final = 500  # what one write may hold (ledger_core.use_cases.bind_identity)

_Report = TypeVar("_Report")


class DemoIncomplete(LedgerError):
    """A stream could not be read to its end, so nothing is paid."""

    code = "incomplete"

    def __init__(self, problem: str) -> None:
        super().__init__(f"the repository could not be read to its end: {problem}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoEpoch:
    """One window's outcome."""

    window: EpochWindow
    epoch_id: EpochId
    new_events: int
    finalized: FinalizeReport


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRun:
    """What the demo needs to run: a client, a ledger to read, the policy, and somewhere to tell its steps."""

    client: Client
    id_key: bytes = field(repr=False)
    reader: LedgerReader
    policy: Policy
    streams: tuple[StreamRef, ...]
    task_queue: str
    tell: Callable[[str], None]

    async def take(self, window: EpochWindow) -> DemoEpoch:
        """Take one window to its statement; of a closed epoch, find the one it has.

        Raises: DemoIncomplete, AnotherEpochOpen, WorkflowFailed.
        """
        day = window.period_start.date()
        self.tell(f"week of {day}: collecting commits")
        collected = await self._execute(
            CollectEpochWorkflow.run,
            collect_request(self.policy, window, self.streams),
            collect_workflow_id(window),
            COLLECT_EXECUTION_TIMEOUT,
        )
        for stream in collected.streams:
            if not stream.complete:
                raise DemoIncomplete(stream.problem or "no reason given")
        if collected.epoch_id is None:
            raise AnotherEpochOpen(collected.blocked_by_epoch_id)
        if collected.curated is not None:
            self.tell(f"week of {day}: binding identities")
            await self._bind(EpochId(collected.epoch_id))
        self.tell(f"week of {day}: closing epoch {collected.epoch_id}")
        workflow_id = finalize_workflow_id(collected.epoch_id)
        context = ActionContext(actor=ACTOR, workflow_id=workflow_id)
        finalized = await self._execute(
            FinalizeEpochWorkflow.run,
            FinalizeCommand(epoch_id=collected.epoch_id, context=context),
            workflow_id,
            WRITE_EXECUTION_TIMEOUT,
        )
        return DemoEpoch(
            window=window,
            epoch_id=EpochId(collected.epoch_id),
            new_events=sum(stream.inserted for stream in collected.streams),
            finalized=finalized,
        )

    async def _bind(self, epoch_id: EpochId) -> None:
        """Bind everybody in the epoch, a bounded number at a time."""
        while bindings := await asyncio.to_thread(self._bindings, epoch_id):
            command = BindCommand(
                bindings=bindings, context=ActionContext(actor=ACTOR, reason="the repository's mailmap")
            )
            report = await self._execute(
                BindIdentitiesWorkflow.run,
                command,
                bind_workflow_id(command, self.id_key),
                WRITE_EXECUTION_TIMEOUT,
            )
            if not report.added:
                return

    def _bindings(self, epoch_id: EpochId) -> tuple[IdentityBinding, ...]:
        with self.reader.read() as view:
            unresolved = view.identities.list_unresolved(epoch_id, limit=BINDINGS_AT_ONCE)
        return mailmap_bindings(self.policy.git_sources[0].path, unresolved)

    async def _execute(
        self,
        method: Callable[[Any, Any], Coroutine[Any, Any, _Report]],
        argument: object,
        workflow_id: str,
        execution_timeout: timedelta,
    ) -> _Report:
        start = Start(
            method=method,
            argument=argument,
            workflow_id=workflow_id,
            task_queue=self.task_queue,
            execution_timeout=execution_timeout,
        )
        handle, _ = await start_or_join(self.client, start)
        return await result_of(handle)

"""Every workflow on every path, played on real servers, with people's names wherever something can be named.

What the runs leave behind is replayed as it is, searched for the names, and kept in tests/histories by
`python -m tests.workflow.record_histories`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from temporalio.client import WorkflowFailureError, WorkflowHandle, WorkflowHistory

from ledger_core import (
    ActivityPage,
    EpochId,
    IdentityBinding,
    InvalidValue,
    Ledger,
    LedgerRuleBroken,
    LedgerTransaction,
    LedgerView,
    NodeId,
    SourceUnavailable,
    StreamRef,
    UserId,
)
from ledger_core.domain.signature import signing_text
from ledger_core.domain.stream_reading import StreamReading
from ledger_core.ports.item_source import FoundItem, ItemHint
from ledger_core.testing import MONDAY, ScriptedSource, make_context, make_event, make_page, make_window
from ledger_core.use_cases.record_reading import record_reading
from scheduler_worker.identity_messages import ImportBindingsCommand, MergeUsersCommand, SplitUserCommand
from scheduler_worker.messages import (
    MAX_STREAMS,
    AdjustAllocationCommand,
    BindCommand,
    FinalizeCommand,
    JudgeEventCommand,
    RecordPoolCommand,
    UnbindCommand,
    WaiveGapCommand,
)
from scheduler_worker.messages_of_statements import AmendCommand, SignCommand
from scheduler_worker.workflow_ids import (
    adjust_workflow_id,
    amend_workflow_id,
    bind_workflow_id,
    collect_workflow_id,
    finalize_workflow_id,
    import_workflow_id,
    item_workflow_id,
    judge_workflow_id,
    move_workflow_id,
    pool_workflow_id,
    sign_workflow_id,
    unbind_workflow_id,
    waive_workflow_id,
)
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
from scheduler_worker.workflows.collect_epoch import STREAMS_AT_ONCE, CollectEpochWorkflow
from scheduler_worker.workflows.collect_item import CollectItemWorkflow
from scheduler_worker.workflows.finalize_epoch import FinalizeEpochWorkflow
from scheduler_worker.workflows.plan_collection import WINDOWS_A_RUN, PlanCollectionWorkflow
from scheduler_worker.workflows.statement_writes import AmendStatementWorkflow, SignStatementWorkflow
from tests.signers import APPROVER, STRANGER, signature_of
from tests.temporal_runtime import KEYS, TASK_QUEUE
from tests.workflow.interruptions import Stop
from tests.workflow.ledger_runs import ISSUES, PULLS, LedgerRuns, Runtime

ANN: Final = "ann.nym@people.example.org"
BOB: Final = "bob.nym@people.example.org"
CONTEXT: Final = make_context("Max Mustermann asked for it", actor="Erika Mustermann")
NAMES: Final = (b"people.example", b"Mustermann", b"ann.nym", b"bob.nym", b"Nym's work")
DIRECTORY: Final = StreamRef(source="github", source_ref="acme/*", stream="repositories")
LISTED: Final = StreamRef(source="github", source_ref="acme/listed", stream="pulls")
STREAMS: Final = STREAMS_AT_ONCE + 3  # so that some have to wait for a turn


class StagedLedger:
    """A ledger where the next transaction, snapshot or reply is something else once."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.before_begin: list[Callable[[], None]] = []
        self.before_read: list[Callable[[], None]] = []
        self.after_commit: list[Callable[[], None]] = []

    @property
    def node_id(self) -> NodeId:
        return self._ledger.node_id

    @contextmanager
    def begin(self) -> Iterator[LedgerTransaction]:
        _once(self.before_begin)
        with self._ledger.begin() as transaction:
            yield transaction
        _once(self.after_commit)

    @contextmanager
    def session(self) -> Iterator[Self]:
        yield self

    @contextmanager
    def read(self) -> Iterator[LedgerView]:
        _once(self.before_read)
        with self._ledger.read() as view:
            yield view


class StagedSource(ScriptedSource):
    """A scripted source that stops before its next page, once told to."""

    def __init__(self, script: dict[StreamRef, list[ActivityPage]]) -> None:
        super().__init__(script)
        self.stops: list[Stop] = []
        self.named: list[FoundItem | Exception] = []  # what the next hints lead to

    def pages(self, stream: StreamRef, cursor: str | None, *, until: datetime) -> Iterator[ActivityPage]:
        for page in super().pages(stream, cursor, until=until):
            if stream == PULLS:
                _once(self.stops)
            yield page

    def find_item(self, hint: ItemHint) -> FoundItem:
        assert hint.stream in self.streams()
        answer = self.named.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def stop_at_next_page(self) -> Stop:
        """Bring one more page, and stop before it."""
        stop = Stop()
        self.add_pages(PULLS, make_page(cursor=f"more-{len(self._script[PULLS])}"))
        self.stops.append(stop)
        return stop


class StagedDirectory:
    """A directory that lists one stream, unless told otherwise once."""

    def __init__(self) -> None:
        self.next: list[tuple[StreamRef, ...] | Exception] = []
        self._source = ScriptedSource({LISTED: []})

    def list_streams(self) -> tuple[StreamRef, ...]:
        answer = self.next.pop(0) if self.next else self._source.streams()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def find_source(self, stream: StreamRef) -> ScriptedSource | None:
        return self._source if stream == LISTED else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What a story is told with."""

    runs: LedgerRuns
    ledger: StagedLedger
    source: StagedSource
    directory: StagedDirectory
    recorded: dict[str, tuple[str, str]] = field(default_factory=dict)

    async def start(
        self, path: str, method: Any, argument: object, workflow_id: str
    ) -> WorkflowHandle[Any, Any]:
        """Start a run, and remember it as the one that takes the path."""
        handle = await self.runs.client.start_workflow(
            method, argument, id=workflow_id, task_queue=TASK_QUEUE
        )
        return self.remember(path, handle)

    def remember(self, path: str, handle: WorkflowHandle[Any, Any]) -> WorkflowHandle[Any, Any]:
        """Remember a run that was started otherwise."""
        assert handle.first_execution_run_id is not None
        assert path not in self.recorded
        self.recorded[path] = (handle.id, handle.first_execution_run_id)
        return handle

    async def done(self, path: str, method: Any, argument: object, workflow_id: str) -> Any:
        """Play a run to its report."""
        return await (await self.start(path, method, argument, workflow_id)).result()

    async def ended(self, handle: WorkflowHandle[Any, Any]) -> None:
        """Wait for a run that ends badly."""
        try:
            await handle.result()
        except WorkflowFailureError:
            return
        raise AssertionError(f"{handle.id} ended well")

    async def refused(self, path: str, method: Any, argument: object, workflow_id: str) -> None:
        """Play a run to its refusal."""
        await self.ended(await self.start(path, method, argument, workflow_id))

    async def collect(
        self,
        path: str,
        week: int = 0,
        *,
        streams: tuple[StreamRef, ...] = (PULLS, ISSUES),
        base: int | None = 1000,
    ) -> WorkflowHandle[Any, Any]:
        """Start a collection."""
        request = replace(self.runs.collect_request(week, base_credits=base), streams=streams)
        return await self.start(
            path, CollectEpochWorkflow.run, request, collect_workflow_id(make_window(week))
        )

    async def plan(self, path: str, week: int) -> WorkflowHandle[Any, Any]:
        """Start what the schedule starts at noon of a week's first day."""
        at = make_window(week).period_start + timedelta(hours=12, seconds=len(self.recorded))
        return self.remember(path, await self.runs.start_plan(at))


def play_every_path(runtime: Runtime) -> dict[str, WorkflowHistory]:
    """Return a history of each path of each workflow, as the server keeps them, by `Workflow.path`."""
    first = make_event(1, at=MONDAY, account=ANN, login="Ann Nym's work")
    second = make_event(2, at=MONDAY, account=BOB, login="Bob Nym's work")
    source = StagedSource({PULLS: [make_page(first, second, cursor="one")], ISSUES: []})
    many = ScriptedSource({stream: [] for stream in _many_streams()})
    ledger = StagedLedger(runtime.ledger)
    directory = StagedDirectory()

    async def story(runs: LedgerRuns) -> dict[str, WorkflowHistory]:
        wide = replace(runs, streams=(PULLS, ISSUES))
        stage = Stage(runs=wide, ledger=ledger, source=source, directory=directory)
        await _bind_before_any_epoch(stage)
        epoch_id = await _collect(stage)
        await _list(stage)
        await _cancel(stage)
        await _decide(stage, epoch_id)
        await _close(stage, epoch_id)
        await _plan(stage)
        await _grow(stage)
        await _name_things(stage)
        return {
            path: await runs.client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
            for path, (workflow_id, run_id) in stage.recorded.items()
        }

    return runtime.play(story, source, many, ledger=ledger, directories={DIRECTORY: directory})


async def _bind_before_any_epoch(stage: Stage) -> None:
    command = _bind(ANN)
    await stage.done("BindIdentitiesWorkflow.no-epoch", *_binding(command))


async def _collect(stage: Stage) -> int:
    source = stage.source
    stop = Stop()
    stage.ledger.before_begin.append(stop)
    opening = await stage.collect("CollectEpochWorkflow.cancelled-opening")
    await stop.reached()
    await opening.cancel()
    stop.release()
    await stage.ended(opening)
    source.fail(PULLS, page=0, error=SourceUnavailable("github", f"{ANN} is resting", retry_after_seconds=1))
    source.add_pages(ISSUES, make_page(cursor="one"))
    source.fail(ISSUES, page=0, error=InvalidValue("the page", f"of {BOB} is unreadable"))
    report = await (await stage.collect("CollectEpochWorkflow.retried-and-refused")).result()
    assert (report.complete, [stream.complete for stream in report.streams]) == (False, [True, False])
    await (await stage.collect("CollectEpochWorkflow.again")).result()
    await (await stage.collect("CollectEpochWorkflow.no-base-issuance", base=None)).result()
    blocked = await (await stage.collect("CollectEpochWorkflow.blocked", 1)).result()
    assert blocked.blocked_by_epoch_id == report.epoch_id
    assert isinstance(report.epoch_id, int)
    return report.epoch_id


async def _list(stage: Stage) -> None:
    """Collections that first ask which streams there are."""
    listing = replace(stage, runs=replace(stage.runs, directories=(DIRECTORY,)))
    report = await (await listing.collect("CollectEpochWorkflow.listed")).result()
    assert [stream.stream for stream in report.streams] == [PULLS, ISSUES, LISTED]
    stage.directory.next.append(InvalidValue("the page", f"of {BOB} is unreadable"))
    report = await (await listing.collect("CollectEpochWorkflow.not-listed")).result()
    assert not report.complete
    stage.directory.next.append(tuple(_stream(number) for number in range(MAX_STREAMS)))
    report = await (await listing.collect("CollectEpochWorkflow.too-many-listed")).result()
    assert not report.complete


async def _cancel(stage: Stage) -> None:
    stop = stage.source.stop_at_next_page()
    collecting = await stage.collect("CollectEpochWorkflow.cancelled-collecting", 1)
    await stop.reached()
    await collecting.cancel()
    stop.release()
    await stage.ended(collecting)
    stage.source.fail(
        PULLS, page=2, error=SourceUnavailable("github", "rate limit", retry_after_seconds=3_600)
    )
    stage.source.add_pages(PULLS, make_page(cursor="more"))
    waiting = await stage.collect("CollectEpochWorkflow.cancelled-waiting", 1)
    await stage.runs.await_retry(waiting)
    await waiting.cancel()
    await stage.ended(waiting)


async def _move(stage: Stage) -> None:
    """Import, merge and split, each done and refused; at the end everybody's accounts are as they were."""
    extra, other = f"5005.{ANN}", f"other.{ANN}"

    def take(account: str, user: str) -> tuple[Any, object, str]:
        command = ImportBindingsCommand(
            providers=("github",), external_ids=(account,), user_ids=(user,), context=CONTEXT
        )
        return ImportBindingsWorkflow.run, command, import_workflow_id(command, KEYS.id_key)

    def merge(user: str, into: str) -> tuple[Any, object, str]:
        command = MergeUsersCommand(user_id=user, into=into, context=CONTEXT)
        return MergeUsersWorkflow.run, command, move_workflow_id(command, KEYS.id_key)

    def split(*accounts: str) -> tuple[Any, object, str]:
        command = SplitUserCommand(
            user_id=ANN,
            into=other,
            providers=("github",) * len(accounts),
            external_ids=accounts,
            context=CONTEXT,
        )
        return SplitUserWorkflow.run, command, move_workflow_id(command, KEYS.id_key)

    await stage.done("ImportBindingsWorkflow.done", *take(extra, other))
    await stage.refused("ImportBindingsWorkflow.refused", *take(extra, ANN))
    await stage.done("MergeUsersWorkflow.done", *merge(other, ANN))
    await stage.refused("MergeUsersWorkflow.refused", *merge(f"nobody.{ANN}", ANN))
    await stage.done("SplitUserWorkflow.done", *split(extra))
    await stage.refused("SplitUserWorkflow.refused", *split(extra))


async def _decide(stage: Stage, epoch_id: int) -> None:
    """Each of an admin's writes: done, refused, and tried again after a lost reply."""
    pull = "github:pr_merged:acme/widgets:1"
    await stage.done("BindIdentitiesWorkflow.done", *_binding(_bind(BOB)))
    await stage.refused("BindIdentitiesWorkflow.refused", *_binding(_bind(BOB, user=ANN)))
    unbind = UnbindCommand(provider="github", external_id=BOB, context=CONTEXT)
    unbinding = (UnbindIdentityWorkflow.run, unbind, unbind_workflow_id(unbind, KEYS.id_key))
    await stage.done("UnbindIdentityWorkflow.done", *unbinding)
    await stage.refused("UnbindIdentityWorkflow.refused", *unbinding)

    await _move(stage)

    def adjust(user: str, units: int) -> tuple[Any, object, str]:
        command = AdjustAllocationCommand(epoch_id=epoch_id, user_id=user, final_units=units, context=CONTEXT)
        return AdjustAllocationWorkflow.run, command, adjust_workflow_id(command, KEYS.id_key)

    await stage.done("AdjustAllocationWorkflow.done", *adjust(ANN, 5))
    await stage.refused("AdjustAllocationWorkflow.refused", *adjust(f"nobody.{ANN}", 5))
    stage.ledger.after_commit.append(_lose_the_reply)
    await stage.done("AdjustAllocationWorkflow.retried", *adjust(ANN, 6))

    def judge(event_id: str) -> tuple[Any, object, str]:
        command = JudgeEventCommand(
            epoch_id=epoch_id, event_id=event_id, included=True, weight_override_milli=7, context=CONTEXT
        )
        return JudgeEventWorkflow.run, command, judge_workflow_id(command, KEYS.id_key)

    await stage.done("JudgeEventWorkflow.done", *judge(pull))
    await stage.refused("JudgeEventWorkflow.refused", *judge(f"git:commit:of:{ANN}"))

    await stage.done("RecordPoolComponentWorkflow.done", *_pool(epoch_id, "top_up", 50))
    await stage.refused("RecordPoolComponentWorkflow.refused", *_pool(epoch_id, "top_up", 51))


async def _waive(stage: Stage, epoch_id: int) -> None:
    with stage.runs.ledger.read() as view:
        window = view.epochs.get(EpochId(epoch_id)).window
    lost = StreamReading(
        stream=_stream(1), window=window, retrieved_at=window.period_end, problem="source-unavailable"
    )
    record_reading(stage.ledger, lost)

    def waive(number: int) -> tuple[Any, object, str]:
        command = WaiveGapCommand(
            epoch_id=epoch_id, stream=_stream(number), reviewed_gap=str(lost.gap), context=CONTEXT
        )
        return WaiveGapWorkflow.run, command, waive_workflow_id(command, KEYS.id_key)

    await stage.done("WaiveGapWorkflow.done", *waive(1))
    await stage.refused("WaiveGapWorkflow.refused", *waive(2))


async def _amend(stage: Stage, epoch_id: int) -> None:
    with stage.runs.ledger.read() as view:
        (closed,) = view.statements.versions(EpochId(epoch_id))

    def amend(reviewed: str) -> tuple[Any, object, str]:
        command = AmendCommand(
            epoch_id=epoch_id,
            set_units={ANN: 1},
            cleared=(),
            reviewed_statement_hash=reviewed,
            context=CONTEXT,
        )
        return AmendStatementWorkflow.run, command, amend_workflow_id(command, KEYS.id_key)

    await stage.refused("AmendStatementWorkflow.refused", *amend("0" * 64))
    await stage.done("AmendStatementWorkflow.done", *amend(closed.statement_hash))

    def sign(key: Any) -> tuple[Any, object, str]:
        command = SignCommand(
            epoch_id=epoch_id,
            statement_hash=closed.statement_hash,
            signature=signature_of(key, signing_text(closed)),
            context=CONTEXT,
        )
        return SignStatementWorkflow.run, command, sign_workflow_id(command, KEYS.id_key)

    await stage.done("SignStatementWorkflow.done", *sign(APPROVER))
    await stage.refused("SignStatementWorkflow.refused", *sign(STRANGER))


async def _close(stage: Stage, epoch_id: int) -> None:
    await _waive(stage, epoch_id)

    def finalize(of: int, reviewed_hash: str | None = None) -> tuple[Any, object, str]:
        command = FinalizeCommand(epoch_id=of, context=CONTEXT, reviewed_hash=reviewed_hash)
        return FinalizeEpochWorkflow.run, command, finalize_workflow_id(of)

    await stage.refused("FinalizeEpochWorkflow.refused", *finalize(epoch_id, "0" * 64))
    await stage.done("FinalizeEpochWorkflow.done", *finalize(epoch_id))
    await stage.done("FinalizeEpochWorkflow.again", *finalize(epoch_id))
    await _amend(stage, epoch_id)
    await (await stage.collect("CollectEpochWorkflow.closed")).result()
    stop = stage.source.stop_at_next_page()
    collecting = await stage.collect("CollectEpochWorkflow.closed-meanwhile", 1)
    await stop.reached()
    with stage.runs.ledger.read() as view:
        opened = view.epochs.find_open()
    assert opened is not None
    await stage.done("RecordPoolComponentWorkflow.base", *_pool(opened.id, "base_issuance", 10))
    await stage.done("FinalizeEpochWorkflow.meanwhile", *finalize(opened.id))
    stop.release()
    assert (await collecting.result()).curated is None


async def _plan(stage: Stage) -> None:
    stop = Stop()
    stage.ledger.before_read.append(stop)
    by_hand = await stage.start(
        "PlanCollectionWorkflow.by-hand-and-cancelled",
        PlanCollectionWorkflow.run,
        stage.runs.plan_request(),
        "ledger-plan-by-hand",
    )
    await stop.reached()
    await by_hand.cancel()
    stop.release()
    await stage.ended(by_hand)
    await (await stage.plan("PlanCollectionWorkflow.done", 3)).result()
    stop = stage.source.stop_at_next_page()
    running = await stage.collect("CollectEpochWorkflow.joined", 2)
    await stop.reached()
    await (await stage.plan("PlanCollectionWorkflow.joined", 3)).result()
    stop.release()
    await running.result()
    stage.source.fail(ISSUES, page=1, error=InvalidValue("the page", f"of {BOB} is unreadable"))
    stage.source.add_pages(ISSUES, make_page(cursor="two"))
    await stage.ended(await stage.plan("PlanCollectionWorkflow.incomplete", 3))
    stage.ledger.before_begin.append(_break_a_rule)
    await stage.ended(await stage.plan("PlanCollectionWorkflow.collection-failed", 3))
    stop = stage.source.stop_at_next_page()
    plan = await stage.plan("PlanCollectionWorkflow.collection-ended", 3)
    await stop.reached()
    await stage.runs.client.get_workflow_handle(collect_workflow_id(make_window(2))).terminate(
        reason="a test"
    )
    stop.release()
    await stage.ended(plan)
    stop = stage.source.stop_at_next_page()
    plan = await stage.plan("PlanCollectionWorkflow.cancelled", 3)
    await stop.reached()
    await plan.cancel()
    stop.release()
    await stage.ended(plan)


async def _grow(stage: Stage) -> None:
    narrow = replace(stage, runs=replace(stage.runs, streams=()))
    plan = await narrow.plan("PlanCollectionWorkflow.many-windows", 2 + WINDOWS_A_RUN)
    assert len((await plan.result()).collections) == WINDOWS_A_RUN + 1
    wide = await stage.collect("CollectEpochWorkflow.many-streams", 2, streams=_many_streams())
    assert (await wide.result()).complete


async def _name_things(stage: Stage) -> None:
    """Things that a message names, one by one."""

    def hint(item: str, stream: StreamRef = PULLS) -> tuple[Any, object, str]:
        named = ItemHint(stream=stream, scope=7, item=item)
        workflow_id = item_workflow_id(named, message_hash="0" * 64, id_key=KEYS.id_key)
        return CollectItemWorkflow.run, named, workflow_id

    event = make_event(9_001, at=MONDAY, account=ANN, login="Ann Nym's work")
    stage.source.named.append(FoundItem(events=(event,), skipped={"bot": 2}))
    report = await stage.done("CollectItemWorkflow.done", *hint("PR_kwDO1"))
    assert (report.inserted, report.skipped) == (1, {"bot": 2})
    stage.source.named += [
        SourceUnavailable("github", f"{ANN} is resting", retry_after_seconds=1),
        FoundItem(events=(event,)),
    ]
    report = await stage.done("CollectItemWorkflow.retried", *hint("PR_kwDO2"))
    assert (report.inserted, report.duplicates) == (0, 1)
    stage.source.named.append(InvalidValue("the thing", f"of {BOB} is unreadable"))
    await stage.refused("CollectItemWorkflow.refused", *hint("PR_kwDO3"))
    await stage.refused("CollectItemWorkflow.not-configured", *hint("PR_kwDO4", DIRECTORY))
    await stage.refused("CollectItemWorkflow.not-one-by-one", *hint("PR_kwDO5", _stream(0)))


def _many_streams() -> tuple[StreamRef, ...]:
    return tuple(_stream(number) for number in range(STREAMS))


def _stream(number: int) -> StreamRef:
    return StreamRef(source="github", source_ref=f"acme/{number:04d}", stream="pulls")


def _bind(account: str, *, user: str | None = None) -> BindCommand:
    binding = IdentityBinding(provider="github", external_id=account, user_id=UserId(user or account))
    return BindCommand(bindings=(binding,), context=CONTEXT)


def _binding(command: BindCommand) -> tuple[Any, object, str]:
    return BindIdentitiesWorkflow.run, command, bind_workflow_id(command, KEYS.id_key)


def _pool(epoch_id: int, component_id: str, amount_credits: int) -> tuple[Any, object, str]:
    command = RecordPoolCommand(
        epoch_id=epoch_id,
        component_id=component_id,
        algorithm_version="1",
        amount_credits=amount_credits,
        inputs_json='{"asked":"Mustermann"}',
        evidence_ref=f"mailto:{ANN}",
        context=CONTEXT,
    )
    return RecordPoolComponentWorkflow.run, command, pool_workflow_id(command, KEYS.id_key)


def _lose_the_reply() -> None:
    raise ConnectionResetError(f"a row of {ANN}")


def _break_a_rule() -> None:
    raise LedgerRuleBroken("ONE_OPEN_EPOCH")


def _once(waiting: list[Any]) -> None:
    if waiting:
        waiting.pop(0)()

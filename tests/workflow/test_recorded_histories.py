"""Runs that were recorded when their workflows were released go on under today's code, whatever step they are at.

A failure here means that runs of the released version break when a worker is replaced: put the change
behind `workflow.patched`, or let the old workers drain (docs/temporal.md).
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import pytest
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from scheduler_worker.worker import FAILURE_TYPES, create_replayer
from scheduler_worker.workflows import (
    admin_writes,
    cancellation,
    collect_epoch,
    collect_item,
    finalize_epoch,
    plan_collection,
)
from scheduler_worker.workflows.all_workflows import ALL_WORKFLOWS
from tests.readable_histories import raw_bytes
from tests.workflow.record_histories import read_histories
from tests.workflow.recorded_stories import NAMES

HISTORIES = read_histories()
MODULES: tuple[ModuleType, ...] = (
    admin_writes,
    cancellation,
    collect_epoch,
    collect_item,
    finalize_epoch,
    plan_collection,
)
NOT_REPLAYED = {"step"}  # a query leaves nothing in a history


@dataclass(frozen=True)
class Change:
    """An edit of a workflow's source, and a recorded path that it concerns."""

    module: ModuleType
    old: str
    new: str
    path: str

    @property
    def name(self) -> str:
        return f"{self.module.__name__.rpartition('.')[2]}: {self.old} -> {self.new}"


INCOMPATIBLE = [
    Change(collect_epoch, "EpochActivities.open_epoch,", "EpochActivities.curate_epoch,", "CollectEpochWorkflow.again"),
    Change(collect_epoch, "STREAMS_AT_ONCE: Final = 100", "STREAMS_AT_ONCE: Final = 50", "CollectEpochWorkflow.many-streams"),
    Change(collect_epoch, "and opened.is_open:", "and not opened.is_open:", "CollectEpochWorkflow.closed"),
    Change(collect_epoch, "if curated is not None and", "if", "CollectEpochWorkflow.closed-meanwhile"),
    Change(
        collect_epoch,
        'self._step = "collecting"',
        "await workflow.sleep(1)",
        "CollectEpochWorkflow.cancelled-collecting",
    ),
    Change(plan_collection, "WINDOWS_A_RUN: Final = 20", "WINDOWS_A_RUN: Final = 10", "PlanCollectionWorkflow.many-windows"),
    Change(
        plan_collection,
        "workflow_id = collect_workflow_id(window)",
        "workflow_id = collect_workflow_id(window) + '-again'",
        "PlanCollectionWorkflow.joined",
    ),
    Change(
        plan_collection,
        "end_if_cancelled()\n        collections",
        "collections",
        "PlanCollectionWorkflow.by-hand-and-cancelled",
    ),
    Change(
        admin_writes,
        "EpochActivities.curate_open_epoch, **BULK",
        "EpochActivities.plan_windows, **BULK",
        "UnbindIdentityWorkflow.done",
    ),
    Change(
        collect_item,
        "return await",
        "await workflow.sleep(1)\n        return await",
        "CollectItemWorkflow.done",
    ),
    Change(
        finalize_epoch,
        "return await",
        "await workflow.execute_activity_method(EpochActivities.curate_open_epoch, **BULK)\n        return await",
        "FinalizeEpochWorkflow.done",
    ),
]  # fmt: skip
COMPATIBLE = [
    Change(collect_epoch, "**DATABASE,", "**BULK,", "CollectEpochWorkflow.again"),
    Change(
        finalize_epoch,
        "return await",
        'if workflow.patched("curate-first"):\n'
        "            await workflow.execute_activity_method(EpochActivities.curate_open_epoch, **BULK)\n"
        "        return await",
        "FinalizeEpochWorkflow.done",
    ),
]


@pytest.mark.parametrize("path", HISTORIES)
def test_a_recorded_run_replays(path: str) -> None:
    asyncio.run(create_replayer().replay_workflow(HISTORIES[path]))


def test_every_workflow_and_every_line_of_them_is_recorded() -> None:
    """What a new branch does is recorded with it, or this fails."""
    recorded = {path.partition(".")[0] for path in HISTORIES}
    missing = sorted(_lines_of_all() - _lines_replayed())

    assert recorded == {each.__name__ for each in ALL_WORKFLOWS}
    assert missing == []


@pytest.mark.parametrize("change", INCOMPATIBLE, ids=lambda change: change.name)
def test_an_incompatible_change_is_caught(change: Change) -> None:
    with pytest.raises(NondeterminismError):
        _replay_changed(change)


@pytest.mark.parametrize("change", COMPATIBLE, ids=lambda change: change.name)
def test_a_compatible_change_is_not(change: Change) -> None:
    """Time-outs are free to change, and so is what a patch guards."""
    _replay_changed(change)


def test_what_is_kept_says_nothing_of_the_machine_that_recorded_it() -> None:
    for path, history in HISTORIES.items():
        content = raw_bytes(history)
        assert b"site-packages" not in content, path
        assert re.search(rb"\d@\w", content) is None, path  # a process and its host
        assert b"binary/encrypted" not in content, path
    assert all(any(name in raw_bytes(history) for history in HISTORIES.values()) for name in NAMES[:3])


def _replay_changed(change: Change) -> None:
    history = HISTORIES[change.path]
    replayer = Replayer(
        workflows=[_changed(change)],
        workflow_failure_exception_types=FAILURE_TYPES,
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    asyncio.run(replayer.replay_workflow(history))


def _changed(change: Change) -> type:
    source = Path(str(change.module.__file__)).read_text(encoding="utf-8")
    assert change.old in source
    made = ModuleType(f"{change.module.__name__}_changed")
    sys.modules[made.__name__] = made
    exec(compile(source.replace(change.old, change.new), made.__name__, "exec"), made.__dict__)
    found = getattr(made, change.path.partition(".")[0])
    assert isinstance(found, type)
    return found


def _lines_of_all() -> set[tuple[str, int]]:
    return {
        (str(module.__file__), line)
        for module in MODULES
        for code in _functions(
            compile(Path(str(module.__file__)).read_text(encoding="utf-8"), str(module.__file__), "exec")
        )
        for _, _, line in code.co_lines()
        if line is not None
    }


def _functions(code: CodeType, *, is_function: bool = False) -> Iterator[CodeType]:
    """Yield the code of every function in a module's, the not replayed apart."""
    if is_function and code.co_name in NOT_REPLAYED:
        return
    if is_function:
        yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            # A class's body runs when it is imported, not when it is replayed.
            yield from _functions(inner, is_function=bool(inner.co_flags & 0x2))


def _lines_replayed() -> set[tuple[str, int]]:
    files = {str(module.__file__) for module in MODULES}
    seen: set[tuple[str, int]] = set()

    def trace(frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ARG001 - what settrace calls
        file = frame.f_code.co_filename
        if file not in files:
            return None
        seen.add((file, frame.f_lineno))
        return trace

    async def replay() -> None:
        replayer = Replayer(
            workflows=ALL_WORKFLOWS,
            workflow_failure_exception_types=FAILURE_TYPES,
            workflow_runner=UnsandboxedWorkflowRunner(),
            debug_mode=True,  # being watched line by line takes longer than a workflow's turn may
        )
        for history in HISTORIES.values():
            await replayer.replay_workflow(history)

    before = sys.gettrace()
    sys.settrace(trace)  # in debug mode workflows run in this thread
    try:
        asyncio.run(replay())
    finally:
        sys.settrace(before)
    return seen

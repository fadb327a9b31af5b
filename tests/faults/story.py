"""Two weeks of a small ledger, in which every write there is happens once: what the fault suites disturb.

Three people work; one is bound late, one event comes a week too late, an admin judges, adjusts, funds, takes a
binding back, and closes both weeks. Every step is a workflow, started as the command line starts it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ledger_core import ActivityEvent, ActivityPage, StreamRef
from ledger_core.testing import RETRIEVED_AT, FixedClock, make_binding, make_context, make_event, make_window
from scheduler_worker.messages import (
    AdjustAllocationCommand,
    BindCommand,
    CollectReport,
    CollectRequest,
    FinalizeCommand,
    JudgeEventCommand,
    RecordPoolCommand,
    UnbindCommand,
)
from scheduler_worker.workflow_ids import (
    adjust_workflow_id,
    bind_workflow_id,
    collect_workflow_id,
    finalize_workflow_id,
    judge_workflow_id,
    pool_workflow_id,
    unbind_workflow_id,
)
from scheduler_worker.workflows.admin_writes import (
    AdjustAllocationWorkflow,
    BindIdentitiesWorkflow,
    JudgeEventWorkflow,
    RecordPoolComponentWorkflow,
    UnbindIdentityWorkflow,
)
from scheduler_worker.workflows.collect_epoch import CollectEpochWorkflow
from scheduler_worker.workflows.finalize_epoch import FinalizeEpochWorkflow
from tests.temporal_runtime import KEYS

PULLS: Final = StreamRef(source="github", source_ref="acme/widgets", stream="pull_requests")
ISSUES: Final = StreamRef(source="github", source_ref="acme/widgets", stream="issues")
STREAMS: Final = (ISSUES, PULLS)
WEIGHTS: Final = {"github:pr_merged": 8000, "github:issue_closed": 1000}
CONTEXT: Final = make_context()
CLOCK: Final = FixedClock(datetime(2030, 1, 1, tzinfo=UTC))  # after both weeks
BASE_CREDITS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A workflow to start."""

    method: Callable[[Any, Any], Any]
    argument: Any
    workflow_id: str

    @property
    def name(self) -> str:
        """What the step is."""
        return type(self.argument).__name__


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptPage:
    """Events that a source has from an instant on."""

    events: tuple[ActivityEvent, ...]
    since: datetime


def nothing(_stream: StreamRef, _page: int) -> None:
    """Let the page be yielded."""


class PagedSource:
    """A source whose pages depend on the cursor and on `until` alone, so that any process has the same one.

    `before_page` is called before a page is yielded, with its number from 0, and once more after the last.
    """

    def __init__(
        self,
        script: Mapping[StreamRef, Sequence[ScriptPage]],
        *,
        before_page: Callable[[StreamRef, int], None] = nothing,
    ) -> None:
        self.script = {stream: tuple(pages) for stream, pages in script.items()}
        self._before_page = before_page

    def streams(self) -> tuple[StreamRef, ...]:
        return tuple(self.script)

    def pages(self, stream: StreamRef, cursor: str | None, *, until: datetime) -> Iterator[ActivityPage]:
        number = int(cursor or 0)
        for page in self.script[stream][number:]:
            if page.since > until:
                break
            self._before_page(stream, number)
            number += 1
            yield ActivityPage(events=page.events, cursor=str(number), retrieved_at=RETRIEVED_AT)
        self._before_page(stream, number)


def script() -> dict[StreamRef, list[ScriptPage]]:
    """What the story's source has: sixteen events, of which one comes a week late and one has no user ever."""
    return {
        PULLS: [
            _page(0, _pull(1, 0, "1001"), _pull(2, 1, "2002"), _pull(3, 2, "3003")),
            _page(0, _pull(4, 3, "1001"), _pull(5, 4, None)),
            _page(1, _pull(6, 5, "2002"), _pull(7, 8, "1001")),  # the first happened in week 0
            _page(1, _pull(8, 9, "3003"), _pull(9, 13, "2002")),
        ],
        ISSUES: [
            _page(0, _issue(1, 0, "2002"), _issue(2, 6, "3003")),
            _page(0, _issue(3, 6, "1001"), _issue(4, 2, "4004")),
            _page(1, _issue(5, 7, "1001"), _issue(6, 12, "2002"), _issue(7, 12, "3003")),
        ],
    }


def _page(week: int, *events: ActivityEvent) -> ScriptPage:
    return ScriptPage(events=events, since=make_window(week).period_end)


def _pull(number: int, day: int, account: str | None) -> ActivityEvent:
    at = make_window().period_start + timedelta(days=day, hours=number)
    return make_event(number, at=at, account=account)


def _issue(number: int, day: int, account: str) -> ActivityEvent:
    at = make_window().period_start + timedelta(days=day, hours=number)
    return make_event(number, at=at, account=account, event_type="issue_closed")


def tell() -> Generator[Step, Any, None]:
    """Yield the story's steps, each to be sent its report."""
    yield bind(("ann", "1001"), ("bob", "2002"))
    first: CollectReport = yield collect(0)
    assert first.epoch_id is not None
    yield _judge(first.epoch_id, "github:pr_merged:acme/widgets:4", included=False)
    yield _judge(first.epoch_id, "github:pr_merged:acme/widgets:2", weight=2500)
    yield _adjust(first.epoch_id, "ann", 7000)
    yield _record(first.epoch_id, 333)
    yield finalize(first.epoch_id)
    yield bind(("cid", "3003"), ("dot", "4004"))
    second: CollectReport = yield collect(1)
    assert second.epoch_id is not None
    yield _unbind("4004")
    yield _adjust(second.epoch_id, "cid", 4321)
    yield _adjust(second.epoch_id, "cid", None)
    yield finalize(second.epoch_id)


def collect(week: int) -> Step:
    """Collect a week."""
    window = make_window(week)
    request = CollectRequest(
        window=window, weight_config=WEIGHTS, base_issuance_credits=BASE_CREDITS, streams=STREAMS
    )
    return Step(method=CollectEpochWorkflow.run, argument=request, workflow_id=collect_workflow_id(window))


def finalize(epoch_id: int) -> Step:
    """Close an epoch."""
    command = FinalizeCommand(epoch_id=epoch_id, context=CONTEXT)
    return Step(
        method=FinalizeEpochWorkflow.run, argument=command, workflow_id=finalize_workflow_id(epoch_id)
    )


def bind(*accounts: tuple[str, str]) -> Step:
    """Bind accounts to users: `("ann", "1001")`."""
    bindings = tuple(make_binding(user, account) for user, account in accounts)
    command = BindCommand(bindings=bindings, context=CONTEXT)
    return Step(
        method=BindIdentitiesWorkflow.run,
        argument=command,
        workflow_id=bind_workflow_id(command, KEYS.id_key),
    )


def _unbind(account: str) -> Step:
    command = UnbindCommand(provider="github", external_id=account, context=CONTEXT)
    return Step(
        method=UnbindIdentityWorkflow.run,
        argument=command,
        workflow_id=unbind_workflow_id(command, KEYS.id_key),
    )


def _judge(epoch_id: int, event_id: str, *, included: bool = True, weight: int | None = None) -> Step:
    command = JudgeEventCommand(
        epoch_id=epoch_id,
        event_id=event_id,
        included=included,
        weight_override_milli=weight,
        context=CONTEXT,
    )
    return Step(
        method=JudgeEventWorkflow.run, argument=command, workflow_id=judge_workflow_id(command, KEYS.id_key)
    )


def _adjust(epoch_id: int, user_id: str, units: int | None) -> Step:
    command = AdjustAllocationCommand(epoch_id=epoch_id, user_id=user_id, final_units=units, context=CONTEXT)
    return Step(
        method=AdjustAllocationWorkflow.run,
        argument=command,
        workflow_id=adjust_workflow_id(command, KEYS.id_key),
    )


def _record(epoch_id: int, amount_credits: int) -> Step:
    command = RecordPoolCommand(
        epoch_id=epoch_id,
        component_id="top_up",
        algorithm_version="1",
        amount_credits=amount_credits,
        inputs_json='{"vote":12}',
        evidence_ref="https://example.org/votes/12",
        context=CONTEXT,
    )
    return Step(
        method=RecordPoolComponentWorkflow.run,
        argument=command,
        workflow_id=pool_workflow_id(command, KEYS.id_key),
    )

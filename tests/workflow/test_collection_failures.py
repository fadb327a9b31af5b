from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

from ledger_core import ActivityPage, InvalidValue, SourceUnavailable, StreamRef
from ledger_core.testing import MONDAY, ScriptedSource, make_event, make_page, make_window
from scheduler_worker.workflow_ids import collect_workflow_id
from tests.readable_histories import raw_bytes, readable
from tests.temporal_runtime import KEYS
from tests.workflow.interruptions import DEADLINE_SECONDS
from tests.workflow.ledger_runs import ISSUES, PULLS, LedgerRuns, Runtime, pages_of

RETRY_AFTER_SECONDS = 3  # longer than the 2 s after which any other failure of a source is tried again
REVIEWS = StreamRef(source="github", source_ref="acme/widgets", stream="reviews")


class TimedSource(ScriptedSource):
    """A scripted source that remembers when each stream was asked."""

    def __init__(self, script: dict[StreamRef, list[ActivityPage]]) -> None:
        super().__init__(script)
        self.asked_at: dict[StreamRef, list[float]] = {}

    def pages(self, stream: StreamRef, cursor: str | None, *, until: datetime) -> Iterator[ActivityPage]:
        self.asked_at.setdefault(stream, []).append(time.monotonic())
        return super().pages(stream, cursor, until=until)

    def pause_seconds(self, stream: StreamRef) -> list[float]:
        asked = self.asked_at[stream]
        return [after - before for before, after in pairwise(asked)]


class MeetingSource(ScriptedSource):
    """A scripted source whose first two callers have both read the cursor before either gets a page."""

    def __init__(self, script: dict[StreamRef, list[ActivityPage]]) -> None:
        super().__init__(script)
        self._barrier = threading.Barrier(2)
        self._callers = iter(range(2))

    def pages(self, stream: StreamRef, cursor: str | None, *, until: datetime) -> Iterator[ActivityPage]:
        if next(self._callers, None) is not None:
            self._barrier.wait(DEADLINE_SECONDS)
        yield from super().pages(stream, cursor, until=until)


def test_one_refused_stream_leaves_the_others_theirs_and_the_next_run_completes(runtime: Runtime) -> None:
    """A refusal is never retried; an unavailable source and a bug are, at their own times."""
    pulls = [make_event(number, at=MONDAY) for number in range(4)]
    issues = [make_event(number, at=MONDAY, event_type="issue_closed") for number in range(4)]
    reviews = [make_event(number, at=MONDAY, event_type="review") for number in range(4)]
    source = TimedSource(
        {
            PULLS: pages_of(pulls, size=2),
            ISSUES: pages_of(issues, size=2),
            REVIEWS: pages_of(reviews, size=2),
        }
    )
    source.fail(PULLS, page=1, error=InvalidValue("page 2", "is unreadable"))
    unavailable = SourceUnavailable("github", "rate limit", retry_after_seconds=RETRY_AFTER_SECONDS)
    source.fail(ISSUES, page=1, error=unavailable)
    source.fail(REVIEWS, page=1, error=KeyError("bug"))

    async def story(runs: LedgerRuns) -> None:
        first = await runs.collect()
        stored_by_first = runtime.count("activity_events")
        cursor_after_first = runtime.cursor(PULLS)
        calls_of_first = [len(source.asked_at[stream]) for stream in (PULLS, ISSUES, REVIEWS)]
        second = await runs.collect()

        by_stream = {report.stream: report for report in first.streams}
        assert not first.complete
        assert by_stream[PULLS].problem == "invalid-value: page 2 is unreadable"
        assert not by_stream[PULLS].complete
        assert [by_stream[stream].complete for stream in (ISSUES, REVIEWS)] == [True, True]
        assert [by_stream[stream].problem for stream in (ISSUES, REVIEWS)] == [None, None]
        assert calls_of_first == [1, 2, 2]
        assert source.pause_seconds(ISSUES)[0] >= RETRY_AFTER_SECONDS
        assert source.pause_seconds(REVIEWS)[0] >= 1
        assert (stored_by_first, cursor_after_first) == (10, "page-0")
        assert first.curated is not None
        assert first.curated.events == 10
        assert second.complete
        assert [report.problem for report in second.streams] == [None, None, None]
        assert second.curated is not None
        assert second.curated.events == 12

    runtime.play(story, source)


def test_two_collections_of_one_stream_at_once_lose_nothing_and_double_nothing(runtime: Runtime) -> None:
    """CURSOR_STATE_PERSISTED: whoever finds the cursor moved goes on from where it stands."""
    events = [make_event(number, at=MONDAY) for number in range(9)]
    source = MeetingSource({PULLS: pages_of(events, size=3)})

    async def story(runs: LedgerRuns) -> None:
        handles = [await runs.start_collect(0), await runs.start_collect(1)]
        reports = [await handle.result() for handle in handles]
        attempts = [max(await runs.attempts(collect_workflow_id(make_window(week)))) for week in range(2)]

        assert [report.complete for report in reports] == [True, True]
        assert sorted(attempts) == [1, 2]
        assert sum(report.streams[0].inserted for report in reports) == 9
        assert sum(report.streams[0].duplicates for report in reports) == 0
        assert runtime.event_ids() == [event.id for event in events]
        assert runtime.cursor() == "page-2"

    runtime.play(story, source)


def test_a_stream_that_no_source_of_this_worker_serves_is_refused_by_name(runtime: Runtime) -> None:
    source = ScriptedSource({PULLS: pages_of([make_event(at=MONDAY)], size=1)})

    async def story(runs: LedgerRuns) -> None:
        wider = LedgerRuns(client=runs.client, ledger=runs.ledger, streams=(ISSUES, PULLS))
        report = await wider.collect()

        assert [stream.complete for stream in report.streams] == [False, True]
        assert report.streams[0].problem == (
            "stream-not-configured: this worker's ledger.toml has no source for github:acme/widgets:issues"
        )
        assert runtime.count("activity_events") == 1

    runtime.play(story, source)


def test_what_an_attempt_counted_is_not_lost_to_the_next(runtime: Runtime) -> None:
    """ACTIVITY_IDEMPOTENT: a conflict is counted and never silently dropped, whatever fails after it."""
    first = make_event(1, at=MONDAY)
    changed = make_event(1, at=MONDAY, metadata={"title": "another"})
    last = make_event(2, at=MONDAY)
    source = ScriptedSource(
        {
            PULLS: [
                make_page(first, cursor="one"),
                make_page(changed, cursor="two", skipped={"no-date": 3}),
                make_page(last, cursor="three"),
            ]
        }
    )
    source.fail(PULLS, page=2, error=SourceUnavailable("github", "it is resting", retry_after_seconds=1))

    async def story(runs: LedgerRuns) -> None:
        [report] = (await runs.collect()).streams

        assert report.complete
        assert (report.pages, report.inserted, report.conflicts) == (3, 2, 1)
        assert dict(report.skipped) == {"no-date": 3}

    runtime.play(story, source)


def test_a_fault_tells_the_history_its_kind_and_nothing_of_what_it_held(runtime: Runtime) -> None:
    """Temporal is no place for personal data: a driver's message may quote a row."""
    source = ScriptedSource({PULLS: pages_of([make_event(1, at=MONDAY)], size=1)})
    source.fail(PULLS, page=0, error=KeyError("ann@example.org"))

    async def story(runs: LedgerRuns) -> None:
        handle = await runs.start_collect()
        report = await handle.result()
        history = raw_bytes(await readable(await handle.fetch_history(), KEYS))

        assert report.complete
        assert b"worker-fault" in history
        assert b"ann@example.org" not in history

    runtime.play(story, source)

from __future__ import annotations

from datetime import timedelta

from ledger_core.testing import ScriptedSource, make_event, make_page, make_window
from tests.workflow.interruptions import Stop, StoppedSource
from tests.workflow.ledger_runs import PULLS, LedgerRuns, Runtime

WEEK_0 = make_window(0)
WEEK_1 = make_window(1)
TICK = timedelta(microseconds=1)


def test_collection_goes_on_while_last_weeks_epoch_is_open_and_nothing_is_missing_after_its_close(
    runtime: Runtime,
) -> None:
    """ONE_OPEN_EPOCH: an admin who is late loses nobody's work."""
    first = make_event(1, at=WEEK_0.period_start)
    second = make_event(2, at=WEEK_1.period_start)
    third = make_event(3, at=WEEK_1.period_end - TICK)
    source = ScriptedSource({PULLS: [make_page(first, cursor="1")]})

    async def story(runs: LedgerRuns) -> None:
        await runs.bind(ann="1001")
        opened = await runs.collect(0)
        source.add_pages(PULLS, make_page(second, third, cursor="2"))
        blocked = await runs.collect(1)
        stored = runtime.event_ids()
        curated_meanwhile = runtime.count("activity_curation")
        closed = await runs.finalize(opened.epoch_id)
        went_on = await runs.collect(1)

        assert (blocked.epoch_id, blocked.blocked_by_epoch_id) == (None, opened.epoch_id)
        assert (blocked.complete, blocked.curated) == (True, None)
        assert blocked.streams[0].inserted == 2
        assert stored == [first.id, second.id, third.id]
        assert curated_meanwhile == 1
        assert (closed.payouts, closed.pool_total_credits) == (1, 1000)
        assert went_on.blocked_by_epoch_id is None
        assert went_on.epoch_id not in (None, opened.epoch_id)
        assert went_on.streams[0].inserted == 0
        assert went_on.curated is not None
        assert (went_on.curated.counts.added, went_on.curated.events) == (2, 2)
        assert went_on.curated.counts.added_late == 0
        assert runtime.count("epochs") == 2

    runtime.play(story, source)


def test_finalizing_first_and_collecting_after_counts_the_same(runtime: Runtime) -> None:
    first = make_event(1, at=WEEK_0.period_start)
    second = make_event(2, at=WEEK_1.period_start)
    source = ScriptedSource({PULLS: [make_page(first, cursor="1")]})

    async def story(runs: LedgerRuns) -> None:
        opened = await runs.collect(0)
        await runs.finalize(opened.epoch_id)
        source.add_pages(PULLS, make_page(second, cursor="2"))
        after = await runs.collect(1)

        assert after.curated is not None
        assert (after.streams[0].inserted, after.curated.events) == (1, 1)
        assert (after.curated.counts.added, after.curated.counts.added_late) == (1, 0)
        assert runtime.late_events(after.curated.epoch_id) == {second.id: None}

    runtime.play(story, source)


def test_an_event_on_the_boundary_lies_in_the_window_that_begins_there_only(runtime: Runtime) -> None:
    before = make_event(1, at=WEEK_0.period_end - TICK)
    on_it = make_event(2, at=WEEK_0.period_end)
    last = make_event(3, at=WEEK_1.period_end - TICK)
    after = make_event(4, at=WEEK_1.period_end)
    source = ScriptedSource({PULLS: [make_page(before, on_it, last, after, cursor="1")]})

    async def story(runs: LedgerRuns) -> None:
        epoch_ids = []
        for week in range(3):
            report = await runs.collect(week)
            assert report.epoch_id is not None
            epoch_ids.append(report.epoch_id)
            await runs.finalize(report.epoch_id)

        assert [runtime.late_events(epoch_id) for epoch_id in epoch_ids] == [
            {before.id: None},
            {on_it.id: None, last.id: None},
            {after.id: None},
        ]
        assert [call.until for call in source.calls] == [make_window(week).period_end for week in range(3)]

    runtime.play(story, source)


def test_late_events_and_late_identities_enter_the_next_open_epoch_once_and_marked(runtime: Runtime) -> None:
    """EVENT_PAID_ONCE: nobody loses credit in silence, and nobody gets it twice."""
    paid = make_event(1, at=WEEK_0.period_start)
    nobodys = make_event(2, at=WEEK_0.period_start, account="2002", login="bob")
    too_late = make_event(3, at=WEEK_0.period_end - TICK)
    in_time = make_event(4, at=WEEK_1.period_start)
    source = ScriptedSource({PULLS: [make_page(paid, nobodys, cursor="1")]})

    async def story(runs: LedgerRuns) -> None:
        await runs.bind(ann="1001")
        first = await runs.collect(0)
        assert first.epoch_id is not None
        await runs.finalize(first.epoch_id)
        source.add_pages(PULLS, make_page(too_late, in_time, cursor="2"))
        of_closed = await runs.collect(0)
        second = await runs.collect(1)
        again = await runs.collect(1)
        bound = await runs.bind(bob="2002")
        assert second.epoch_id is not None
        late = runtime.late_events(second.epoch_id)
        closed = await runs.finalize(second.epoch_id)
        third = await runs.collect(2)

        assert (of_closed.epoch_id, of_closed.curated) == (first.epoch_id, None)
        assert of_closed.streams[0].inserted == 2
        assert second.curated is not None
        assert (second.curated.counts.added, second.curated.counts.added_late) == (1, 1)
        assert again.curated is not None
        assert (again.curated.counts.added, again.curated.counts.added_late) == (0, 0)
        assert bound.curated is not None
        assert (bound.added, bound.curated.counts.carried) == (1, 1)
        assert late == {too_late.id: first.epoch_id, nobodys.id: first.epoch_id, in_time.id: None}
        assert closed.payouts == 2
        assert third.curated is not None
        assert third.curated.events == 0

    runtime.play(story, source)


def test_an_epoch_that_closes_while_its_window_is_collected_leaves_the_rest_to_the_next(
    runtime: Runtime,
) -> None:
    """CURATION_FREEZE_ON_CLOSE: the close wins, the collection goes on, and nobody loses credit."""
    in_time = make_event(1, at=WEEK_0.period_start)
    too_late = make_event(2, at=WEEK_0.period_start)
    pages = [make_page(in_time, cursor="1"), make_page(too_late, cursor="2")]
    source = StoppedSource({PULLS: pages[:1]}, page=0)
    source.stop.release()

    async def story(runs: LedgerRuns) -> None:
        opened = await runs.collect(0)
        assert opened.epoch_id is not None
        source.stop = Stop()
        source.add_pages(PULLS, pages[1])
        collection = await runs.start_collect(0)
        await source.stop.reached()
        await runs.finalize(opened.epoch_id)
        source.stop.release()
        report = await collection.result()
        following = await runs.collect(1)

        assert (report.epoch_id, report.complete, report.curated) == (opened.epoch_id, True, None)
        assert report.streams[0].inserted == 1
        assert following.epoch_id is not None
        assert runtime.late_events(following.epoch_id) == {too_late.id: opened.epoch_id}

    runtime.play(story, source)

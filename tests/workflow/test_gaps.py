"""GAP_BLOCKS_CLOSE, through a worker: what a collection counted twice stops the close until it is mended or waived."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from ledger_core import (
    ActivityPage,
    EpochId,
    InvalidValue,
    LedgerError,
    LedgerReader,
    SourceUnavailable,
    StreamRef,
)
from ledger_core.domain.completeness import CompletenessCertificate, CompletenessCount
from ledger_core.domain.stream_reading import StreamReading
from ledger_core.testing import MONDAY, ScriptedSource, make_event, make_page, make_window
from tests.temporal_runtime import LATER
from tests.workflow.ledger_runs import PULLS, LedgerRuns, Runtime, refused
from tests.workflow.scripted_directory import ScriptedDirectory, directory_ref

AFTER = make_window().period_end
SENTENCE = "1 pull requests were read, and 2 are counted by search"


def counted(page: ActivityPage, *, seen: int = 1, independent: int = 1, at: datetime = AFTER) -> ActivityPage:
    """Return the page as the last of a reading that was counted twice."""
    count = CompletenessCount(what="pull requests", route="search", seen=seen, independent=independent)
    certificate = CompletenessCertificate(begins=None, ends=None, pages=1, counts=(count,))
    return replace(page, certificate=certificate, retrieved_at=at)


def first_page() -> ActivityPage:
    return make_page(make_event(1, at=MONDAY), cursor="1")


def readings(runs: LedgerRuns) -> tuple[StreamReading, ...]:
    with runs.ledger.read() as view:
        return view.completeness.newest_readings(make_window())


async def closed(runs: LedgerRuns, epoch_id: int) -> list[str]:
    """Close the epoch; return the verdicts of its streams."""
    await runs.finalize(epoch_id)
    with runs.ledger.read() as view:
        statement = view.statements.find(EpochId(epoch_id))
    assert statement is not None
    return [found.verdict.value for found in statement.completeness]


def test_a_gap_blocks_the_close_until_it_is_waived(runtime: Runtime) -> None:
    source = ScriptedSource({PULLS: [counted(first_page(), independent=2)]}, certified=[PULLS])

    async def story(runs: LedgerRuns) -> None:
        epoch_id = (await runs.collect()).epoch_id
        assert epoch_id is not None
        assert (await refused(runs.finalize(epoch_id)))[0] == "stream-incomplete"
        other = "1 pull requests were read, and 3 are counted by search"
        assert (await refused(runs.waive(epoch_id, PULLS, other)))[0] == "gap-changed"
        assert (await runs.waive(epoch_id, PULLS, SENTENCE)).changed
        assert not (await runs.waive(epoch_id, PULLS, SENTENCE)).changed
        assert await closed(runs, epoch_id) == ["waived"]

    runtime.play(story, source)


def test_a_later_collection_that_agrees_mends_the_gap(runtime: Runtime) -> None:
    source = ScriptedSource({PULLS: [counted(first_page(), independent=2)]}, certified=[PULLS])

    async def story(runs: LedgerRuns) -> None:
        epoch_id = (await runs.collect()).epoch_id
        assert epoch_id is not None
        source.add_pages(
            PULLS, counted(make_page(make_event(2, at=MONDAY), cursor="2"), seen=2, independent=2)
        )
        await runs.collect()
        assert await closed(runs, epoch_id) == ["complete"]

    runtime.play(story, source)


def test_a_reading_that_fails_for_good_is_a_gap_by_its_code(runtime: Runtime) -> None:
    source = ScriptedSource({PULLS: [counted(first_page())]}, certified=[PULLS])
    source.fail(PULLS, page=0, error=InvalidValue("cursor", "is none that this source gave"))

    async def story(runs: LedgerRuns) -> None:
        report = await runs.collect()
        assert report.epoch_id is not None
        assert (report.complete, [found.problem for found in readings(runs)]) == (False, ["invalid-value"])
        assert (await refused(runs.finalize(report.epoch_id)))[0] == "stream-incomplete"

    runtime.play(story, source)


class OddlyCoded(LedgerError):
    """A refusal of a package whose code is no name."""

    code = "No Name At All"


def test_a_refusal_whose_code_is_no_name_is_a_gap_all_the_same(runtime: Runtime) -> None:
    source = ScriptedSource({PULLS: [counted(first_page())]}, certified=[PULLS])
    source.fail(PULLS, page=0, error=OddlyCoded("no"))

    async def story(runs: LedgerRuns) -> None:
        assert not (await runs.collect()).complete
        assert [found.problem for found in readings(runs)] == ["refused"]

    runtime.play(story, source)


def test_a_failure_that_a_later_try_mends_is_no_gap(runtime: Runtime) -> None:
    source = ScriptedSource({PULLS: [counted(first_page())]}, certified=[PULLS])
    source.fail(PULLS, page=0, error=SourceUnavailable("GitHub", "it is away"))

    async def story(runs: LedgerRuns) -> None:
        epoch_id = (await runs.collect()).epoch_id
        assert epoch_id is not None
        assert await closed(runs, epoch_id) == ["complete"]

    runtime.play(story, source)


def test_the_figures_of_a_gap_stay_when_its_reading_is_refused_for_them(runtime: Runtime) -> None:
    pages = [counted(first_page(), independent=2), make_page(cursor="2")]
    source = ScriptedSource({PULLS: pages}, certified=[PULLS])
    source.fail(PULLS, page=1, error=InvalidValue("counts", "differ"))

    async def story(runs: LedgerRuns) -> None:
        assert not (await runs.collect()).complete
        assert [str(found.gap) for found in readings(runs)] == [SENTENCE]

    runtime.play(story, source)


def test_a_source_that_promises_a_certificate_and_gives_none_is_incomplete(runtime: Runtime) -> None:
    source = ScriptedSource({PULLS: [first_page()]}, certified=[PULLS])

    async def story(runs: LedgerRuns) -> None:
        report = await runs.collect()
        assert str(report.streams[0].problem).startswith("reading-not-certified")
        assert [found.problem for found in readings(runs)] == ["reading-not-certified"]

    runtime.play(story, source)


class Watched(ScriptedSource):
    """A scripted source that looks what is kept with the window when it is asked."""

    def __init__(self, ledger: LedgerReader, script: dict[StreamRef, list[ActivityPage]]) -> None:
        super().__init__(script, certified=list(script))
        self._ledger = ledger
        self.kept: list[list[str | None]] = []

    def pages(self, stream: StreamRef, cursor: str | None, *, until: datetime) -> Iterator[ActivityPage]:
        with self._ledger.read() as view:
            kept = view.completeness.newest_readings(make_window())
        self.kept.append([found.problem for found in kept])
        return super().pages(stream, cursor, until=until)


def test_a_first_reading_under_way_is_a_gap_and_a_later_one_leaves_the_first_s_verdict(
    runtime: Runtime,
) -> None:
    source = Watched(runtime.ledger, {PULLS: [counted(first_page())]})

    async def story(runs: LedgerRuns) -> None:
        await runs.collect()
        source.add_pages(PULLS, counted(make_page(cursor="2"), seen=2, independent=2))
        await runs.collect()
        assert source.kept == [["reading-not-ended"], [None]]

    runtime.play(story, source)


def test_a_reading_covers_the_window_up_to_when_its_collection_began(runtime: Runtime) -> None:
    """The window in which the worker's clock stands goes on, whatever instant a page tells."""
    week = (LATER() - MONDAY).days // 7
    window = make_window(week)
    source = ScriptedSource(
        {PULLS: [counted(make_page(cursor="1"), at=window.period_end)]}, certified=[PULLS]
    )

    async def story(runs: LedgerRuns) -> None:
        await runs.collect(week)
        with runs.ledger.read() as view:
            [found] = view.completeness.newest_readings(window)
        assert found.certificate is not None
        assert found.is_early

    runtime.play(story, source)


def test_a_pattern_that_can_not_be_listed_blocks_the_close_until_it_is(runtime: Runtime) -> None:
    directory = ScriptedDirectory(error=InvalidValue("pattern", "is protected"))
    ref = directory_ref("acme")

    async def story(runs: LedgerRuns) -> None:
        listing = replace(runs, directories=(ref,))
        report = await listing.collect()
        assert report.epoch_id is not None
        assert (report.complete, [found.problem for found in readings(runs)]) == (False, ["invalid-value"])
        assert (await refused(runs.finalize(report.epoch_id)))[0] == "stream-incomplete"
        assert (await listing.collect()).complete
        assert await closed(runs, report.epoch_id) == ["complete"]

    runtime.play(story, directories={ref: directory})


def test_a_source_that_promises_none_blocks_nothing(runtime: Runtime) -> None:
    source = ScriptedSource({PULLS: [first_page()]})

    async def story(runs: LedgerRuns) -> None:
        epoch_id = (await runs.collect()).epoch_id
        assert epoch_id is not None
        assert (await closed(runs, epoch_id), readings(runs)) == ([], ())

    runtime.play(story, source)

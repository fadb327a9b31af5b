"""READINGS_APPEND_ONLY, GAP_BLOCKS_CLOSE, COMPLETENESS_FROZEN: what was read is counted twice, and a gap stops a close."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ledger_core import EpochClosed, EpochId, InvalidValue, Ledger, LedgerRuleBroken, StreamRef
from ledger_core.completeness_errors import GapChanged, NothingToWaive, StreamIncomplete, StreamNotRead
from ledger_core.domain.completeness import CompletenessCertificate, CompletenessCount, Gap
from ledger_core.domain.stream_reading import (
    READ_TOO_EARLY,
    GapWaiver,
    SkippedActivity,
    StreamCompleteness,
    StreamReading,
    Verdict,
)
from ledger_core.testing import FixedClock, make_component, make_context, make_page, make_window
from ledger_core.use_cases.check_coherence import check_coherence
from ledger_core.use_cases.finalize_epoch import FinalizedEpoch, finalize_epoch
from ledger_core.use_cases.record_pool_component import record_pool_component
from ledger_core.use_cases.record_reading import begin_reading, record_reading
from ledger_core.use_cases.store_page import store_page
from ledger_core.use_cases.waive_gap import waive_gap
from tests.contract.story import PULLS, LedgerStory, annas, day

ISSUES = StreamRef(source="github", source_ref="acme/widgets", stream="issues")
WINDOW = make_window()
DURING, AFTER, LATER = day(3), day(0, week=1), day(1, week=1)
WHY = make_context(actor="ann", reason="the search lags")
SHORT = CompletenessCount(what="pull requests", route="search", seen=10, independent=11)
FULL = replace(SHORT, seen=11)


def certificate(
    *counts: CompletenessCount, begins: str | None = None, **skipped: int
) -> CompletenessCertificate:
    return CompletenessCertificate(
        begins=begins,
        ends=None,
        pages=3,
        counts=counts,
        skipped={"bot": sum(skipped.values())} if skipped else {},
        skipped_actors=skipped,
    )


def reading(
    *counts: CompletenessCount, at: datetime = AFTER, stream: StreamRef = PULLS, begins: str | None = None
) -> StreamReading:
    return StreamReading(
        stream=stream, window=WINDOW, retrieved_at=at, certificate=certificate(*counts, begins=begins)
    )


def failure(problem: str, *, at: datetime = AFTER, stream: StreamRef = PULLS) -> StreamReading:
    return StreamReading(stream=stream, window=WINDOW, retrieved_at=at, problem=problem)


def record(ledger: Ledger, *readings: StreamReading) -> list[bool]:
    return [record_reading(ledger, found) for found in readings]


def waive(
    ledger: Ledger, epoch_id: EpochId, *, at: datetime = LATER, stream: StreamRef = PULLS, **more: str
) -> bool:
    return waive_gap(ledger, epoch_id, stream, context=WHY, clock=FixedClock(at), **more)


def close(ledger: Ledger, epoch_id: EpochId, *, at: datetime = LATER) -> FinalizedEpoch:
    record_pool_component(ledger, epoch_id, make_component(90), make_context(), clock=FixedClock(at))
    return finalize_epoch(ledger, epoch_id, make_context(), clock=FixedClock(at))


def newest(ledger: Ledger) -> tuple[StreamReading, ...]:
    with ledger.read() as view:
        return view.completeness.newest_readings(WINDOW)


@pytest.fixture
def epoch_id(ledger: Ledger) -> EpochId:
    return LedgerStory(ledger).open()


def test_the_newest_reading_of_each_stream_is_kept(ledger: Ledger, epoch_id: EpochId) -> None:
    del epoch_id
    record(ledger, reading(SHORT), failure("source-unavailable", stream=ISSUES), reading(FULL, begins="x"))

    assert newest(ledger) == (failure("source-unavailable", stream=ISSUES), reading(FULL, begins="x"))


def test_a_reading_that_says_the_same_is_not_kept_twice(ledger: Ledger, epoch_id: EpochId) -> None:
    del epoch_id
    again = (
        reading(FULL),
        reading(FULL, at=LATER),
        failure("lost"),
        failure("lost", at=LATER),
        reading(FULL),
    )

    assert record(ledger, *again) == [True, False, True, False, True]


def test_a_reading_from_before_the_windows_end_is_another_than_one_from_after(
    ledger: Ledger, epoch_id: EpochId
) -> None:
    del epoch_id
    assert record(ledger, reading(FULL, at=DURING), reading(FULL, at=AFTER)) == [True, True]


def test_a_page_keeps_its_certificate_with_its_window(ledger: Ledger, epoch_id: EpochId) -> None:
    del epoch_id
    page = replace(
        make_page(annas(1, at=DURING), cursor="1"), certificate=certificate(FULL), retrieved_at=AFTER
    )
    store_page(ledger, PULLS, page, expected_cursor=None, window=WINDOW)

    assert newest(ledger) == (reading(FULL),)


def test_a_page_that_is_stored_beside_no_window_keeps_none(ledger: Ledger) -> None:
    store_page(
        ledger, PULLS, replace(make_page(cursor="1"), certificate=certificate(FULL)), expected_cursor=None
    )

    assert newest(ledger) == ()


def test_completeness_frozen_a_closed_epoch_takes_no_reading_but_the_events(
    ledger: Ledger, epoch_id: EpochId
) -> None:
    close(ledger, epoch_id)
    page = replace(make_page(annas(1, at=DURING), cursor="1"), certificate=certificate(SHORT))

    stored = store_page(ledger, PULLS, page, expected_cursor=None, window=WINDOW)

    assert (stored.inserted, newest(ledger)) == (1, ())


def test_completeness_frozen_a_closed_epoch_takes_no_waiver(ledger: Ledger, epoch_id: EpochId) -> None:
    record(ledger, reading(FULL))
    close(ledger, epoch_id)
    waiver = GapWaiver(stream=PULLS, gap=Gap(problem="x"), reason="r", waived_by="ann", waived_at=AFTER)

    with pytest.raises(EpochClosed):
        waive(ledger, epoch_id)
    with pytest.raises(EpochClosed):
        waive_in_store(ledger, epoch_id, waiver)


def test_gap_blocks_close_by_name(ledger: Ledger, epoch_id: EpochId) -> None:
    record(ledger, reading(SHORT), failure("saml-required", stream=ISSUES))

    with pytest.raises(StreamIncomplete) as refusal:
        close(ledger, epoch_id)

    assert str(ISSUES) in str(refusal.value)
    assert "(saml-required), and 1 more streams are incomplete" in str(refusal.value)


def close_in_store(ledger: Ledger, epoch_id: EpochId) -> None:
    with ledger.begin() as transaction:
        transaction.epochs.lock(epoch_id)
        transaction.epochs.close(epoch_id, pool_total_credits=0, closed_at=LATER)


def test_gap_blocks_close_in_the_store_itself(ledger: Ledger, epoch_id: EpochId) -> None:
    record_pool_component(ledger, epoch_id, make_component(0), make_context(), clock=FixedClock(AFTER))
    record(ledger, reading(SHORT))

    with pytest.raises(LedgerRuleBroken, match="GAP_BLOCKS_CLOSE"):
        close_in_store(ledger, epoch_id)


@pytest.mark.parametrize(
    "then", [(reading(FULL),), (failure("lost"), reading(FULL)), (reading(FULL, begins="2026"),)]
)
def test_a_later_reading_that_is_complete_mends_a_gap(
    ledger: Ledger, epoch_id: EpochId, then: tuple[StreamReading, ...]
) -> None:
    record(ledger, reading(SHORT), *then)

    statement = close(ledger, epoch_id).statement

    assert statement.completeness == (StreamCompleteness(stream=PULLS, verdict=Verdict.COMPLETE),)
    assert (statement.format, check_coherence(ledger)) == ("ledger-statement/2", ())


def test_a_statement_of_streams_that_nobody_counts_is_of_the_first_format(
    ledger: Ledger, epoch_id: EpochId
) -> None:
    assert close(ledger, epoch_id).statement.format == "ledger-statement/1"


def test_a_window_that_goes_on_closes_with_an_early_reading(ledger: Ledger, epoch_id: EpochId) -> None:
    record(ledger, reading(FULL, at=DURING))

    found = close(ledger, epoch_id, at=DURING + timedelta(hours=1)).statement.completeness

    assert [stream.verdict for stream in found] == [Verdict.EARLY]


def test_a_window_that_is_over_does_not_close_with_an_early_reading(
    ledger: Ledger, epoch_id: EpochId
) -> None:
    record(ledger, reading(FULL, at=DURING))

    with pytest.raises(StreamIncomplete, match=READ_TOO_EARLY):
        close(ledger, epoch_id, at=AFTER)


def test_a_waived_gap_closes_and_the_statement_says_so(ledger: Ledger, epoch_id: EpochId) -> None:
    record(ledger, reading(SHORT))

    changed = waive(ledger, epoch_id)
    again = waive(ledger, epoch_id)
    statement = close(ledger, epoch_id).statement

    assert (changed, again) == (True, False)
    assert statement.completeness == (
        StreamCompleteness(
            stream=PULLS,
            verdict=Verdict.WAIVED,
            gap=Gap(counts=(SHORT,)),
            reason="the search lags",
            waived_by="ann",
        ),
    )
    assert check_coherence(ledger) == ()
    with ledger.read() as view:
        assert view.statements.find(epoch_id) == statement
        actions = [found.action for found in view.actions.list_latest(limit=10)]
    assert "gap-waived" in actions


@pytest.mark.parametrize(
    "then",
    [
        reading(replace(SHORT, seen=9)),
        reading(SHORT, begins="2026-11-16T00:00:00Z"),
        failure("source-unavailable"),
        reading(replace(SHORT, what="reviews")),
    ],
)
def test_a_waiver_covers_its_own_gap_alone(ledger: Ledger, epoch_id: EpochId, then: StreamReading) -> None:
    record(ledger, reading(SHORT))
    waive(ledger, epoch_id)
    record(ledger, then)

    with pytest.raises(StreamIncomplete):
        close(ledger, epoch_id)


def test_a_waiver_covers_its_own_stream_and_epoch_alone(ledger: Ledger, epoch_id: EpochId) -> None:
    record(ledger, reading(SHORT), reading(SHORT, stream=ISSUES))
    waive(ledger, epoch_id)

    with pytest.raises(StreamIncomplete, match="issues"):
        close(ledger, epoch_id)


@pytest.mark.parametrize("early", [reading(SHORT, at=DURING), failure("lost", at=DURING)])
def test_a_waiver_of_what_an_early_reading_lacked_does_not_cover_the_rest_of_the_window(
    ledger: Ledger, epoch_id: EpochId, early: StreamReading
) -> None:
    record(ledger, early)
    waive(ledger, epoch_id, at=DURING)

    with pytest.raises(StreamIncomplete, match=READ_TOO_EARLY):
        close(ledger, epoch_id, at=AFTER)


def test_a_reading_covers_the_window_up_to_when_it_began(ledger: Ledger, epoch_id: EpochId) -> None:
    page = replace(
        make_page(annas(1, at=DURING), cursor="1"), certificate=certificate(FULL), retrieved_at=AFTER
    )
    store_page(ledger, PULLS, page, expected_cursor=None, window=WINDOW, begun_at=DURING)

    with pytest.raises(StreamIncomplete, match=READ_TOO_EARLY):
        close(ledger, epoch_id, at=AFTER)


def test_a_first_reading_that_never_ends_is_a_gap(ledger: Ledger, epoch_id: EpochId) -> None:
    began = begin_reading(ledger, PULLS, WINDOW, clock=FixedClock(AFTER))

    with pytest.raises(StreamIncomplete, match=r"reading-not-ended"):
        close(ledger, epoch_id)
    record(ledger, reading(FULL, at=began))
    assert begin_reading(ledger, PULLS, WINDOW, clock=FixedClock(LATER)) == LATER
    assert close(ledger, epoch_id).closed_now


def test_a_gap_of_many_long_counts_is_waived(ledger: Ledger, epoch_id: EpochId) -> None:
    long = [
        replace(SHORT, what="\U0001f600" * 99 + str(number % 10), route="x" * 100) for number in range(30)
    ]
    record(ledger, reading(*long))
    waive(ledger, epoch_id)

    assert close(ledger, epoch_id).closed_now


def test_a_waiver_of_figures_that_begin_elsewhere_is_refused(ledger: Ledger, epoch_id: EpochId) -> None:
    shown = str(reading(SHORT).gap)
    record(ledger, reading(SHORT, begins="2026-11-16T00:00:00Z"))

    with pytest.raises(GapChanged):
        waive(ledger, epoch_id, reviewed_gap=shown)


def test_a_waiver_given_while_the_window_went_on_does_not_cover_what_came_after(
    ledger: Ledger, epoch_id: EpochId
) -> None:
    record(ledger, reading(FULL, at=DURING))
    with pytest.raises(NothingToWaive):
        waive(ledger, epoch_id, at=DURING)
    waive(ledger, epoch_id, at=AFTER)

    assert close(ledger, epoch_id).statement.completeness[0].gap == Gap(problem=READ_TOO_EARLY)


def test_a_gap_that_was_waived_covers_a_reading_that_shows_the_same(
    ledger: Ledger, epoch_id: EpochId
) -> None:
    record(ledger, reading(SHORT))
    waive(ledger, epoch_id)
    record(ledger, failure("lost"), reading(SHORT, at=LATER))

    assert close(ledger, epoch_id).closed_now


def waive_in_store(ledger: Ledger, epoch_id: EpochId, *waivers: GapWaiver) -> None:
    with ledger.begin() as transaction:
        transaction.epochs.lock(epoch_id)
        for waiver in waivers:
            transaction.completeness.waive(epoch_id, waiver)


def test_gap_waived_once_in_the_store_itself(ledger: Ledger, epoch_id: EpochId) -> None:
    waiver = GapWaiver(stream=PULLS, gap=Gap(problem="x"), reason="r", waived_by="ann", waived_at=AFTER)

    with pytest.raises(LedgerRuleBroken, match="GAP_WAIVED_ONCE"):
        waive_in_store(ledger, epoch_id, waiver, waiver)


def test_what_can_not_be_waived_is_refused(ledger: Ledger, epoch_id: EpochId) -> None:
    with pytest.raises(StreamNotRead):
        waive(ledger, epoch_id)
    record(ledger, reading(FULL))
    with pytest.raises(NothingToWaive):
        waive(ledger, epoch_id)
    record(ledger, reading(SHORT))
    with pytest.raises(GapChanged):
        waive(ledger, epoch_id, reviewed_gap="9 pull requests")
    with pytest.raises(InvalidValue, match="reason"):
        waive_gap(ledger, epoch_id, PULLS, context=replace(WHY, reason=None), clock=FixedClock(LATER))


def test_a_waiver_whose_reply_was_lost_is_applied_once(ledger: Ledger, epoch_id: EpochId) -> None:
    record(ledger, reading(SHORT))
    once = replace(WHY, idempotency_key="ledger-gap-1")

    first, second = (
        waive_gap(ledger, epoch_id, PULLS, context=once, clock=FixedClock(LATER)) for _ in range(2)
    )

    assert (first, second) == (True, True)
    with ledger.read() as view:
        assert len(view.completeness.waivers(epoch_id)) == 1


def test_what_was_read_and_not_taken_is_counted_and_named(ledger: Ledger, epoch_id: EpochId) -> None:
    del epoch_id
    record(
        ledger,
        replace(reading(), certificate=certificate(FULL, renovate=3)),
        failure("lost"),
        replace(reading(), certificate=certificate(FULL, dependabot=2, renovate=1)),
    )

    with ledger.read() as view:
        assert view.completeness.skipped(WINDOW) == (
            SkippedActivity(
                stream=PULLS, readings=3, by_reason={"bot": 6}, by_actor={"dependabot": 2, "renovate": 4}
            ),
        )


def test_node_scoped_readings_of_a_neighbour_block_nobody_else(ledger: Ledger, neighbour: Ledger) -> None:
    mine, other = (LedgerStory(each).open() for each in (ledger, neighbour))
    record(neighbour, reading(SHORT))

    assert close(ledger, mine).closed_now
    with pytest.raises(StreamIncomplete):
        close(neighbour, other)

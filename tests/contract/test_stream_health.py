"""The port `StreamHealthStore`: up to when a stream is complete, and since when it fails."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from ledger_core import InvalidValue, Ledger, StreamRef
from ledger_core.domain.stream_health import StreamHealth, problem_text
from ledger_core.testing import MONDAY, FixedClock
from ledger_core.use_cases.read_operating_facts import read_operating_facts
from ledger_core.use_cases.record_stream_health import (
    record_stream_collected,
    record_stream_problem,
    record_streams_listed,
)
from tests.contract.story import PULLS, LedgerStory, annas, bobs, day

ISSUES = StreamRef(source="github", source_ref="acme/widgets", stream="issues")
NEW = StreamRef(source="github", source_ref="acme/new", stream="issues")
ALL = StreamRef(source="github", source_ref="acme/*", stream="repositories")
SOME = StreamRef(source="github", source_ref="acme/n*", stream="repositories")
FOREIGN = StreamRef(source="gitlab", source_ref="acme/widgets", stream="issues")
HOUR = timedelta(hours=1)


def collected(ledger: Ledger, *, until: timedelta = timedelta(), stream: StreamRef = PULLS) -> None:
    record_stream_collected(ledger, stream, period_end=MONDAY + until, clock=FixedClock(MONDAY + 99 * HOUR))


def failed(ledger: Ledger, problem: str, *, at: timedelta = timedelta(), stream: StreamRef = PULLS) -> None:
    record_stream_problem(ledger, stream, problem, clock=FixedClock(MONDAY + at))


def known(ledger: Ledger) -> tuple[StreamHealth, ...]:
    with ledger.read() as view:
        return view.stream_health.list_all()


def test_nothing_is_known_of_a_stream_that_was_never_tried(ledger: Ledger) -> None:
    facts = read_operating_facts(ledger, [PULLS])

    assert known(ledger) == ()
    assert facts.streams == (StreamHealth(stream=PULLS),)
    assert facts.streams[0].lag(MONDAY) is None


def test_a_collected_stream_lags_by_the_time_since(ledger: Ledger) -> None:
    collected(ledger)

    [health] = known(ledger)
    assert health == StreamHealth(stream=PULLS, collected_until=MONDAY)
    assert health.lag(MONDAY + HOUR) == HOUR
    assert health.lag(MONDAY - HOUR) == timedelta()


def test_a_window_that_goes_on_is_collected_up_to_now(ledger: Ledger) -> None:
    record_stream_collected(ledger, PULLS, period_end=MONDAY + 168 * HOUR, clock=FixedClock(MONDAY))

    assert known(ledger) == (StreamHealth(stream=PULLS, collected_until=MONDAY),)


def test_collecting_an_old_window_takes_nothing_back(ledger: Ledger) -> None:
    collected(ledger, until=2 * HOUR)
    collected(ledger, until=HOUR)

    assert known(ledger) == (StreamHealth(stream=PULLS, collected_until=MONDAY + 2 * HOUR),)


def test_a_stream_fails_since_its_first_failure_with_its_newest_problem(ledger: Ledger) -> None:
    collected(ledger)
    failed(ledger, "source-unavailable: first", at=HOUR)
    failed(ledger, "source-unavailable: second", at=2 * HOUR)

    assert known(ledger) == (
        StreamHealth(
            stream=PULLS,
            collected_until=MONDAY,
            failing_since=MONDAY + HOUR,
            problem="source-unavailable: second",
        ),
    )


def test_a_success_ends_the_failing(ledger: Ledger) -> None:
    failed(ledger, "source-unavailable: down")
    collected(ledger, until=HOUR)
    succeeded = known(ledger)
    failed(ledger, "source-unavailable: down again", at=2 * HOUR)

    assert succeeded == (StreamHealth(stream=PULLS, collected_until=MONDAY + HOUR),)
    assert known(ledger)[0].failing_since == MONDAY + 2 * HOUR


def test_streams_and_nodes_fare_apart(ledger: Ledger, neighbour: Ledger) -> None:
    """NODE_SCOPED."""
    failed(ledger, "source-unavailable: down")
    collected(ledger, stream=ISSUES)
    collected(neighbour, until=HOUR)

    assert [(health.stream, health.problem) for health in known(ledger)] == [
        (ISSUES, None),
        (PULLS, "source-unavailable: down"),
    ]
    assert known(neighbour) == (StreamHealth(stream=PULLS, collected_until=MONDAY + HOUR),)


@pytest.mark.parametrize(
    ("sentence", "kept"),
    [
        ("", "no reason given"),
        (" \n\t ", "no reason given"),
        ("a\nb  c", "a b c"),
        ("\x00\x1b[31mred\ud800\u202e", "\ufffd\ufffd[31mred\ufffd\ufffd"),
        ("x" * 301, "x" * 300),
        ("x" * 299 + " y", "x" * 299),
        ("\U0001f600" * 301, "\U0001f600" * 300),
    ],
    ids=["empty", "blank", "lines", "controls", "long", "long at a space", "astral"],
)
def test_any_sentence_is_kept_as_one_safe_line(ledger: Ledger, sentence: str, kept: str) -> None:
    failed(ledger, sentence)

    assert problem_text(sentence) == kept
    assert known(ledger)[0].problem == kept


@pytest.mark.parametrize(
    "wrong", [{"problem": "a: b"}, {"failing_since": MONDAY}, {"failing_since": MONDAY, "problem": "a\nb"}]
)
def test_half_a_failure_is_none(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidValue):
        StreamHealth(stream=PULLS, **wrong)  # type: ignore[arg-type]


def listed(
    ledger: Ledger, *streams: StreamRef, at: timedelta = timedelta(), directory: StreamRef = ALL
) -> None:
    record_streams_listed(ledger, directory, streams, clock=FixedClock(MONDAY + at))


def told(ledger: Ledger, *directories: StreamRef) -> list[tuple[StreamRef, datetime | None, str | None]]:
    facts = read_operating_facts(
        ledger, [PULLS], directories=directories, is_read=lambda stream: stream.source == "github"
    )
    return [(health.stream, health.collected_until, health.problem) for health in facts.streams]


def test_streams_that_a_directory_lists_are_told_as_those_that_are_named(ledger: Ledger) -> None:
    failed(ledger, "source-unavailable: down", stream=ISSUES)
    collected(ledger, stream=FOREIGN)
    before = told(ledger, ALL)
    listed(ledger, ISSUES, NEW, PULLS, FOREIGN, at=HOUR)
    never_tried = told(ledger, ALL)
    collected(ledger, until=2 * HOUR, stream=NEW)

    assert before == [(PULLS, None, None), (ALL, None, None)]
    assert never_tried == [
        (PULLS, None, None),
        (ALL, MONDAY + HOUR, None),
        (NEW, None, None),
        (ISSUES, None, "source-unavailable: down"),
    ]
    assert told(ledger, ALL)[2] == (NEW, MONDAY + 2 * HOUR, None)
    assert told(ledger) == [(PULLS, None, None)], "a pattern that is named no longer has no streams"


def test_a_stream_that_its_directory_lists_no_longer_neither_lags_nor_fails(ledger: Ledger) -> None:
    listed(ledger, ISSUES, NEW)
    collected(ledger, stream=ISSUES)
    failed(ledger, "github-not-found: gone", stream=NEW)
    listed(ledger, ISSUES, at=HOUR)
    only_one = told(ledger, ALL)
    listed(ledger, at=2 * HOUR)
    none = told(ledger, ALL)
    listed(ledger, NEW)  # by a clock that went back

    assert [stream for stream, _, _ in only_one] == [PULLS, ALL, ISSUES]
    assert [stream for stream, _, _ in none] == [PULLS, ALL]
    assert told(ledger, ALL)[2:] == [(NEW, None, "github-not-found: gone")]


def test_directories_list_apart_and_also_the_same(ledger: Ledger, neighbour: Ledger) -> None:
    """NODE_SCOPED."""
    listed(ledger, ISSUES, NEW)
    listed(ledger, NEW, at=HOUR, directory=SOME)
    listed(neighbour, FOREIGN, at=2 * HOUR)

    assert [stream for stream, _, _ in told(ledger, ALL, SOME)] == [PULLS, ALL, SOME, NEW, ISSUES]
    assert [stream for stream, _, _ in told(ledger, SOME)] == [PULLS, SOME, NEW]
    assert [health.stream for health in known(neighbour)] == [ALL, FOREIGN]


def test_two_thousand_streams_are_listed_in_one_statement_and_again(ledger: Ledger) -> None:
    many = [
        StreamRef(source="github", source_ref=f"acme/{number}", stream="issues") for number in range(2_000)
    ]
    listed(ledger, *many, *many[:3])
    listed(ledger, *reversed(many), at=HOUR)

    assert {health.stream for health in known(ledger)} == {ALL, *many}
    assert {health.listed_at for health in known(ledger)} == {MONDAY + HOUR}


def test_operating_facts_tell_the_open_epoch_its_age_and_its_unresolved_events(
    ledger: Ledger, story: LedgerStory
) -> None:
    before = read_operating_facts(ledger, [])
    story.bind("ann", "1001")
    closed = story.live_through(0, annas(1, at=day(0)))
    between = read_operating_facts(ledger, [])
    epoch_id = story.open(1)
    story.store(annas(2, at=day(0, week=1)), bobs(3, at=day(1, week=1)), bobs(4, at=day(2, week=1)))
    story.curate(epoch_id)
    after = read_operating_facts(ledger, [])

    assert (before.open_epoch, before.head_hash, before.unresolved_events) == (None, None, 0)
    assert before.overdue(MONDAY) == timedelta()
    with ledger.read() as view:
        statement = view.statements.find(closed)
    assert statement is not None
    assert (between.open_epoch, between.head_hash) == (None, statement.statement_hash)
    assert after.open_epoch is not None
    assert (after.open_epoch.id, after.unresolved_events) == (epoch_id, 2)
    end = after.open_epoch.window.period_end
    assert (after.overdue(end - HOUR), after.overdue(end), after.overdue(end + HOUR)) == (
        timedelta(),
        timedelta(),
        HOUR,
    )

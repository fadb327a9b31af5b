"""How a stream fares: what may be said of it, how far behind it is, and for how long it has failed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger_core import Epoch, EpochId, EpochStatus, InvalidValue, WeightConfig
from ledger_core.domain.operating_facts import OperatingFacts
from ledger_core.domain.stream_health import MAX_PROBLEM_CHARACTERS, StreamHealth, problem_text
from ledger_core.identifiers import StreamRef
from ledger_core.testing import make_window

STREAM = StreamRef(source="git", source_ref="acme/web", stream="commits")
NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def health(**facts: Any) -> StreamHealth:
    return StreamHealth(stream=STREAM, **facts)


def test_a_new_stream_has_no_lag_and_no_failure() -> None:
    assert health().lag(NOON) is None
    assert health().failing_for(NOON) == timedelta()


def test_lag_and_failure_are_counted_up_to_now() -> None:
    failing = health(collected_until=NOON - 3 * HOUR, failing_since=NOON - HOUR, problem="no route")

    assert failing.lag(NOON) == 3 * HOUR
    assert failing.failing_for(NOON) == HOUR


def test_what_lies_ahead_is_no_negative_time() -> None:
    ahead = health(collected_until=NOON + HOUR, failing_since=NOON + HOUR, problem="no route")

    assert (ahead.lag(NOON), ahead.failing_for(NOON)) == (timedelta(), timedelta())


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"collected_until": "now"}, "collected until must be a datetime, not str"),
        ({"failing_since": "now", "problem": "no route"}, "failing since must be a datetime, not str"),
        ({"problem": "no route"}, "stream health must have a problem exactly where it is failing"),
        ({"failing_since": NOON}, "stream health must have a problem exactly where it is failing"),
        (
            {"failing_since": NOON, "problem": "two\nlines"},
            "problem must be one line of at most 300 characters",
        ),
        ({"failing_since": NOON, "problem": ""}, "problem must be one line of at most 300 characters"),
    ],
)
def test_what_contradicts_itself_is_refused(facts: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidValue, match=f"^{re.escape(sentence)}$"):
        health(**facts)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  it\twas \n refused ", "it was refused"),
        ("\N{ESCAPE}[31mred", "\N{REPLACEMENT CHARACTER}[31mred"),
        ("", "no reason given"),
        (" \n ", "no reason given"),
        ("a" * (MAX_PROBLEM_CHARACTERS - 1) + " b", "a" * (MAX_PROBLEM_CHARACTERS - 1)),
        ("a" * MAX_PROBLEM_CHARACTERS + "b", "a" * MAX_PROBLEM_CHARACTERS),
    ],
)
def test_a_problem_is_one_printable_line(given: str, kept: str) -> None:
    assert problem_text(given) == kept
    assert health(failing_since=NOON, problem=kept).problem == kept


def test_an_open_epoch_is_overdue_from_the_end_of_its_window() -> None:
    epoch = Epoch(
        id=EpochId(1),
        status=EpochStatus.OPEN,
        window=make_window(),
        weight_config=WeightConfig({}),
        pool_total_credits=None,
        opened_at=NOON,
        closed_at=None,
    )
    end = make_window().period_end
    facts = OperatingFacts(open_epoch=epoch, unresolved_events=0, streams=(), head_hash=None)

    assert facts.overdue(end + HOUR) == HOUR
    assert facts.overdue(end - HOUR) == timedelta()
    assert (
        OperatingFacts(open_epoch=None, unresolved_events=0, streams=(), head_hash=None).overdue(end + HOUR)
        == timedelta()
    )

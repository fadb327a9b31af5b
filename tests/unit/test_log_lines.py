"""The worker's log lines: an event's name and its fields."""

from __future__ import annotations

import logging
import sys

from scheduler_worker.observability.log_lines import EventFormatter


def line(message: str, **fields: object) -> str:
    record = logging.makeLogRecord(
        {"msg": message, "created": 1_764_000_000, "levelname": "INFO", "levelno": logging.INFO, **fields}
    )
    return EventFormatter().format(record)


def test_a_line_is_an_event_and_its_fields_in_order() -> None:
    found = line("stream_collected", pages=2, inserted=1_000, stream="git:acme/web:commits")

    assert found == (
        '2025-11-24T16:00:00Z info stream_collected inserted=1000 pages=2 stream="git:acme/web:commits"'
    )


def test_no_text_from_elsewhere_acts_on_the_terminal() -> None:
    found = line("login \x1b[2J", login="a\x1b]0;title\x07\nforged info line", path="\u202ezip")

    assert found.isascii()
    assert found.isprintable()


def test_temporal_s_own_context_is_left_out_and_a_traceback_follows() -> None:
    try:
        int("broken")
    except ValueError:
        found = line("activity_fault", temporal_activity={"workflow_id": "x"}, exc_info=sys.exc_info())

    assert "temporal_activity" not in found
    assert found.splitlines()[0] == "2025-11-24T16:00:00Z info activity_fault"
    assert found.splitlines()[-1] == "ValueError: invalid literal for int() with base 10: 'broken'"

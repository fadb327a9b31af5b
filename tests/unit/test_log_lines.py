"""The worker's log lines: an event's name and its fields, and nothing that a log must not hold."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable

import psycopg
import pytest
from temporalio.exceptions import ApplicationError

from ledger_core import IdentityAlreadyBound, InvalidValue
from scheduler_worker.observability.log_lines import EventFormatter, JsonFormatter, event_log
from scheduler_worker.observability.redaction import WITHHELD, redacted
from scheduler_worker.operating_settings import (
    DEFAULT_OBSERVE_INTERVAL,
    LogFormat,
    OperatingSettings,
    read_log_format,
    read_operating_settings,
)

MAIL = "ada@example.org"


def record(message: str, **fields: object) -> logging.LogRecord:
    made = logging.makeLogRecord(
        {"msg": message, "created": 1_764_000_000, "levelname": "INFO", "levelno": logging.INFO, **fields}
    )
    made.name = "scheduler_worker.main"
    return made


def line(message: str, **fields: object) -> str:
    return EventFormatter().format(record(message, **fields))


def as_json(message: str, **fields: object) -> dict[str, object]:
    text = JsonFormatter().format(record(message, **fields))
    assert text.isascii()
    assert text.isprintable()
    found: dict[str, object] = json.loads(text)
    return found


def raised(action: Callable[[], object]) -> object:
    try:
        action()
    except Exception:  # noqa: BLE001 - whatever it is, it is what is logged
        return sys.exc_info()
    raise AssertionError("nothing was raised")


def raise_(error: Exception, cause: Exception | None = None) -> None:
    raise error from cause


def test_a_line_is_an_event_and_its_fields_in_order() -> None:
    found = line("stream_collected", pages=2, inserted=1_000, stream="git:acme/web:commits")

    assert found == (
        '2025-11-24T16:00:00Z info stream_collected inserted=1000 pages=2 stream="git:acme/web:commits"'
    )


def test_json_is_one_object_a_line_with_the_same_fields() -> None:
    assert as_json("stream_collected", pages=2, stream="git:acme/web:commits") == {
        "at": "2025-11-24T16:00:00.000+00:00",
        "level": "info",
        "event": "stream_collected",
        "logger": "scheduler_worker.main",
        "pages": 2,
        "stream": "git:acme/web:commits",
    }


def test_no_text_from_elsewhere_acts_on_the_terminal() -> None:
    found = line("login \x1b[2J", login="a\x1b]0;title\x07\nforged info line", path="\u202ezip")

    assert found.isascii()
    assert found.isprintable()


def test_no_field_takes_the_place_of_what_every_line_has() -> None:
    assert as_json("worker_started", event="forged", at="never")["event"] == "worker_started"


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (
            {
                "temporal_activity": {
                    "workflow_id": "ledger-collect-1",
                    "workflow_run_id": "r1",
                    "workflow_type": "CollectEpochWorkflow",
                    "activity_type": "collect_stream",
                    "attempt": 2,
                    "task_queue": "q",
                }
            },
            {
                "workflow_id": "ledger-collect-1",
                "run_id": "r1",
                "workflow_type": "CollectEpochWorkflow",
                "activity_type": "collect_stream",
                "attempt": 2,
            },
        ),
        (
            {"temporal_workflow": {"workflow_id": "ledger-plan", "run_id": "r2", "attempt": 1}},
            {"workflow_id": "ledger-plan", "run_id": "r2", "attempt": 1},
        ),
        ({}, {}),
    ],
    ids=["activity", "workflow", "neither"],
)
def test_a_line_says_which_workflow_and_activity_it_is_from(
    extra: dict[str, object], expected: dict[str, object]
) -> None:
    found = as_json("epoch_blocked", **extra)

    assert {name: found[name] for name in found if name not in {"at", "level", "event", "logger"}} == expected


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://ledger:s3cr%40t@db:5432/x", "postgresql://ledger:***@db:5432/x"),
        (f"mail {MAIL}, twice {MAIL}", "mail ***, twice ***"),
        ("Ada <ada+x@sub.example.org>", "Ada <***>"),
        ("nothing here", "nothing here"),
        ("x" * 2_001, "x" * 2_000 + "..."),
        ("x" * 200_000, "..."),  # by the square of that: a quarter of an hour
        ("two words " * 20_000, "two words " * 200 + "..."),
        (f"{MAIL} " * 99 + "postgresql://ledger:" + "s" * 5_000 + "@db", " ".join(["***"] * 99) + "..."),
    ],
    ids=lambda value: value[:30],
)
def test_passwords_and_addresses_are_masked_wherever_they_stand(text: str, shown: str) -> None:
    assert redacted(text) == shown
    assert as_json(text, field=text)["field"] == shown
    assert MAIL not in line(text, field=text, several=[text])


def test_an_error_s_place_is_told_and_its_text_is_not() -> None:
    nobody: dict[str, int] = {}
    broken = raised(lambda: nobody[MAIL])
    driver = raised(lambda: raise_(RuntimeError(f"row of {MAIL}"), KeyError("ada")))

    text = line("activity_fault", exc_info=broken)
    error = as_json("activity_fault", exc_info=driver)["error"]

    assert "test_log_lines.py" in text
    assert text.splitlines()[-1] == f"KeyError: {WITHHELD}"
    assert isinstance(error, list)
    assert error[-1] == f"RuntimeError: {WITHHELD}"
    assert f"KeyError: {WITHHELD}" in error
    assert "ada" not in text.replace("lambda", "")
    assert MAIL not in json.dumps(error)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "[Errno 111] Connection refused"),
        (IdentityAlreadyBound("git", MAIL, "ada"), "identity-already-bound"),
        (InvalidValue("login", MAIL), "invalid-value"),
        (
            ApplicationError(f"no repository for {MAIL}", type="source-unavailable"),
            "source-unavailable: no repository for ***",
        ),
        (ApplicationError(f"bound to {MAIL}", type="identity-already-bound"), "identity-already-bound"),
        (psycopg.OperationalError("connection refused\nDETAIL: x"), "connection refused"),
        (psycopg.OperationalError(), WITHHELD),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_speaks_of_machines_is_told(error: Exception, said: str) -> None:
    text = line("activity_fault", exc_info=raised(lambda: raise_(error)))

    assert text.splitlines()[-1] == f"{type(error).__qualname__}: {said}"


def test_causes_that_go_round_end() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one

    assert line("activity_fault", exc_info=(ValueError, one, None)).count("ValueError") == 2


@pytest.mark.parametrize(
    ("chosen", "is_terminal", "expected"),
    [
        (None, True, LogFormat.TEXT),
        (None, False, LogFormat.JSON),
        (LogFormat.JSON, True, LogFormat.JSON),
        (LogFormat.TEXT, False, LogFormat.TEXT),
    ],
)
def test_a_terminal_gets_text_and_anything_else_json_unless_told(
    monkeypatch: pytest.MonkeyPatch,
    chosen: LogFormat | None,
    is_terminal: bool,  # noqa: FBT001 - pytest hands it over by name
    expected: LogFormat,
) -> None:
    output = io.StringIO()
    monkeypatch.setattr(output, "isatty", lambda: is_terminal)
    monkeypatch.setattr(sys, "stderr", output)

    with event_log(logging.INFO, chosen):
        logging.getLogger("scheduler_worker.main").info("worker_started")

    assert output.getvalue().startswith("{") is (expected is LogFormat.JSON)


def test_operating_settings_come_from_the_environment() -> None:
    found = read_operating_settings(
        {
            "LEDGER_HEALTH_ADDRESS": "[::1]:8081",
            "LEDGER_METRICS_ADDRESS": "0.0.0.0:9000",
            "LEDGER_OBSERVE_SECONDS": "300",
            "LEDGER_DRAIN_SECONDS": "3600",
        }
    )

    assert read_operating_settings({"LEDGER_HEALTH_ADDRESS": ""}) == OperatingSettings(
        observe_interval=DEFAULT_OBSERVE_INTERVAL
    )
    assert (str(found.health_address), str(found.metrics_address)) == ("[::1]:8081", "0.0.0.0:9000")
    assert (found.observe_interval.total_seconds(), found.drain.total_seconds()) == (300, 3_600)
    assert (read_log_format({}), read_log_format({"LEDGER_LOG_FORMAT": "json"})) == (None, LogFormat.JSON)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("LEDGER_HEALTH_ADDRESS", text)
            for text in ("8081", ":8081", "host:", "host:65536", "a b:1", "h:1:2")
        ),
        ("LEDGER_METRICS_ADDRESS", "http://127.0.0.1:9000"),
        ("LEDGER_DRAIN_SECONDS", "3601"),
        *(("LEDGER_OBSERVE_SECONDS", text) for text in ("0", "301", "-1", "1.5", "\u0661")),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidValue, match=name):
        read_operating_settings({name: value})


def test_a_log_format_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidValue, match="LEDGER_LOG_FORMAT"):
        read_log_format({"LEDGER_LOG_FORMAT": "JSON"})

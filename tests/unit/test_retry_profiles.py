"""One profile a kind of work: every activity has one, and none is tried for ever."""

from __future__ import annotations

import ast
import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg.errors
import pytest
from sqlalchemy.exc import DBAPIError, OperationalError
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput
from temporalio.workflow import ActivityCancellationType

from ledger_core import CursorMoved, EpochClosed, EpochId, LedgerError, SourceUnavailable
from scheduler_worker import retry_profiles
from scheduler_worker.activities.refusals import RefusalInterceptor, failure_of
from scheduler_worker.retry_profiles import BULK, DATABASE, SOURCE_ITEM, SOURCE_STREAM, ActivityProfile

ROOT = Path(__file__).parents[2]
WORKFLOWS = ROOT / "services/scheduler-worker/src/scheduler_worker/workflows"
PROFILES = {"DATABASE": DATABASE, "BULK": BULK, "SOURCE_STREAM": SOURCE_STREAM, "SOURCE_ITEM": SOURCE_ITEM}
NAME = "ann@people.example.org"


def starts_of(file: Path) -> list[tuple[str, list[str]]]:
    """Return each start of an activity in a workflow's source, with the profiles that it is given."""
    return [
        (ast.unparse(node.args[0]), [ast.unparse(word.value) for word in node.keywords if word.arg is None])
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and "execute_" in node.func.attr + "start_"
        and "activity" in node.func.attr
    ]


def test_every_activity_of_every_workflow_has_one_profile() -> None:
    starts = [found for file in sorted(WORKFLOWS.glob("*.py")) for found in starts_of(file)]

    assert len(starts) >= 12
    for activity, profiles in starts:
        assert len(profiles) == 1, activity
        assert profiles[0] in PROFILES, activity


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_ends_and_waits_for_the_end_of_what_it_cancels(name: str) -> None:
    profile: ActivityProfile = PROFILES[name]

    assert timedelta(0) < profile["start_to_close_timeout"] < profile["schedule_to_close_timeout"]
    assert profile["schedule_to_close_timeout"] < retry_profiles.COLLECT_EXECUTION_TIMEOUT
    assert profile["cancellation_type"] is ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
    assert profile["retry_policy"].maximum_attempts == 0  # time is the only cap
    assert profile["retry_policy"].maximum_interval is not None
    assert ("heartbeat_timeout" in profile) == (name == "SOURCE_STREAM")


@pytest.mark.parametrize("name", PROFILES)
def test_the_document_s_table_says_what_the_profile_does(name: str) -> None:
    [row] = [
        line.split("|")
        for line in (ROOT / "docs/temporal.md").read_text().splitlines()
        if line.startswith(f"| {name} ")
    ]
    profile = PROFILES[name]

    assert row[3].strip() == text_of(profile["start_to_close_timeout"])
    assert row[4].strip() == text_of(profile["schedule_to_close_timeout"])
    assert (
        row[6]
        .strip()
        .startswith(text_of(profile["heartbeat_timeout"]) if "heartbeat_timeout" in profile else "-")
    )


def text_of(span: timedelta) -> str:
    minutes = int(span.total_seconds()) // 60
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"


def test_an_unavailable_source_is_waited_for_exactly_as_long_as_it_says() -> None:
    def delay(seconds: int | None) -> timedelta | None:
        failure = failure_of(SourceUnavailable("github", "rate limit", retry_after_seconds=seconds))
        assert not failure.non_retryable
        return failure.next_retry_delay

    assert [delay(600), delay(1)] == [timedelta(minutes=10), timedelta(seconds=1)]
    assert [delay(None), delay(0), delay(-5)] == [None, None, None]


def test_a_refusal_is_final_and_a_moved_cursor_is_not() -> None:
    closed = failure_of(EpochClosed(EpochId(7)))
    moved = failure_of(CursorMoved("github:acme/widgets:issues"))

    assert (closed.type, closed.non_retryable) == ("epoch-closed", True)
    assert (moved.type, moved.non_retryable) == ("cursor-moved", False)
    assert closed.category is ApplicationErrorCategory.BENIGN


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.DeadlockDetected,
        psycopg.errors.SerializationFailure,
        psycopg.errors.LockNotAvailable,
        psycopg.errors.DiskFull,
        psycopg.errors.AdminShutdown,
        psycopg.errors.CannotConnectNow,
        psycopg.errors.TooManyConnections,
        psycopg.errors.QueryCanceled,
        psycopg.errors.IdleInTransactionSessionTimeout,
        psycopg.OperationalError,
        psycopg.InterfaceError,
    ],
)
def test_a_database_s_trouble_is_tried_again_and_its_words_stay_in_the_log(
    error: type[psycopg.Error], caplog: pytest.LogCaptureFixture
) -> None:
    wrapped = OperationalError("INSERT ...", None, error(f"Key (external_id)=({NAME})"))
    failure = failed(wrapped)

    assert isinstance(wrapped, DBAPIError)
    assert (failure.type, failure.non_retryable, failure.next_retry_delay) == ("worker-fault", False, None)
    assert NAME not in str(failure)
    assert any(NAME in str(record.exc_info) for record in caplog.records)


@pytest.mark.parametrize("error", [KeyError(NAME), ValueError(NAME), MemoryError(), AssertionError(NAME)])
def test_a_bug_is_loud_at_its_first_attempt_and_tried_again(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    failure = failed(error)

    assert (failure.type, failure.non_retryable) == ("worker-fault", False)
    assert failure.message == f"{type(error).__name__}; the worker's log says more"
    assert [(record.getMessage(), record.levelname) for record in caplog.records] == [
        ("activity_fault", "ERROR")
    ]


def failed(error: Exception) -> ApplicationError:
    """Return the failure that a workflow sees when an activity raises the error."""
    assert not isinstance(error, LedgerError)

    class Raising(ActivityInboundInterceptor):
        def __init__(self) -> None:
            """It is the innermost."""

        async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ARG002 - Temporal's name
            raise error

    unused: Any = None
    with pytest.raises(ApplicationError) as raised:
        asyncio.run(RefusalInterceptor().intercept_activity(Raising()).execute_activity(unused))
    return raised.value

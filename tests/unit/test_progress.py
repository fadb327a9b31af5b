"""How far, how fast, and how long still: told every other second of what takes its time."""

from __future__ import annotations

import sys

import pytest

from scheduler_worker.cli.progress import Progress, Watch, pace_text
from scheduler_worker.cli.runs import events_in

CLEAR = "\r\x1b[2K"


@pytest.mark.parametrize(
    ("done", "seconds", "total", "told"),
    [
        (12_000, 3.0, 50_000, "12000 of 50000 events, 4000/s, 10s left"),
        (0, 3.0, 50_000, "0 of 50000 events"),
        (12_000, 3.0, None, "12000 events, 4000/s"),
        (12_000, 0.0, 50_000, "12000 of 50000 events"),
        (10, 60.0, 20, "10 of 20 events, 10 a minute, 1m 00s left"),
        (1_000, 10.0, 1_000_000, "1000 of 1000000 events, 100/s, 2h 46m left"),
        (50_001, 10.0, 50_000, "50001 of 50000 events, 5000/s, 1s left"),
    ],
)
def test_a_pace_says_what_is_known(done: int, seconds: float, total: int | None, told: str) -> None:
    assert pace_text(done, seconds, total=total, what="events") == told


def test_a_short_work_says_nothing_and_a_long_one_every_other_second(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr("scheduler_worker.cli.progress.time.monotonic", lambda: now)
    watch = Watch(Progress(), "writing")
    for second in range(8):
        now = 100.0 + second
        watch.count(second * 1_000, total=10_000, what="events")

    assert capsys.readouterr().err.split(CLEAR)[1:] == [
        "... writing 2000 of 10000 events, 1000/s, 8s left",
        "... writing 4000 of 10000 events, 1000/s, 6s left",
        "... writing 6000 of 10000 events, 1000/s, 4s left",
    ]


@pytest.mark.parametrize(("is_terminal", "is_quiet"), [(False, False), (False, True), (True, True)])
def test_nothing_is_told_into_a_pipe_or_beside_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, is_terminal: bool, is_quiet: bool
) -> None:
    now = 100.0
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    monkeypatch.setattr("scheduler_worker.cli.progress.time.monotonic", lambda: now)
    watch = Watch(Progress(is_quiet=is_quiet), "writing")
    now = 200.0
    watch.count(1_000, total=10_000, what="events")
    watch.tell("the rest")

    assert capsys.readouterr().err == ""


def test_each_step_has_its_own_pace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a slow step took before says nothing of how long the next one will take."""
    now = 100.0
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr("scheduler_worker.cli.progress.time.monotonic", lambda: now)
    watch = Watch(Progress(), "checking")
    watch.count(0, total=2, what="statements")
    now = 200.0
    watch.count(0, total=10_000, what="events")
    now = 210.0
    watch.count(5_000, total=10_000, what="events")

    assert capsys.readouterr().err.split(CLEAR)[1:] == [
        "... checking 0 of 10000 events",
        "... checking 5000 of 10000 events, 500/s, 10s left",
    ]


def test_events_are_summed_over_the_streams_that_are_read_now() -> None:
    assert events_in([[3, 100, 20, 1, {"bot": 7}], [], [1, 5, 0, 0, {}], ["other"]]) == 126
    assert events_in([]) == 0

"""Three workers on one task queue share ten streams; one is killed at random, and nothing is lost or doubled."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from ledger_core import NodeId, StreamRef
from scheduler_worker.bootstrap import system_clock
from scheduler_worker.sources.git.git_source import GitSource
from tests.command_line import environment, run_program, write_weeks
from tests.conftest import TestDatabase
from tests.operating.operated import until

STREAMS = 10
WORKERS = 3
WINDOW = ("epoch", "collect", "--at", "2026-01-05")
# A killed worker is noticed after seconds rather than minutes; all else is `ledger worker`.
IMPATIENT = """
from datetime import timedelta
from scheduler_worker import retry_profiles
retry_profiles.SOURCE_STREAM["heartbeat_timeout"] = timedelta(seconds=5)
from scheduler_worker.cli.app import main
main()
"""


@pytest.fixture
def settings(
    fresh_database: TestDatabase, temporal_address: str, namespace: str, node_id: NodeId, tmp_path: Path
) -> dict[str, str]:
    write_weeks(tmp_path / "repository", weeks=20, commits_a_week=100)
    policy = f'node_id = "{node_id}"\n[weights]\n"git:commit_authored" = 1000\n[pool]\nbase_issuance_credits = 1000\n'
    for number in range(STREAMS):
        policy += f'[[sources.git]]\nname = "acme/{number}"\npath = "repository"\nbranch = "main"\n'
    (tmp_path / "ledger.toml").write_text(policy, encoding="utf-8")
    return {
        "LEDGER_CONFIG": str(tmp_path / "ledger.toml"),
        "LEDGER_DATABASE_URL": fresh_database.worker_url,
        "LEDGER_ACTOR": "an admin",
        "TEMPORAL_ADDRESS": temporal_address,
        "TEMPORAL_NAMESPACE": namespace,
    }


@contextmanager
def worker(settings: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-c", IMPATIENT, "worker"],
            env=environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def has_started(log: Path) -> bool:
    return b"worker_started" in log.read_bytes()


def expected_events(folder: Path) -> dict[str, str]:
    """What each source reports, read without any of the machinery: id and hash of the whole fact."""
    found: dict[str, str] = {}
    for number in range(STREAMS):
        name = f"acme/{number}"
        source = GitSource(name=name, path=folder / "repository", branch="main", clock=system_clock)
        stream = StreamRef(source="git", source_ref=name, stream="commits")
        for page in source.pages(stream, None, until=system_clock()):
            found |= {str(event.id): event.payload_hash for event in page.events}
    return found


def test_a_worker_killed_at_random_among_three_loses_and_doubles_nothing(
    settings: dict[str, str], owner_engine: Engine, tmp_path: Path
) -> None:
    """CURSOR_STATE_PERSISTED: with ten streams on three workers, and another moment at every run."""
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    logs = [tmp_path / f"worker-{number}.log" for number in range(WORKERS)]

    def stored() -> int:
        with owner_engine.connect() as connection:
            return int(connection.execute(text("SELECT count(*) FROM activity_events")).scalar_one())

    with ExitStack() as open_workers:
        workers = [open_workers.enter_context(worker(settings, log)) for log in logs]
        for log in logs:
            until(partial(has_started, log), f"{log} starts")
        assert run_program(*WINDOW, "--no-wait", settings=settings).status == 0
        until(lambda: stored() > 0, "the first page")
        time.sleep(chance.uniform(0, 1))
        victim = chance.randrange(WORKERS)
        workers[victim].kill()
        workers[victim].wait()
        collected = run_program(*WINDOW, settings=settings)  # joins the run that goes on
        again = run_program(*WINDOW, settings=settings)
        closed = run_program("epoch", "finalize", "1", "--yes", settings=settings)
        doctor = run_program("doctor", settings=settings)
        statuses = []
        for number, process in enumerate(workers):
            if number != victim:
                process.send_signal(signal.SIGTERM)
                statuses.append(process.wait(60))

    assert [each.status for each in (collected, again, closed, doctor)] == [0, 0, 0, 0], (seed, collected)
    assert statuses == [0, 0]
    with owner_engine.connect() as connection:
        events = connection.execute(text("SELECT id, payload_hash FROM activity_events")).all()
        cursors = connection.execute(text("SELECT count(*) FROM source_cursors")).scalar_one()
        paid = connection.execute(
            text("SELECT count(*), count(DISTINCT event_id) FROM activity_curation WHERE included")
        ).one()
    expected = expected_events(tmp_path)
    assert len(expected) > STREAMS * 2_000
    assert {row.id: row.payload_hash for row in events} == expected, seed
    assert cursors == STREAMS
    assert paid[0] == paid[1] > 0
    shares = [log.read_bytes().count(b"stream_collected") for log in logs]
    assert sum(1 for share in shares if share) >= 2, shares  # the work was shared

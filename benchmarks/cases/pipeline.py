"""From a git repository to a statement through Temporal, beside the repository's bare log."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import Figure, Scale
from benchmarks.measuring import Meter, measured
from benchmarks.servers import ON_DISK, fresh_database, served_postgres
from benchmarks.stored_epoch import WINDOW
from benchmarks.through_temporal import collect_and_close
from ledger_core import ActivitySource, StreamRef
from scheduler_worker.local.temporal import local_temporal
from scheduler_worker.sources.git.commit_reader import LOG_FORMAT
from scheduler_worker.sources.git.git_source import GitSource

CASE = "pipeline"
WEEK_SECONDS = 7 * 24 * 3600


def git_log(meter: Meter, *, path: str) -> None:
    """Read the fields that the source reads."""
    command = [
        *("git", "-C", path, "log", "-z", "--topo-order", "--reverse", "--date=raw"),
        *("--no-mailmap", "--no-notes", "--no-patch", f"--format=tformat:{LOG_FORMAT}", "main"),
    ]
    with meter.running():
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def git_to_statement(meter: Meter, *, path: str, url: str, address: str) -> dict[str, float]:
    """Collect a repository, close its week, and collect again; return the seconds of each."""
    source = GitSource(name="acme/web", path=Path(path), clock=lambda: datetime.now(UTC), branch="main")
    sources: dict[StreamRef, ActivitySource] = dict.fromkeys(source.streams(), source)
    return asyncio.run(collect_and_close(meter, url, address, sources, {"git:commit": 1000}))


def write_repository(folder: Path, commits: int) -> None:
    """Write a bare repository of so many commits of forty people, all in the window."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(folder)], check=True)
    start = int(WINDOW.period_start.timestamp())
    lines: list[str] = []
    for number in range(commits):
        who = f"Person {number % 40} <person-{number % 40}@example.org>"
        message = f"Change {number}\n\nMends what was wrong with widget {number % 977}.\n"
        lines += [
            "commit refs/heads/main",
            f"committer {who} {start + number * WEEK_SECONDS // commits} +0000",
            f"data {len(message)}\n{message}",
            f"M 100644 inline file-{number % 50}.txt\ndata 7\n{number:06d}\n",
        ]
    command = ["git", "-C", str(folder), "fast-import", "--quiet"]
    subprocess.run(command, input="\n".join(lines) + "\n", text=True, check=True)


def compare(scale: Scale) -> Iterator[Figure]:
    """Measure the pipeline."""
    with served_postgres() as server, tempfile.TemporaryDirectory(dir=ON_DISK) as folder:
        repository = Path(folder) / "web.git"
        write_repository(repository, scale.commits)
        log = measured(git_log, path=str(repository)).seconds
        with local_temporal(None, ui=False) as temporal:
            url = fresh_database(server, "of_git")
            git = measured(git_to_statement, path=str(repository), url=url, address=temporal.address).returned
        assert git["stored"] >= scale.commits
        whole = git["collected"] + git["closed"]
        yield Figure(
            case=CASE, name=f"git, {scale.commits:,} commits to a statement", value=whole, unit="s",
            at_most=3 * log + 5, note=f"three times the bare log, {log:.2f} s, and 5 s",
        )  # fmt: skip
        yield Figure(case=CASE, name="git, nothing new", value=git["nothing_new"], unit="s", at_most=1.0)


CASES = (compare,)

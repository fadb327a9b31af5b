"""What it takes to begin: the core's import, the command's help, a worker that is ready."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.backend import cpu_seconds
from benchmarks.figures import Figure, Scale
from benchmarks.measuring import Meter, measured
from benchmarks.servers import NODE, fresh_database, served_postgres
from scheduler_worker.local.temporal import local_temporal
from tests.command_line import write_weeks
from tests.operating.operated import OperatedNode

CASE = "startup"
ROUNDS = 7
POLICY = """\
node_id = "{node_id}"
[weights]
"git:commit_authored" = 1000
[pool]
base_issuance_credits = 1000
[schedule]
every = "7d"
[[sources.git]]
name = "acme/web"
path = "repository"
branch = "main"
"""
LEDGER = str(Path(sys.executable).parent / "ledger")


def cpu_milliseconds(meter: Meter, *, command: Sequence[str]) -> float:  # noqa: ARG001 - of its children
    """Return the least CPU that the command took, in several rounds."""
    least = float("inf")
    for _ in range(ROUNDS):
        before = _spent()
        subprocess.run(list(command), check=True, stdout=subprocess.DEVNULL)
        least = min(least, _spent() - before)
    return least * 1_000


def worker(meter: Meter, *, url: str, address: str) -> dict[str, float]:  # noqa: ARG001 - of its child
    """Return the seconds until a worker says that it is ready, and the CPU that it has taken by then."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        policy = folder / "ledger.toml"
        policy.write_text(POLICY.format(node_id=NODE), encoding="utf-8")
        settings = {
            "LEDGER_CONFIG": str(policy),
            "LEDGER_DATABASE_URL": url,
            "TEMPORAL_ADDRESS": address,
            "TEMPORAL_NAMESPACE": "default",
        }
        node = OperatedNode(settings, write_weeks(folder / "repository", weeks=1, commits_a_week=10))
        began = time.perf_counter()
        with node.worker() as started:
            started.await_ready()
            seconds = time.perf_counter() - began
            return {"seconds": seconds, "cpu": cpu_seconds(started.process.pid)}


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def compare(scale: Scale) -> Iterator[Figure]:  # noqa: ARG001 - there is nothing to scale
    """Measure each in processes of its own."""
    bare, core = (
        measured(cpu_milliseconds, command=[sys.executable, "-c", code]).returned
        for code in ("pass", "import ledger_core")
    )
    helped = measured(cpu_milliseconds, command=[LEDGER, "--help"]).returned
    yield Figure(
        case=CASE, name="import ledger_core, CPU", value=core - bare, unit="ms", at_most=60.0,
        note=f"above the {bare:.0f} ms of Python itself",
    )  # fmt: skip
    with served_postgres() as server, local_temporal(None, ui=False) as temporal:
        url = fresh_database(server, "started")
        ready = min(
            (measured(worker, url=url, address=temporal.address).returned for _ in range(3)),
            key=lambda found: float(found["seconds"]),
        )
    yield Figure(
        case=CASE, name="worker ready", value=ready["seconds"], unit="s", at_most=2.0, note=f"{ready['cpu']:.2f} s of CPU",
    )  # fmt: skip
    yield Figure(case=CASE, name="ledger --help, CPU", value=helped, unit="ms", at_most=300.0)


CASES = (compare,)

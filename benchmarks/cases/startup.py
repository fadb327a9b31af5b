"""What it takes to begin: the core's import, the command's help, a worker that is ready."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.figures import Figure, Scale
from benchmarks.measuring import Meter, measured

CASE = "startup"
ROUNDS = 7
LEDGER = str(Path(sys.executable).parent / "ledger")


def cpu_milliseconds(meter: Meter, *, command: Sequence[str]) -> float:  # noqa: ARG001 - of its children
    """Return the least CPU that the command took, in several rounds."""
    least = float("inf")
    for _ in range(ROUNDS):
        before = _spent()
        subprocess.run(list(command), check=True, stdout=subprocess.DEVNULL)
        least = min(least, _spent() - before)
    return least * 1_000


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
    yield Figure(case=CASE, name="ledger --help, CPU", value=helped, unit="ms", at_most=300.0)


CASES = (compare,)

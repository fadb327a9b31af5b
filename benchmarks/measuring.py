"""Measuring a piece of work in a process of its own: seconds, and memory above what its input takes.

The work is a function of a module, called by its name with a meter and plain values: it makes its input, and does under
the meter what is to be measured. Its process says what the meter showed, and what the function returned.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

_PROGRAM = "from benchmarks.measuring import work; work()"
_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")


@dataclass(slots=True)
class Measure:
    """Wall and CPU seconds, and the most memory in MB that was taken above what was there before."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    above_mb: float = 0.0
    peak_mb: float = 0.0
    returned: Any = None


@dataclass(slots=True)
class Meter:
    """Takes the time and the memory of a block; of more than one block the sum, and the most."""

    measure: Measure = field(default_factory=Measure)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure the block."""
        gc.collect()
        _CLEAR_REFS.write_text("5", encoding="ascii")  # the peak is counted from here
        before = _memory_mb("VmRSS")
        began, began_cpu = time.perf_counter(), time.process_time()
        yield
        self.measure.seconds += time.perf_counter() - began
        self.measure.cpu_seconds += time.process_time() - began_cpu
        peak = _memory_mb("VmHWM")
        self.measure.peak_mb = max(self.measure.peak_mb, peak)
        self.measure.above_mb = max(self.measure.above_mb, peak - before)


def measured(function: Callable[..., Any], **values: Any) -> Measure:
    """Run the function in a process of its own and return its measure."""
    program = [sys.executable, "-c", _PROGRAM, f"{function.__module__}:{function.__name__}"]
    ended = subprocess.run(
        [*program, json.dumps(values)], check=True, stdout=subprocess.PIPE, text=True, timeout=7_200
    )
    return Measure(**json.loads(ended.stdout.splitlines()[-1]))


def best_of(rounds: int, function: Callable[..., Any], **values: Any) -> Measure:
    """Return the measure of the round that took the least CPU: what others do on the machine only adds to it."""
    return min((measured(function, **values) for _ in range(rounds)), key=lambda measure: measure.cpu_seconds)


def _memory_mb(name: str) -> float:
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"the kernel does not tell {name}")


def work() -> None:
    """Do the work that the command line names, and say its measure."""
    module, _, name = sys.argv[1].partition(":")
    meter = Meter()
    meter.measure.returned = getattr(import_module(module), name)(meter, **json.loads(sys.argv[2]))
    print(json.dumps(asdict(meter.measure)))

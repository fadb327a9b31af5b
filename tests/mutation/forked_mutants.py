"""A pytest plugin: collects once, runs every test once, and then tries each mutant in a process forked from there.

mutmut's own runner collects anew for each mutant, which takes many times as long as the tests that kill it.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import pytest
from _pytest.runner import runtestprotocol
from mutmut.mutation import trampoline

SELECTED: Final = "MUTANT_UNDER_TEST"
SETTINGS: Final = "MUTATION_RUN"
OUTCOMES: Final = "outcomes.jsonl"  # of each mutant its name, what became of it, and the test that killed it
CONTROL: Final = "control"
DONE: Final = 0
BROKEN: Final = 1
# Of the processor's time, so that a busy machine is no endless loop; a test that waits for ever burns none.
CPU_SECONDS: Final = 60
WALL_SECONDS: Final = 1_800


class Mutations:
    """One run: which tests reach which function, what each takes, and what became of each mutant."""

    def __init__(self, session: pytest.Session, folder: Path, patterns: Sequence[str], children: int) -> None:
        self._session = session
        self._folder = folder
        self._patterns = patterns
        self._children = children
        self._reaching: defaultdict[str, set[pytest.Item]] = defaultdict(set)
        self._seconds: dict[pytest.Item, float] = {}
        self._running: dict[int, str] = {}
        self._hits: set[str] = set()

    def measure(self) -> None:
        """Run each test on the core as it is, noting the functions that it reaches; all must pass."""
        vars(trampoline)["record_trampoline_hit"] = self._note
        os.environ[SELECTED] = "stats"
        items = self._session.items
        for item, following in zip(items, [*items[1:], None], strict=True):
            self._hits.clear()
            begun = time.process_time()
            reports = runtestprotocol(item, nextitem=following, log=False)
            self._seconds[item] = time.process_time() - begun
            if any(report.failed for report in reports):
                pytest.exit(f"{item.nodeid} fails on the core as it is", 3)
            for function in self._hits:
                self._reaching[function].add(item)
        # Run again, in another order and in a fork, they must pass too: else every mutant would seem to die.
        self._start(CONTROL, sorted(items, key=self._seconds.__getitem__))
        self._wait()
        if read_outcomes(self._folder)[CONTROL] != "survived":
            pytest.exit("a test fails when it is run again on the core as it is", 3)

    def try_all(self) -> None:
        """Try each mutant that was chosen and not killed before, several at once."""
        for name in self._chosen():
            while len(self._running) >= self._children:
                self._wait()
            items = self._reaching.get(name.partition("__mutmut_")[0], set())
            if items:
                self._start(name, sorted(items, key=self._seconds.__getitem__))
            else:
                self._write(name, "untested")
        while self._running:
            self._wait()

    def _note(self, function: str, caller: str | None = None) -> None:  # noqa: ARG002 - mutmut's signature
        self._hits.add(function)

    def _chosen(self) -> Iterator[str]:
        names = [
            name
            for entry in json.loads((self._folder / "mutants.json").read_text(encoding="utf-8"))
            for name in entry["changes"]
        ]
        outcomes = read_outcomes(self._folder)
        for name in names:
            if outcomes.get(name) != "killed" and any(fnmatch(name, pattern) for pattern in self._patterns):
                yield name

    def _start(self, name: str, items: Sequence[pytest.Item]) -> None:
        process = os.fork()
        if process:
            self._running[process] = name
            return
        status = BROKEN
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(WALL_SECONDS)
            os.environ[SELECTED] = name
            killer = first_failure(items)
            self._write(name, "survived" if killer is None else "killed", killer)
            status = DONE
        finally:
            os._exit(status)

    def _wait(self) -> None:
        process, status = os.wait()
        name = self._running.pop(process, None)
        code = os.waitstatus_to_exitcode(status)
        if name is not None and code != DONE:
            is_endless = code in {-signal.SIGXCPU, -signal.SIGKILL}
            self._write(name, "timed out" if is_endless else "unchecked")

    def _write(self, name: str, outcome: str, killer: str | None = None) -> None:
        with (self._folder / OUTCOMES).open("a", encoding="utf-8") as file:
            file.write(json.dumps([name, outcome, killer]) + "\n")


def first_failure(items: Sequence[pytest.Item]) -> str | None:
    """Run tests up to the first that fails; return its name, or None when all pass."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        if any(report.failed for report in runtestprotocol(item, nextitem=following, log=False)):
            return item.nodeid
    return None


def read_outcomes(folder: Path) -> dict[str, str]:
    """Return what became of each mutant that was tried, the newest outcome of each."""
    path = folder / OUTCOMES
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {name: outcome for name, outcome, _ in map(json.loads, lines)}


def pytest_runtestloop(session: pytest.Session) -> bool:
    """Take the place of pytest's own loop."""
    settings = json.loads(os.environ[SETTINGS])
    if session.testsfailed:
        pytest.exit("the tests cannot be collected", 3)
    run = Mutations(session, Path(settings["folder"]), settings["patterns"], settings["children"])
    run.measure()
    run.try_all()
    return True

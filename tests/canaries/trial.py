"""Trying one planted fault: the tests that should find it, then all the others."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.canaries.copied_tree import copied_tree
from tests.canaries.planted_faults import PlantedFault

EVERYTHING = ("tests", "--ignore=tests/canaries")
ARGUMENTS = (
    "-n0", "-q", "--no-header", "--tb=no", "-p", "no:randomly", "-p", "no:cacheprovider", "--hypothesis-seed=0",
    "-p", "tests.canaries.recording",
)  # fmt: skip
NONE_FAILED = 0
NO_SERVERS = "tests/unit/"


class Verdict(StrEnum):
    """What became of a planted fault."""

    KILLED = "killed"
    SURVIVED = "survived"
    BROKEN = "broken"  # tests are red, but none because it found the fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A test that failed: by an assertion, a refusal, or in another way."""

    test: str
    kind: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRun:
    """How a run of pytest ended, and the failures that it wrote down."""

    __test__ = False

    status: int
    failures: tuple[Failure, ...]
    output: str

    @property
    def is_green(self) -> bool:
        """Say whether tests ran and all passed."""
        return self.status == NONE_FAILED and not self.failures

    def last_line(self) -> str:
        """Return the last line that was printed: why nothing ran, if nothing did."""
        return next((line for line in reversed(self.output.splitlines()) if line.strip()), "")

    def finding(self) -> Failure | None:
        """Return the failure that shows the fault: an assertion before a refusal."""
        shown = [failure for failure in self.failures if failure.kind in {"assertion", "refusal"}]
        return min(shown, key=lambda failure: failure.kind, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What became of a fault: the verdict, the test and the error that gave it, and how long it took."""

    fault: PlantedFault
    verdict: Verdict
    test: str | None
    kind: str | None
    error: str | None
    seconds: int
    whole_suite: bool


def run_tests(tree: Path, tests: Sequence[str]) -> TestRun:
    """Run tests in a copy of the tree."""
    record = tree / "canary.jsonl"
    record.write_bytes(b"")
    scratch = tree.parent / "tmp"
    scratch.mkdir(exist_ok=True)
    # The fixtures for servers take seconds to import, several times as long as most of these tests run.
    without_servers = ("--noconftest",) if all(test.startswith(NO_SERVERS) for test in tests) else ()
    done = subprocess.run(
        [str(tree / ".venv/bin/python"), "-m", "pytest", *ARGUMENTS, *without_servers, *tests],
        cwd=tree,
        env=os.environ | {"CANARY_RECORD": str(record), "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        check=False,
    )
    entries = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    return TestRun(
        status=done.returncode,
        failures=tuple(Failure(**entry) for entry in entries),
        output=(done.stdout + done.stderr)[-4_000:],
    )


def try_fault(fault: PlantedFault, *, otherwise: Sequence[str] = EVERYTHING) -> Trial:
    """Plant the fault in a fresh copy and run its tests, then `otherwise` if none of them finds it.

    Holds:  killed means that a test failed by an assertion of its own, or because the ledger refused what must
            go through, and that the same test passes without the fault where it was not among the fault's own.
    Raises: FaultDoesNotApply.
    """
    begun = time.monotonic()
    with copied_tree() as tree:
        fault.plant(tree)
        run = run_tests(tree, fault.tests)
        found = run.finding()
        whole_suite = found is None and bool(otherwise)
        if whole_suite:
            run = run_tests(tree, otherwise)
            found = run.finding()
    if found is not None and whole_suite:
        with copied_tree() as tree:
            if not run_tests(tree, (found.test,)).is_green:
                found = None
    verdict = Verdict.SURVIVED if run.is_green else Verdict.BROKEN
    if found is not None:
        verdict = Verdict.KILLED
    shown = found or next(iter(run.failures), None)
    return Trial(
        fault=fault,
        verdict=verdict,
        test=shown.test if shown else None,
        kind=shown.kind if shown else None,
        error=shown.error if shown else run.last_line() if not run.is_green else None,
        seconds=round(time.monotonic() - begun),
        whole_suite=whole_suite,
    )

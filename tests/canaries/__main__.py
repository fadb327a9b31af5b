"""`python -m tests.canaries [NAME...]`: plants each fault in a copy of the tree, and fails if one survives.

Exit status: 0 every fault was killed, 1 one survived or only broke the tests, 2 the tests are red without any
fault, a fault does not apply, or usage.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from types import FrameType
from typing import NoReturn

from scheduler_worker.local.postgres import local_postgres
from tests.canaries.copied_tree import copied_tree
from tests.canaries.planted_faults import FaultDoesNotApply, PlantedFault, load_faults
from tests.canaries.trial import EVERYTHING, Trial, Verdict, run_tests, try_fault
from tests.local_owners import folder_for_all

ALL_KILLED = 0
SURVIVOR = 1
NOT_TRIED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the faults that were named, or all; print a line each, and return the exit status."""
    signal.signal(signal.SIGTERM, _end)
    options = _parser().parse_args(arguments)
    faults = load_faults()
    unknown = set(options.names) - {fault.name for fault in faults}
    if unknown:
        print(f"no such canary: {', '.join(sorted(unknown))}", file=sys.stderr)
        return NOT_TRIED
    chosen = [fault for fault in faults if not options.names or fault.name in options.names]
    if options.list:
        print("\n".join(f"{fault.name}: {fault.breaks}" for fault in chosen))
        return ALL_KILLED
    with _one_database_server():
        if not _is_green_without_faults(chosen):
            return NOT_TRIED
        try:
            trials = [_tried(fault, narrow=options.narrow, as_json=options.json) for fault in chosen]
        except FaultDoesNotApply as error:
            print(error, file=sys.stderr)
            return NOT_TRIED
    killed = sum(trial.verdict is Verdict.KILLED for trial in trials)
    if options.json:
        print(json.dumps([asdict(trial) for trial in trials], indent=2))
    print(f"{killed} of {len(trials)} planted faults were killed", file=sys.stderr)
    return ALL_KILLED if killed == len(trials) else SURVIVOR


def _end(signal_number: int, _frame: FrameType | None) -> NoReturn:
    """End as on ctrl-C: no test run, server or copy is left behind."""
    sys.exit(128 + signal_number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.canaries", description=__doc__)
    parser.add_argument(
        "names", metavar="NAME", nargs="*", help="a planted fault; all of them if none is named"
    )
    parser.add_argument("--json", action="store_true", help="print the trials as JSON")
    parser.add_argument("--list", action="store_true", help="print the planted faults, and try none")
    parser.add_argument(
        "--narrow", action="store_true", help="ask a fault's own tests only, not the whole suite after them"
    )
    return parser


@contextmanager
def _one_database_server() -> Iterator[None]:
    """Lend one PostgreSQL to all runs, each with databases of its own: a server a run takes longer than most."""
    if "TEST_DATABASE_URL" in os.environ:
        yield
        return
    with folder_for_all() as folder, local_postgres(folder, durable=False) as server:
        os.environ["TEST_DATABASE_URL"] = server.url
        try:
            yield
        finally:
            del os.environ["TEST_DATABASE_URL"]


def _is_green_without_faults(faults: Sequence[PlantedFault]) -> bool:
    tests = list(dict.fromkeys(test for fault in faults for test in fault.tests))
    with copied_tree() as tree:
        run = run_tests(tree, tests)
    if not run.is_green:
        print(f"the tests are red without any fault:\n{run.output}", file=sys.stderr)
    return run.is_green


def _tried(fault: PlantedFault, *, narrow: bool, as_json: bool) -> Trial:
    trial = try_fault(fault, otherwise=() if narrow else EVERYTHING)
    by = f"{trial.test} ({trial.kind})" if trial.test else "nothing"
    line = f"{trial.verdict:8}  {fault.name}: {fault.breaks}\n          {by}, {trial.seconds} s"
    if trial.verdict is not Verdict.KILLED and trial.error:
        line += f"\n          {trial.error}"
    print(line, file=sys.stderr if as_json else sys.stdout, flush=True)
    return trial


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.mutation [PATTERN...]`: mutates the core, and fails if a mutant survives unexplained.

Exit status: 0 every mutant was killed or is explained, 1 one survived without a reason or a reason has no
survivor any more, 2 the tests are red without any mutant, or the run did not come to an end.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutation.explanations import load_explanations
from tests.mutation.forked_mutants import SETTINGS, read_outcomes
from tests.mutation.mutated_core import write_mutated_core
from tests.mutation.report import Mutant, Outcome, report

NOT_RUN = 2
# Other programs, and Pythons in other locales, know nothing of mutants. What tries thousands of cases takes
# long for each survivor, and finds what the others find.
LEFT_OUT = (
    "tests/golden/test_golden_vectors.py::test_payout_deterministic",
    "tests/golden/test_javascript_verifier.py",
    "tests/golden/test_amended_bundles.py::test_both_verifiers_judge_alike",
    "tests/golden/test_counted_bundles.py::test_both_verifiers_judge_alike",
    "tests/property/test_small_scope.py",
    "tests/unit/test_bundle_portability.py",
    "tests/unit/test_explanation_command.py",
    "tests/unit/test_bundle_tampering.py::test_no_b",
    "tests/unit/test_bundle_tampering.py::test_digits_cannot_be_exchanged_for_digits",
    "tests/unit/test_bundle_tampering.py::test_a_byte_can_be_put_in_or_taken_out_nowhere",
    "tests/unit/test_bundle_writer.py::test_memory_does_not_grow_with_the_events",
)
ARGUMENTS = (
    "-p", "tests.mutation.forked_mutants", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:timeout",
    "-p", "no:xdist", "-q", "--import-mode=importlib", "-W", "error", "-c", os.devnull, "--rootdir=.",
    *(f"--deselect={test}" for test in LEFT_OUT),
    "tests/unit", "tests/property", "tests/golden",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Mutate what the patterns name, or everything; print the score and return the exit status."""
    options = _parser().parse_args(arguments)
    patterns = options.patterns or ["*"]
    with TemporaryDirectory(prefix="mutation-") as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        modules = write_mutated_core(folder)
        status = _try_mutants(folder, patterns, children=options.children)
        outcomes = read_outcomes(folder)
    if status != 0:
        return NOT_RUN
    mutants = [
        Mutant(
            name=name, module=found.module, outcome=Outcome(outcomes.get(name, "unchecked")), change=change
        )
        for found in modules
        for name, change in found.changes.items()
        if any(fnmatch(name, pattern) for pattern in patterns)
    ]
    return report(mutants, load_explanations(), everything=not options.patterns)


def _try_mutants(folder: Path, patterns: Sequence[str], *, children: int) -> int:
    settings = {"folder": str(folder), "patterns": patterns, "children": children}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *ARGUMENTS],
        cwd=folder,
        # Programs that tests start find the mutants there, too.
        env=os.environ
        | {
            "PYTHONPATH": str(folder / "src"),
            "HYPOTHESIS_PROFILE": "mutation",
            SETTINGS: json.dumps(settings),
        },
        check=False,
    ).returncode


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("patterns", metavar="PATTERN", nargs="*", help="like 'ledger_core.domain.*'")
    parser.add_argument(
        "--folder", type=Path, help="keep mutants and outcomes there; killed ones stay killed"
    )
    parser.add_argument("--children", type=int, default=1, help="mutants tried side by side (1)")
    return parser


if __name__ == "__main__":
    sys.exit(main())

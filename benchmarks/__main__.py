"""`uv run python -m benchmarks [CASE...]`: measures, and prints each figure beside what it is held to.

Every piece of work runs in a process of its own. Ratios are to a reference that is measured in the same run, so that they
say the same on another machine; seconds do not. Exit status: 0 every bound holds, 1 one does not.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from importlib import import_module
from typing import TypeAlias

from benchmarks.figures import Figure, Scale, machine

CASES = ("payouts", "verifier", "startup", "ingest", "curation", "review", "finalize", "pipeline", "at-scale")
THOUSAND = 1_000
WHOLE = Scale()

Case: TypeAlias = Callable[[Scale], Iterator[Figure]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is named, or everything."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--users", type=int, default=WHOLE.users)
    parser.add_argument("--events", type=int, default=WHOLE.events)
    parser.add_argument("--commits", type=int, default=WHOLE.commits)
    parser.add_argument("--streams", type=int, default=WHOLE.streams)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    for name in given.cases:
        if name not in CASES:
            parser.error(f"there is no case {name}; there are {', '.join(CASES)}")
    scale = Scale(users=given.users, events=given.events, commits=given.commits, streams=given.streams)
    facts = machine()
    found: list[Figure] = []
    for name in given.cases or CASES:
        for case in _cases(name):
            for figure in case(scale):
                found.append(figure)
                if not given.json:
                    _tell(figure)
    missed = [figure for figure in found if not figure.is_met]
    if given.json:
        print(
            json.dumps(
                {"machine": facts, "scale": asdict(scale), "figures": [asdict(each) for each in found]}
            )
        )
    else:
        print("; ".join(f"{name} {value}" for name, value in facts.items()))
        print(f"{len(found)} figures, {len(missed)} bounds missed")
    return 1 if missed else 0


def _cases(name: str) -> Sequence[Case]:
    found: Sequence[Case] = import_module(f"benchmarks.cases.{name.replace('-', '_')}").CASES
    return found


def _tell(figure: Figure) -> None:
    verdict = "" if not figure.bound else "ok" if figure.is_met else "MISSED"
    print(
        f"{figure.case:9} {figure.name:34} {_digits(figure.value):>10} {figure.unit:5} {figure.bound:9} {verdict}"
    )
    if figure.note:
        print(f"{'':10}{figure.note}", flush=True)


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= THOUSAND else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main())

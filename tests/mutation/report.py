"""The account of a mutation run: a score by module, and each mutant that is neither killed nor explained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.mutation.explanations import Change

ALL_ACCOUNTED_FOR = 0
UNACCOUNTED_FOR = 1


class Outcome(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    TIMED_OUT = "timed out"  # an endless loop: noticed by whoever waits
    SURVIVED = "survived"
    UNTESTED = "untested"  # no test reaches the function at all
    UNCHECKED = "unchecked"  # its process ended in another way, or the run before its turn

    @property
    def is_death(self) -> bool:
        """Say whether the mutant was noticed."""
        return self in {Outcome.KILLED, Outcome.TIMED_OUT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One mutant: mutmut's name for it, its module, what it changes and what became of it."""

    name: str
    module: str
    outcome: Outcome
    change: Change


def report(mutants: Sequence[Mutant], explanations: dict[Change, str], *, everything: bool) -> int:
    """Print the score of each module and what is not accounted for; return the exit status."""
    survivors = [mutant for mutant in mutants if not mutant.outcome.is_death]
    unexplained = [mutant for mutant in survivors if mutant.change not in explanations]
    stale = sorted(explanations.keys() - {mutant.change for mutant in survivors}) if everything else []
    for module in sorted({mutant.module for mutant in mutants}):
        print(_score(module, [mutant for mutant in mutants if mutant.module == module], explanations))
    print(_score("all", mutants, explanations))
    for mutant in unexplained:
        print(f"\n{mutant.outcome}: {mutant.change}\n    {mutant.name}")
    for change in stale:
        print(f"\nexplained, but no survivor: {change}")
    return ALL_ACCOUNTED_FOR if mutants and not unexplained and not stale else UNACCOUNTED_FOR


def _score(name: str, mutants: Sequence[Mutant], explanations: dict[Change, str]) -> str:
    deaths = Counter(mutant.outcome.is_death for mutant in mutants)
    explained = sum(not mutant.outcome.is_death and mutant.change in explanations for mutant in mutants)
    return (
        f"{name:48} {len(mutants):5} mutants {deaths[True]:5} killed"
        f" {explained:4} explained {deaths[False] - explained:4} left"
    )

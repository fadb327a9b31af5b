"""Mutants that no test kills, and why: they do the same as the code, or what they change nobody may rely on."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("explained.toml")
_MANGLED = re.compile(r"x(?:ǁ(?P<owner>\w+)ǁ|_)(?P<name>.+)__mutmut_\d+")  # as mutmut names functions


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """What a mutant changes: the function, and the lines that it takes out and puts in, without indentation.

    Not mutmut's number: that moves with every edit above it.
    """

    function: str
    removed: str
    added: str

    def __str__(self) -> str:
        return f"{self.function}\n    - {self.removed}\n    + {self.added}"


def load_explanations(path: Path = FILE) -> dict[Change, str]:
    """Return the reason of each explained mutant.

    Raises: ValueError when one is explained twice, or without a reason.
    """
    found: dict[Change, str] = {}
    for group in tomllib.loads(path.read_text(encoding="utf-8"))["explained"]:
        for function, removed, added in group["mutants"]:
            change = Change(function, removed, added)
            if change in found or not group["reason"].strip():
                raise ValueError(f"explained twice, or without a reason: {change}")
            found[change] = group["reason"]
    return found


def change_of(module: str, mutant: str, lines: Sequence[str], spans: Mapping[str, tuple[int, int]]) -> Change:
    """Return the difference of a mutant and the function that it was made from."""
    found = _MANGLED.fullmatch(mutant)
    assert found is not None, mutant
    function = mutant.partition("__mutmut_")[0]
    before, after = (
        [line.strip().replace(name, function) for line in lines[spans[name][0] - 1 : spans[name][1]]]
        for name in (f"{function}__mutmut_orig", mutant)
    )
    while before and after and before[0] == after[0]:
        del before[0], after[0]
    while before and after and before[-1] == after[-1]:
        del before[-1], after[-1]
    path = ".".join(part for part in (module, found["owner"], found["name"]) if part)
    return Change(path, " ".join(before), " ".join(after))

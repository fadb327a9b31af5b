"""Planted faults: each breaks one rule of the ledger, and some test must turn red.

They stand in `faults/*.toml`, by the part of the ledger that they break: what the fault breaks, the file, the
text as it stands and as it is broken, and the tests that are asked first.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "faults"


class FaultDoesNotApply(Exception):
    """The code has moved on: what the fault would break does not stand there once, or is no code any more."""

    def __init__(self, fault: str, problem: str) -> None:
        super().__init__(f"{fault} does not apply: {problem}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedFault:
    """One fault; tests are what pytest is given before it is given everything."""

    name: str
    area: str
    breaks: str
    file: str
    search: str
    replace: str
    tests: tuple[str, ...]

    def broken(self, text: str) -> str:
        """Return the file's text with the fault in it; the text to break must stand there exactly once.

        Raises: FaultDoesNotApply.
        """
        times = text.count(self.search)
        if times != 1:
            raise FaultDoesNotApply(self.name, f"its text stands {times} times in {self.file}")
        broken = text.replace(self.search, self.replace)
        if broken == text:
            raise FaultDoesNotApply(self.name, "it changes nothing")
        if self.file.endswith(".py"):
            try:
                compile(broken, self.file, "exec")
            except SyntaxError as error:
                raise FaultDoesNotApply(self.name, f"it leaves no Python behind: {error}") from error
        return broken

    def plant(self, tree: Path) -> None:
        """Break the tree's file.

        Raises: FaultDoesNotApply.
        """
        path = tree / self.file
        if not path.is_file():
            raise FaultDoesNotApply(self.name, f"there is no {self.file}")
        path.write_text(self.broken(path.read_text(encoding="utf-8")), encoding="utf-8")


def load_faults() -> tuple[PlantedFault, ...]:
    """Return every fault, area by area in the order of their files."""
    found: list[PlantedFault] = []
    for path in sorted(FOLDER.glob("*.toml")):
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["fault"]:
            values = entry | {"tests": tuple(entry["tests"])}
            found.append(PlantedFault(area=path.stem, **values))
    return tuple(found)

"""Who watches a long work: told its steps, and how much of them is done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

_Row = TypeVar("_Row")


class Watcher(Protocol):
    """Is told of a work as it goes on; it decides what of it a person sees."""

    def tell(self, step: str) -> None:
        """Say what is worked on now."""

    def count(self, done: int, *, total: int | None, what: str) -> None:
        """Say how many are done of a step that goes on; total is None where nobody knows it."""


class Unwatched:
    """Nobody watches."""

    def tell(self, step: str) -> None:
        """Say nothing."""

    def count(self, done: int, *, total: int | None, what: str) -> None:
        """Say nothing."""


class Counted:
    """Counts for a watcher what passes, over several runs of rows if need be."""

    def __init__(self, watcher: Watcher, *, total: int | None, what: str) -> None:
        self._watcher = watcher
        self._total = total
        self._what = what
        self._done = 0

    def of(self, rows: Iterable[_Row]) -> Iterator[_Row]:
        """Yield the rows, and tell of each before it is worked on."""
        for row in rows:
            self._watcher.count(self._done, total=self._total, what=self._what)
            self._done += 1
            yield row

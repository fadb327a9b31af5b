"""Which commits of a walk are new: those that the head reaches and the last head collected does not.

GitHub lists a branch's history by date, so old commits of a branch that was merged late come after the last
collected head, and back-dated ones before. Dates play no part here: only parents do.
"""

from __future__ import annotations

from collections.abc import Sequence


class NewCommits:
    """The commits seen on the way down from a head, and whether all new ones were seen.

    Holds: when `is_closed`, `count` is the number of commits that the head reaches and `base` does not,
           provided that base is one of the head's ancestors.
    """

    def __init__(self, base: str) -> None:
        self._parents: dict[str, Sequence[str]] = {}
        self._old = {base}
        self._missing: set[str] = set()

    def add(self, oid: str, parents: Sequence[str]) -> bool:
        """Take the next commit of the listing; say whether it may be new."""
        self._parents[oid] = parents
        self._missing.discard(oid)
        if oid in self._old:
            self._age(parents)
            return False
        self._missing.update(
            parent for parent in parents if parent not in self._parents and parent not in self._old
        )
        return True

    @property
    def is_closed(self) -> bool:
        """Say whether every parent of a new commit was seen, or is old."""
        return bool(self._parents) and not self._missing

    @property
    def count(self) -> int:
        """Return how many of the seen commits are not known to be old."""
        return sum(oid not in self._old for oid in self._parents)

    def _age(self, oids: Sequence[str]) -> None:
        """Mark commits and all that was seen below them as old."""
        waiting = list(oids)
        while waiting:
            oid = waiting.pop()
            if oid in self._old:
                continue
            self._old.add(oid)
            self._missing.discard(oid)
            waiting.extend(self._parents.get(oid, ()))

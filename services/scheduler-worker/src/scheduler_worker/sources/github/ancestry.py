"""Which commits of a walk are new: those that the head reaches and the last head collected does not.

GitHub lists a branch's history by date, so old commits of a branch that was merged late come after the last
collected head, and back-dated ones before. Dates play no part here: only parents do.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Sequence
from typing import Final

from scheduler_worker.sources.github.refusals import GithubCursorInvalid

MAX_BYTES: Final = 134_217_728  # of what a cursor carries, unpacked: some 1.5 million commits


class NewCommits:
    """The commits seen on the way down from a head, and whether all new ones were seen.

    Holds: when `is_closed`, all commits that the head reaches and `base` does not were seen, provided that base is
           one of the head's ancestors. `count` is how many of the seen ones may be new: never less than are, and
           more where an old one came before what tells that it is old. At the end of the listing it is exact.
    """

    def __init__(self, base: str) -> None:
        self._parents: dict[str, Sequence[str]] = {}
        self._old = {base}
        self._missing: set[str] = set()
        self.count = 0

    @classmethod
    def read(cls, base: str, listed: str | None) -> NewCommits:
        """Return what was known when `text` was written, by reasoning again over what was listed then.

        Raises: GithubCursorInvalid.
        """
        found = cls(base)
        for line in () if listed is None else _unpacked(listed).splitlines():
            oid, *parents = line.split(" ")
            found.add(oid, parents)
        return found

    def text(self) -> str:
        """Return what was listed, packed: each commit's id and its parents', in the order of the listing."""
        lines = "\n".join(" ".join((oid, *parents)) for oid, parents in self._parents.items())
        return base64.b64encode(zlib.compress(lines.encode("ascii"), 6)).decode("ascii")

    def add(self, oid: str, parents: Sequence[str]) -> bool:
        """Take the next commit of the listing; say whether it may be new."""
        is_known = oid in self._parents
        self._parents[oid] = parents
        self._missing.discard(oid)
        if oid in self._old:
            self._age(parents)
            return False
        self.count += not is_known
        self._missing.update(
            parent for parent in parents if parent not in self._parents and parent not in self._old
        )
        return True

    @property
    def is_closed(self) -> bool:
        """Say whether every parent of a new commit was seen, or is old."""
        return bool(self._parents) and not self._missing

    @property
    def listed_count(self) -> int:
        """Return how many commits were listed."""
        return len(self._parents)

    def _age(self, oids: Sequence[str]) -> None:
        """Mark commits and all that was seen below them as old."""
        waiting = list(oids)
        while waiting:
            oid = waiting.pop()
            if oid in self._old:
                continue
            self._old.add(oid)
            self._missing.discard(oid)
            self.count -= oid in self._parents
            waiting.extend(self._parents.get(oid, ()))


def _unpacked(text: str) -> str:
    try:
        unpacking = zlib.decompressobj()
        data = unpacking.decompress(base64.b64decode(text, validate=True), MAX_BYTES)
        lines = data.decode("ascii")
    except (ValueError, zlib.error, binascii.Error):
        raise GithubCursorInvalid("holds no list of commits") from None
    if not unpacking.eof:
        raise GithubCursorInvalid("holds a list of commits that is cut off, or too large")
    return lines

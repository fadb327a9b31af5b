"""Reading commits from git's output: NUL-ended fields, a fixed number a commit, in bounded memory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from scheduler_worker.sources.git.refusals import GitOutputUnreadable

# -z ends the last field of each commit. Trailers are git's own reading of the last paragraph, one a line:
# `unfold` leaves no line break in a value, whereas any other separator could stand in one.
_FIELDS: Final = (
    "%H",
    "%P",
    "%an",
    "%ae",
    "%at",
    "%cn",
    "%ce",
    "%ct",
    "%s",
    "%(trailers:key=Co-authored-by,valueonly=true,unfold=true)",
)
LOG_FORMAT: Final = "%x00".join(_FIELDS)

MAX_FIELD_BYTES: Final = 1 << 20  # a field is cut here; the longest real trailer blocks have some KiB
_OBJECT_ID: Final = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit as git shows it: bytes in UTF-8 where its encoding was told rightly, else as they were.

    Holds: `trailers` are whole values; `trailers_cut` tells that more followed than MAX_FIELD_BYTES.
    """

    sha: str
    parents: tuple[str, ...]
    author_name: bytes
    author_email: bytes
    author_time: bytes
    committer_name: bytes
    committer_email: bytes
    committer_time: bytes
    subject: bytes
    trailers: tuple[bytes, ...]
    trailers_cut: bool


def read_commits(chunks: Iterable[bytes]) -> Iterator[Commit]:
    """Yield the commits of git's output as it comes.

    Raises: GitOutputUnreadable when it breaks off, or a field is not what was asked for.
    """
    fields = _fields(chunks)
    while record := list(islice(fields, len(_FIELDS))):
        if len(record) != len(_FIELDS):
            raise GitOutputUnreadable("it breaks off within a commit")
        yield _commit(record)


def _fields(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *complete, rest = (rest + chunk).split(b"\0")
        for field in complete:
            yield field[: MAX_FIELD_BYTES + 1]
        # One byte more than the limit tells that the field is cut; what is added later is cut off again.
        rest = rest[: MAX_FIELD_BYTES + 1]
    if rest:
        raise GitOutputUnreadable("it breaks off within a field")


def _commit(record: list[bytes]) -> Commit:
    sha, parents, name, email, time, committer_name, committer_email, committer_time, subject, trailers = (
        record
    )
    if _OBJECT_ID.fullmatch(sha) is None:
        raise GitOutputUnreadable("a commit's id is missing where it should be")
    trailers_cut = len(trailers) > MAX_FIELD_BYTES
    values = trailers[:MAX_FIELD_BYTES].split(b"\n")
    values.pop()  # nothing when whole, as each value ends its line; else the one that was cut
    return Commit(
        sha=sha.decode("ascii"),
        parents=_parents(parents, id_bytes=len(sha)),
        author_name=name,
        author_email=email,
        author_time=time,
        committer_name=committer_name,
        committer_email=committer_email,
        committer_time=committer_time,
        subject=subject,
        trailers=tuple(values),
        trailers_cut=trailers_cut,
    )


def _parents(field: bytes, *, id_bytes: int) -> tuple[str, ...]:
    parents = field[:MAX_FIELD_BYTES].split()
    if len(field) > MAX_FIELD_BYTES:
        parents.pop()  # cut in two, maybe; a parent too few only leaves a tip too many in the cursor
    if not all(len(parent) == id_bytes and _OBJECT_ID.fullmatch(parent) for parent in parents):
        raise GitOutputUnreadable("a parent's id is not what it should be")
    return tuple(parent.decode("ascii") for parent in parents)

"""The lines of a file as it was when it was opened, in bounded memory."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from attrs import frozen

from ledger_core.errors import SourceUnavailable
from scheduler_worker.sources.jsonl.refusals import JsonlFileTooLarge, JsonlFileUnreadable

MAX_LINE_BYTES: Final = (
    131_072  # metadata has at most 65,536 in canonical form; escapes and spaces may double it
)
MAX_FILE_LINES: Final = 100_000  # written by hand: a hundred a week for twenty years
MAX_FILE_BYTES: Final = 67_108_864
_CHUNK_BYTES: Final = 1 << 18


@frozen(kw_only=True)
class FileLine:
    """One line: its number from 1, its bytes with the end of line, and how many bytes there are up to its end.

    Holds: `is_cut` tells that it has more than MAX_LINE_BYTES, and that `data` is only their beginning.
    """

    number: int
    data: bytes
    ends: int
    is_cut: bool = False


@frozen(kw_only=True)
class JsonlFile:
    """An opened file; only what it had at its opening is read, however it grows."""

    where: str
    size_bytes: int
    file: BinaryIO

    def hash_of_first(self, size_bytes: int) -> str | None:
        """Return the SHA-256 of so many first bytes; None where the file has fewer.

        Raises: SourceUnavailable.
        """
        if size_bytes > self.size_bytes:
            return None
        found = hashlib.sha256()
        self._seek()
        left = size_bytes
        while left:
            chunk = self._read(min(left, _CHUNK_BYTES))
            found.update(chunk)
            left -= len(chunk)
        return found.hexdigest()

    def lines(self) -> Iterator[FileLine]:
        """Yield every line; the last may lack its end.

        Raises: JsonlFileTooLarge, SourceUnavailable.
        """
        self._seek()
        number = ends = 0
        while ends < self.size_bytes:
            if number == MAX_FILE_LINES:
                raise JsonlFileTooLarge(self.where, limit=MAX_FILE_LINES, unit="lines")
            number += 1
            data = self._read_line(min(self.size_bytes - ends, MAX_LINE_BYTES + 2))
            ends += len(data)
            is_cut = len(data.rstrip(b"\r\n")) > MAX_LINE_BYTES
            part = data
            while not part.endswith(b"\n") and ends < self.size_bytes:
                part = self._read_line(min(self.size_bytes - ends, _CHUNK_BYTES))
                ends += len(part)
                is_cut = True
            yield FileLine(number=number, data=data, ends=ends, is_cut=is_cut)

    def _seek(self) -> None:
        self.file.seek(0)

    def _read(self, size: int) -> bytes:
        try:
            data = self.file.read(size)
        except OSError as error:
            raise SourceUnavailable("jsonl", f"{self.where}: {error.strerror}") from error
        return self._not_ended(data)

    def _read_line(self, size: int) -> bytes:
        try:
            data = self.file.readline(size)
        except OSError as error:
            raise SourceUnavailable("jsonl", f"{self.where}: {error.strerror}") from error
        return self._not_ended(data)

    def _not_ended(self, data: bytes) -> bytes:
        if not data:
            raise SourceUnavailable("jsonl", f"{self.where} became shorter while it was read")
        return data


@contextmanager
def opened_file(path: Path, *, where: str) -> Iterator[JsonlFile]:
    """Open an ordinary file; `where` is what refusals call it.

    Raises: JsonlFileUnreadable, JsonlFileTooLarge.
    """
    descriptor = _descriptor(path, where)
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise JsonlFileUnreadable(where, "it is no ordinary file")
        if facts.st_size > MAX_FILE_BYTES:
            raise JsonlFileTooLarge(where, limit=MAX_FILE_BYTES, unit="bytes")
        with open(descriptor, "rb", closefd=False) as file:
            yield JsonlFile(where=where, size_bytes=facts.st_size, file=file)
    finally:
        os.close(descriptor)


def _descriptor(path: Path, where: str) -> int:
    try:
        # Without O_NONBLOCK, a FIFO in the file's place would hold the worker for ever.
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) else "it is no path"
        raise JsonlFileUnreadable(where, problem or "it can't be opened") from error

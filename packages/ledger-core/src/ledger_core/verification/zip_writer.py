"""Writes the zip container of a bundle in one pass over its data, memory flat."""

from __future__ import annotations

import zlib
from hashlib import sha256
from typing import BinaryIO

from ledger_core.errors import InvalidValue
from ledger_core.verification.zip_layout import ZipEntry, directory, local_header


class ZipWriter:
    """Writes entries one after another to a seekable file, from where it stands.

    An entry's header comes before its content but holds its size and checksum; it is written twice, the
    second time with both, rather than followed by a descriptor that stored entries should not have.
    """

    def __init__(self, file: BinaryIO) -> None:
        if not file.seekable():
            raise InvalidValue("bundle file", "must be one that can seek")
        self._file = file
        self._start = file.tell()
        self._entries: list[ZipEntry] = []

    def begin(self, name: str) -> EntryWriter:
        """Begin an entry; the one before must have ended."""
        offset = self._entries[-1].end_offset if self._entries else 0
        empty = ZipEntry(name=name, size=0, crc=0, offset=offset)
        write_all(self._file, local_header(empty))
        return EntryWriter(self._file, empty)

    def end(self, writer: EntryWriter) -> None:
        """End the entry that was begun last."""
        entry = writer.entry()
        self._file.seek(self._start + entry.offset)
        write_all(self._file, local_header(entry))
        self._file.seek(self._start + entry.end_offset)
        self._entries.append(entry)

    def finish(self) -> int:
        """Write the directory; return the bytes of the whole."""
        tail = directory(self._entries)
        write_all(self._file, tail)
        return (self._entries[-1].end_offset if self._entries else 0) + len(tail)


class EntryWriter:
    """Takes one entry's content, and knows its size, lines and hashes."""

    def __init__(self, file: BinaryIO, empty: ZipEntry) -> None:
        self._file = file
        self._empty = empty
        self._crc = 0
        self._digest = sha256()
        self.size_bytes = 0

    def write(self, data: bytes) -> None:
        """Append data to the entry."""
        self._crc = zlib.crc32(data, self._crc)
        self._digest.update(data)
        self.size_bytes += len(data)
        write_all(self._file, data)

    def entry(self) -> ZipEntry:
        """Return the entry as it now is."""
        return ZipEntry(name=self._empty.name, size=self.size_bytes, crc=self._crc, offset=self._empty.offset)

    def sha256(self) -> str:
        """Return the SHA-256 hex of what was written."""
        return self._digest.hexdigest()


def write_all(file: BinaryIO, data: bytes) -> None:
    """Write data, or fail: an unbuffered file may take less than it was given.

    Raises: OSError.
    """
    if file.write(data) != len(data):
        raise OSError("the file took less than it was given")

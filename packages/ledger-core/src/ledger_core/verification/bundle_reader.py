"""Reads a bundle file by file and line by line, memory bounded by the longest line."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO, Final, TypeVar

from ledger_core.errors import InvalidValue, NotCanonical
from ledger_core.verification.bundle_format import (
    ENTRIES,
    FILES,
    MANIFEST,
    MAX_DOCUMENT_BYTES,
    MAX_LINE_BYTES,
    MAX_MANIFEST_BYTES,
    STATEMENT,
    FileSummary,
    Manifest,
    parse_manifest,
)
from ledger_core.verification.refusals import (
    BundleEntryMissing,
    BundleEntrySize,
    BundleEntryUnknown,
    BundleLayoutDiffers,
    BundleLineTooLong,
    BundleRecordInvalid,
)
from ledger_core.verification.report import Findings
from ledger_core.verification.zip_layout import ZipEntry
from ledger_core.verification.zip_reader import read_directory

_CHUNK_BYTES: Final = 2**16  # large enough that reading costs next to nothing beside hashing
_Record = TypeVar("_Record")


@dataclass(frozen=True, slots=True)
class Bundle:
    """An opened bundle whose container is exactly that of the format."""

    file: BinaryIO
    entries: dict[str, ZipEntry]
    manifest: Manifest

    def check_files(self, findings: Findings) -> str:
        """Compare every entry with the zip's checksum and with the manifest; return the statement's hash."""
        found: dict[str, FileSummary] = {}
        for name in ENTRIES:
            crc, found[name] = self._summarize(self.entries[name])
            stated_crc = self.entries[name].crc
            findings.compare("files", f"{name} CRC-32", expected=f"{stated_crc:08x}", found=f"{crc:08x}")
            if name in self.manifest.files:
                stated = self.manifest.files[name]
                for what, expected, actual in (
                    ("bytes", stated.size_bytes, found[name].size_bytes),
                    ("records", stated.records, found[name].records),
                    ("sha256", stated.sha256, found[name].sha256),
                ):
                    findings.compare("files", f"{name} {what}", expected=expected, found=actual)
        return found[STATEMENT].sha256

    def statement(self, parse: Callable[[bytes], _Record]) -> tuple[_Record, bytes]:
        """Return what statement.json parses to, and its bytes.

        Raises: BundleRefused.
        """
        document = _content(self.file, self.entries[STATEMENT])
        return _parsed(STATEMENT, 1, parse, document), document

    def records(self, name: str, parse: Callable[[bytes], _Record]) -> Iterator[tuple[int, _Record]]:
        """Yield the number and the parsed record of each line; no other file may be read meanwhile.

        Raises: BundleRefused.
        """
        entry = self.entries[name]
        limit_bytes = MAX_LINE_BYTES[name]
        remaining = entry.size
        number = 0
        self.file.seek(entry.data_offset)
        while remaining > 0:
            number += 1
            line = self.file.readline(min(remaining, limit_bytes + 1))
            remaining -= len(line)
            if not line.endswith(b"\n"):
                if len(line) > limit_bytes:
                    raise BundleLineTooLong(name, number, limit_bytes)
                raise BundleRecordInvalid(name, number, "the line has no end")
            try:
                record = parse(line[:-1])
            except (NotCanonical, InvalidValue) as error:
                raise BundleRecordInvalid(name, number, str(error)) from error
            yield number, record

    def _summarize(self, entry: ZipEntry) -> tuple[int, FileSummary]:
        digest = sha256()
        crc = 0
        lines = 0
        remaining = entry.size
        self.file.seek(entry.data_offset)
        while remaining > 0:
            chunk = self.file.read(min(remaining, _CHUNK_BYTES))
            if not chunk:
                break  # the file shrank while it was read: the sizes differ, which the caller reports
            remaining -= len(chunk)
            digest.update(chunk)
            crc = zlib.crc32(chunk, crc)
            lines += chunk.count(b"\n")
        summary = FileSummary(
            size_bytes=entry.size - remaining,
            records=1 if entry.name == STATEMENT else lines,
            sha256=digest.hexdigest(),
        )
        return crc, summary


def open_bundle(file: BinaryIO) -> Bundle:
    """Return the bundle in a seekable file, its container and manifest checked for their form.

    Raises: BundleRefused.
    """
    entries = {entry.name: entry for entry in read_directory(file)}
    if MANIFEST not in entries:
        raise BundleEntryMissing(MANIFEST)
    if entries[MANIFEST].size > MAX_MANIFEST_BYTES:
        raise BundleEntrySize(MANIFEST)
    # Before the other names: a later format may have others, and its name says more than theirs.
    manifest = _parsed(MANIFEST, 1, parse_manifest, _content(file, entries[MANIFEST]))
    for name in entries:
        if name not in ENTRIES:
            raise BundleEntryUnknown(name)
    for name in FILES:
        if name not in entries:
            raise BundleEntryMissing(name)
    if tuple(entries) != ENTRIES:
        raise BundleLayoutDiffers("its entries are in another order")
    if entries[STATEMENT].size > MAX_DOCUMENT_BYTES:
        raise BundleEntrySize(STATEMENT)
    return Bundle(file, entries, manifest)


def _content(file: BinaryIO, entry: ZipEntry) -> bytes:
    file.seek(entry.data_offset)
    return file.read(entry.size)


def _parsed(name: str, number: int, parse: Callable[[bytes], _Record], data: bytes) -> _Record:
    try:
        return parse(data)
    except (NotCanonical, InvalidValue) as error:
        raise BundleRecordInvalid(name, number, str(error)) from error

"""Reads the zip container of a bundle, refusing every byte that the layout would not have.

The directory is read leniently first, so that each wrong thing gets its name; then the whole container
is built again from the names, sizes and checksums found, and must equal the file. What two zip readers
could understand differently (overlaps, gaps, comments, second directories, extra fields) cannot pass.
"""

from __future__ import annotations

import struct
from typing import BinaryIO, Final

from ledger_core.verification import zip_layout as layout
from ledger_core.verification.refusals import (
    BundleEntryCompressed,
    BundleEntryEncrypted,
    BundleEntryRepeated,
    BundleEntrySize,
    BundleEntryUnknown,
    BundleLayoutDiffers,
    BundleTruncated,
    NotABundle,
)
from ledger_core.verification.zip_layout import ZipEntry

MAX_DIRECTORY_BYTES: Final = 65_536  # a bundle's is under 1,000; room for later formats
MAX_COMMENT_BYTES: Final = 65_535  # zip's own limit
_ENCRYPTED_FLAGS: Final = 1 | 1 << 6 | 1 << 13


def read_directory(file: BinaryIO) -> tuple[ZipEntry, ...]:
    """Return the entries of a file that is exactly what the layout makes of them, in their order.

    Holds:  every byte outside the entries' contents is accounted for; contents do not overlap and fill
            the rest. The contents themselves, and the checksums, are left to the caller.
    Raises: BundleRefused.
    """
    file_bytes = file.seek(0, 2)
    central, central_offset = _read_central(file, file_bytes)
    entries = _parse_central(central, file_bytes)
    offset = 0
    for entry in entries:
        if entry.offset != offset or entry.end_offset > central_offset:
            raise BundleEntrySize(entry.name)
        file.seek(offset)
        header = layout.local_header(entry)
        if file.read(len(header)) != header:
            raise BundleLayoutDiffers(f"the header of {entry.name} differs from the directory")
        offset = entry.end_offset
    file.seek(offset)
    expected = layout.directory(entries)
    if file_bytes - offset != len(expected) or file.read(len(expected) + 1) != expected:
        raise BundleLayoutDiffers("its directory or end records have other bytes")
    return entries


def _read_central(file: BinaryIO, file_bytes: int) -> tuple[bytes, int]:
    """Return the central directory's bytes and offset, from whichever end record there is."""
    file.seek(0)
    if file.read(4) != layout.LOCAL_SIGNATURE:
        raise NotABundle("it does not begin as a zip file does")
    file.seek(max(0, file_bytes - MAX_COMMENT_BYTES - layout.TAIL_BYTES))
    tail = file.read(MAX_COMMENT_BYTES + layout.TAIL_BYTES)
    end_at = tail.rfind(layout.END_SIGNATURE)
    if end_at < 0 or end_at > len(tail) - layout.END.size:
        raise BundleTruncated
    if end_at < len(tail) - layout.END.size:
        raise BundleLayoutDiffers("something follows its end record")
    *_, size, offset, _ = layout.END.unpack(tail[-layout.END.size :])
    ending = tail[-layout.TAIL_BYTES :]
    if len(ending) == layout.TAIL_BYTES and ending.startswith(layout.END64_SIGNATURE):
        *_, size, offset = layout.END64.unpack(ending[: layout.END64.size])
    if size > MAX_DIRECTORY_BYTES or offset + size > file_bytes:
        raise BundleLayoutDiffers("its directory does not lie in the file, or is too large")
    file.seek(offset)
    return file.read(size), offset


def _parse_central(central: bytes, file_bytes: int) -> tuple[ZipEntry, ...]:
    entries: list[ZipEntry] = []
    names: set[str] = set()
    position = 0
    while position < len(central):
        try:
            entry, position = _parse_header(central, position)
        except struct.error as error:
            raise BundleLayoutDiffers("its directory ends within an entry") from error
        if entry.size > file_bytes:
            raise BundleEntrySize(entry.name)
        if entry.name in names:
            raise BundleEntryRepeated(entry.name)
        names.add(entry.name)
        entries.append(entry)
    return tuple(entries)


def _parse_header(central: bytes, position: int) -> tuple[ZipEntry, int]:
    (
        signature,
        _,
        _,
        flags,
        method,
        _,
        _,
        crc,
        packed,
        size,
        name_bytes,
        extra_bytes,
        comment_bytes,
        *rest,
    ) = layout.CENTRAL.unpack_from(central, position)
    if signature != layout.CENTRAL_SIGNATURE:
        raise BundleLayoutDiffers("its directory holds something that is no entry")
    name_at = position + layout.CENTRAL.size
    raw_name = central[name_at : name_at + name_bytes]
    name = raw_name.decode("ascii", "backslashreplace")
    if not raw_name.isascii():
        raise BundleEntryUnknown(name)
    if flags & _ENCRYPTED_FLAGS:
        raise BundleEntryEncrypted(name)
    if method != 0:
        raise BundleEntryCompressed(name)
    offset = rest[-1]
    if packed == size == offset == layout.SATURATED_32:
        _, _, size, packed, offset = layout.PLACE64.unpack_from(central, name_at + name_bytes)
    if packed != size:
        raise BundleEntrySize(name)
    next_position = name_at + name_bytes + extra_bytes + comment_bytes
    return ZipEntry(name=name, size=size, crc=crc, offset=offset), next_position

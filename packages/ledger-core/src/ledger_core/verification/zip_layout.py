"""The zip container of a bundle, byte for byte: one layout, with nothing left to choose.

Entries are stored, never compressed, as a compressor's output differs between its builds. Every entry
and the end of the file use the 64-bit forms, however small: without a threshold there is one layout.
Clock, modes and system are constants. So the bytes follow from the names, sizes and contents alone.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LOCAL_SIGNATURE: Final = b"PK\x03\x04"
CENTRAL_SIGNATURE: Final = b"PK\x01\x02"
END64_SIGNATURE: Final = b"PK\x06\x06"
LOCATOR_SIGNATURE: Final = b"PK\x06\x07"
END_SIGNATURE: Final = b"PK\x05\x06"

LOCAL: Final = struct.Struct("<4s5H3L2H")
CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
END64: Final = struct.Struct("<4sQ2H2L4Q")
LOCATOR: Final = struct.Struct("<4sLQL")
END: Final = struct.Struct("<4s4H2LH")
SIZES64: Final = struct.Struct("<2H2Q")  # the extra field of a local header
PLACE64: Final = struct.Struct("<2H3Q")  # the extra field of a central header
TAIL_BYTES: Final = END64.size + LOCATOR.size + END.size

SATURATED_16: Final = 0xFFFF  # "look into the 64-bit form"
SATURATED_32: Final = 0xFFFF_FFFF
_VERSION: Final = 45  # 4.5: the first with 64-bit sizes
_MADE_BY: Final = 3 << 8 | _VERSION  # Unix
_STORED: Final = 0
_TIME: Final = 0
_DATE: Final = 1 << 5 | 1  # 1980-01-01, the first day that zip knows
_MODE: Final = 0o100644 << 16
_EXTRA_64: Final = 1
_END64_REST_BYTES: Final = END64.size - 12  # what follows the record's own length field


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipEntry:
    """One stored entry: its name, its size in bytes, its CRC-32, and where its local header begins."""

    name: str
    size: int
    crc: int
    offset: int

    @property
    def data_offset(self) -> int:
        """Return where its content begins."""
        return self.offset + len(local_header(self))

    @property
    def end_offset(self) -> int:
        """Return where the next header begins."""
        return self.data_offset + self.size


def local_header(entry: ZipEntry) -> bytes:
    """Return what stands before an entry's content."""
    name = entry.name.encode("ascii")
    header = LOCAL.pack(
        LOCAL_SIGNATURE,
        _VERSION,
        0,
        _STORED,
        _TIME,
        _DATE,
        entry.crc,
        SATURATED_32,
        SATURATED_32,
        len(name),
        SIZES64.size,
    )
    return header + name + SIZES64.pack(_EXTRA_64, SIZES64.size - 4, entry.size, entry.size)


def directory(entries: Sequence[ZipEntry]) -> bytes:
    """Return what stands after the last entry's content: the central directory and the end records."""
    offset = entries[-1].end_offset if entries else 0
    central = b"".join([_central_header(entry) for entry in entries])
    count = len(entries)
    end64 = END64.pack(
        END64_SIGNATURE,
        _END64_REST_BYTES,
        _MADE_BY,
        _VERSION,
        0,
        0,
        count,
        count,
        len(central),
        offset,
    )
    locator = LOCATOR.pack(LOCATOR_SIGNATURE, 0, offset + len(central), 1)
    end = END.pack(END_SIGNATURE, 0, 0, SATURATED_16, SATURATED_16, SATURATED_32, SATURATED_32, 0)
    return central + end64 + locator + end


def _central_header(entry: ZipEntry) -> bytes:
    name = entry.name.encode("ascii")
    header = CENTRAL.pack(
        CENTRAL_SIGNATURE,
        _MADE_BY,
        _VERSION,
        0,
        _STORED,
        _TIME,
        _DATE,
        entry.crc,
        SATURATED_32,
        SATURATED_32,
        len(name),
        PLACE64.size,
        0,
        0,
        0,
        _MODE,
        SATURATED_32,
    )
    return header + name + PLACE64.pack(_EXTRA_64, PLACE64.size - 4, entry.size, entry.size, entry.offset)

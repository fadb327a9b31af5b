"""Sets of item numbers as short text: what a walk has seen so far, to be kept in its cursor."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterable
from typing import Final

from scheduler_worker.sources.github.refusals import GithubCursorInvalid

MAX_BYTES: Final = 16_777_216  # of the set's bitmap: numbers up to 134 million


def numbers_text(numbers: Iterable[int]) -> str:
    """Return the numbers as text: a compressed bitmap, at most a bit for each number up to the largest."""
    data = bytearray()
    for number in sorted(numbers):
        place = number // 8
        data.extend(bytes(place + 1 - len(data)))
        data[place] |= 1 << number % 8
    return base64.b85encode(zlib.compress(bytes(data), 6)).decode("ascii")


def parse_numbers(text: str) -> set[int]:
    """Return the numbers of a text that numbers_text wrote.

    Raises: GithubCursorInvalid.
    """
    try:
        unpacking = zlib.decompressobj()
        data = unpacking.decompress(base64.b85decode(text), MAX_BYTES)
    except (ValueError, zlib.error, binascii.Error):
        raise GithubCursorInvalid("holds no set of numbers") from None
    if not unpacking.eof:
        raise GithubCursorInvalid("holds a set of numbers that is cut off, or too large")
    return {8 * place + bit for place, byte in enumerate(data) if byte for bit in range(8) if byte >> bit & 1}

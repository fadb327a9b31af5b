"""Reads canonical JSON as `parse_canonical_json` does, several times as fast: a bundle has many lines.

The gain is one encoder and decoder for all lines, and the sorting done in C. That sorts keys by code
point where the standard sorts by UTF-16 unit, and does not count levels; lines for which either could
matter go the slow way.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

from ledger_core.domain.canonical_json import MAX_DEPTH, MAX_SAFE_INTEGER, parse_canonical_json
from ledger_core.errors import NotCanonical

_BEYOND_BMP: Final = re.compile(b"[\xf0-\xff]")  # the first byte of such a character, or no UTF-8 at all
_MAX_INTEGER_CHARACTERS: Final = len(str(-MAX_SAFE_INTEGER))


def parse_canonical_line(line: bytes) -> Any:
    """Return the value of a canonical text, its objects' keys in the text's order.

    Raises: NotCanonical, exactly when parse_canonical_json does.
    """
    if line.count(b"{") + line.count(b"[") > MAX_DEPTH or _BEYOND_BMP.search(line) is not None:
        return parse_canonical_json(line)
    try:
        value = _DECODER.decode(line.decode("utf-8"))
        # A key twice is one key in value, so the text differs.
        if _SORTING_ENCODER.encode(value).encode("utf-8") == line:
            return value
    except ValueError as error:
        raise NotCanonical("the text is not JSON in UTF-8") from error
    raise NotCanonical("the text is JSON, but not in canonical form")


def canonical_part(value: Any) -> bytes:
    """Return the canonical text of a part of what parse_canonical_line returned.

    Holds: it is for such parts, and lists of them, only: their keys stand in canonical order.
    """
    return canonical_text(value).encode("utf-8")


def _refuse_number(_text: str) -> NoReturn:
    raise NotCanonical("a number is not an integer")


def _safe_integer(text: str) -> int:
    if len(text) > _MAX_INTEGER_CHARACTERS or abs(int(text)) > MAX_SAFE_INTEGER:
        raise NotCanonical("an integer lies beyond +-(2^53-1)")
    return int(text)


_DECODER: Final = json.JSONDecoder(
    parse_float=_refuse_number, parse_constant=_refuse_number, parse_int=_safe_integer
)
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))
_SORTING_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":"), sort_keys=True
)

canonical_text: Final = _ENCODER.encode  # the same before it is encoded; bound, as a bundle has many lines

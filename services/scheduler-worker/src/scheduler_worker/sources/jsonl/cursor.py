"""The cursor of a jsonl file: how much of it was collected, and the hash of exactly that."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from ledger_core.domain.canonical_json import canonical_json, parse_canonical_json
from ledger_core.errors import NotCanonical
from scheduler_worker.sources.jsonl.refusals import JsonlCursorInvalid

CURSOR_FORMAT: Final = 1
_MAX_CHARACTERS: Final = 200
_SHA256: Final = re.compile("[0-9a-f]{64}", re.ASCII)
_KEYS: Final = {"bytes", "format", "lines", "sha256"}


@frozen(kw_only=True)
class JsonlCursor:
    """The first `size_bytes` bytes of the file, which are `lines` lines, and their SHA-256 in hexadecimal."""

    size_bytes: int
    lines: int
    sha256: str


def cursor_text(cursor: JsonlCursor) -> str:
    """Return the one text of a cursor: `{"bytes":...,"format":1,"lines":...,"sha256":"..."}`."""
    return canonical_json(
        {
            "bytes": cursor.size_bytes,
            "format": CURSOR_FORMAT,
            "lines": cursor.lines,
            "sha256": cursor.sha256,
        }
    ).decode("ascii")


def parse_cursor(text: str) -> JsonlCursor:
    """Return the cursor that cursor_text wrote; every other text is refused.

    Raises: JsonlCursorInvalid.
    """
    if len(text) > _MAX_CHARACTERS:
        raise JsonlCursorInvalid(f"is longer than {_MAX_CHARACTERS} characters")
    try:
        value = parse_canonical_json(text.encode("utf-8", "surrogatepass"))
    except NotCanonical as error:
        raise JsonlCursorInvalid("is no canonical JSON") from error
    if not isinstance(value, dict) or set(value) != _KEYS:
        raise JsonlCursorInvalid("must be an object of bytes, format, lines and sha256")
    if type(value["format"]) is not int or value["format"] != CURSOR_FORMAT:
        raise JsonlCursorInvalid(f"must have format {CURSOR_FORMAT}")
    if any(type(value[key]) is not int or value[key] < 0 for key in ("bytes", "lines")):
        raise JsonlCursorInvalid("must count bytes and lines in whole numbers")
    if not isinstance(value["sha256"], str) or _SHA256.fullmatch(value["sha256"]) is None:
        raise JsonlCursorInvalid("must have a SHA-256 in lower-case hexadecimal")
    return JsonlCursor(size_bytes=value["bytes"], lines=value["lines"], sha256=value["sha256"])

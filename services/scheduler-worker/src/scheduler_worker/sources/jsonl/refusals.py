"""What the jsonl source refuses, each with its stable code; a bad line is named by its number."""

from __future__ import annotations

from typing import Final

from ledger_core.errors import LedgerError

MAX_QUOTED_CHARACTERS: Final = 60  # a field's name; enough to find it


def quoted(text: str) -> str:
    """Return text in printable ASCII on one line, anything else as `?`, shortened."""
    printable = "".join(letter if " " <= letter <= "~" else "?" for letter in text[:MAX_QUOTED_CHARACTERS])
    return printable + "..." if len(text) > MAX_QUOTED_CHARACTERS else printable


class JsonlLineRefused(LedgerError):
    """A line is no record; nothing of it, and nothing after it, was collected."""

    code = "jsonl-line-refused"

    def __init__(self, where: str, line: int, problem: str) -> None:
        """Name the file's source, the line from 1, and the problem in our own words."""
        super().__init__(f"{quoted(where)}, line {line}: {problem}")
        self.line = line
        self.problem = problem


class JsonlLineTooLong(JsonlLineRefused):
    """A line has more bytes than one may have."""

    code = "jsonl-line-too-long"


class JsonlLineNotUtf8(JsonlLineRefused):
    """A line is not in UTF-8, or begins with a byte order mark."""

    code = "jsonl-line-not-utf8"


class JsonlLineNotJson(JsonlLineRefused):
    """A line is not one object of JSON in the ledger's sense: no repeated key, no fraction."""

    code = "jsonl-line-not-json"


class JsonlFieldMissing(JsonlLineRefused):
    """A record lacks a field that it needs."""

    code = "jsonl-field-missing"


class JsonlFieldUnknown(JsonlLineRefused):
    """A record has a field that means nothing."""

    code = "jsonl-field-unknown"


class JsonlFieldInvalid(JsonlLineRefused):
    """A field's value is not one that it may have."""

    code = "jsonl-field-invalid"


class JsonlIdRepeated(JsonlLineRefused):
    """Two lines have the same id, so the second would never count."""

    code = "jsonl-id-repeated"


class JsonlFileUnreadable(LedgerError):
    """There is no such file, or it can't be read, or it is no ordinary file."""

    code = "jsonl-file-unreadable"

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{quoted(where)} can't be read: {problem}")
        self.problem = problem


class JsonlFileTooLarge(LedgerError):
    """The file has more bytes or lines than one source reads; more belongs in another."""

    code = "jsonl-file-too-large"

    def __init__(self, where: str, *, limit: int, unit: str) -> None:
        super().__init__(
            f"{quoted(where)} has more than {limit} {unit}; leave it as it is, and go on in another file with"
            " another name"
        )
        self.limit = limit
        self.unit = unit


class JsonlCursorInvalid(LedgerError):
    """The cursor's text was not written by this source."""

    code = "jsonl-cursor-invalid"

    def __init__(self, problem: str) -> None:
        super().__init__(f"the jsonl cursor {problem}")
        self.problem = problem

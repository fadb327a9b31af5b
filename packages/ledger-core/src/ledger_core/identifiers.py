"""The identifiers of the ledger and the one rule that all textual ones obey.

They are NewTypes: free at run time, checked where a value object that holds them is constructed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NewType, cast
from uuid import UUID

from ledger_core.errors import InvalidValue

NodeId = NewType("NodeId", UUID)
EpochId = NewType("EpochId", int)
UserId = NewType("UserId", str)
EventId = NewType("EventId", str)
ComponentId = NewType("ComponentId", str)

MAX_IDENTIFIER_CHARACTERS: Final = 255
MAX_BIGINT: Final = 2**63 - 1  # PostgreSQL's BIGINT

# Controls (C0, DEL, C1), the Unicode line and paragraph separators, and lone surrogates.
_FORBIDDEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# What Unicode 15 calls white space; written out, so that no Python version decides.
_WHITE_SPACE: Final = (
    " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
)
_NAME: Final = re.compile("[a-z][a-z0-9_.-]{0,62}", re.ASCII)


def is_identifier(text: str) -> bool:
    """Say whether text is 1 to 255 characters, without controls, separators or white space at its ends."""
    return (
        0 < len(text) <= MAX_IDENTIFIER_CHARACTERS
        and text[0] not in _WHITE_SPACE
        and text[-1] not in _WHITE_SPACE
        and _FORBIDDEN.search(text) is None
    )


def check_identifier(what: str, text: object) -> None:
    """Refuse what is no identifier, naming the thing (`what`) but not echoing its text.

    Raises: InvalidValue.
    """
    if not isinstance(text, str):
        raise InvalidValue(what, f"must be text, not {type(text).__name__}")
    if not is_identifier(text):
        raise InvalidValue(
            what,
            "must be 1 to 255 characters without control characters, line separators or outer white space",
        )


def is_name(text: object) -> bool:
    """Say whether text is a plain name."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def check_name(what: str, text: object) -> None:
    """Refuse what is no plain name: lower-case ASCII letters, digits, `_`, `-`, `.`, at most 63.

    Raises: InvalidValue.
    """
    if not is_name(text):
        raise InvalidValue(what, "must be 1 to 63 of a-z, 0-9, '_', '-', '.', and begin with a letter")


def check_text(what: str, text: object, *, most_characters: int) -> None:
    """Refuse what is no single line of 1 to most_characters without control characters.

    Raises: InvalidValue.
    """
    if not isinstance(text, str):
        raise InvalidValue(what, f"must be text, not {type(text).__name__}")
    if not 0 < len(text) <= most_characters or _FORBIDDEN.search(text) is not None:
        raise InvalidValue(what, f"must be one line of 1 to {most_characters} characters")


def check_bigint(what: str, value: object) -> None:
    """Refuse what is no integer from 0 to 2^63-1; a bool or a float is none (ALL_MATH_BIGINT).

    Raises: InvalidValue.
    """
    if type(value) is not int:
        raise InvalidValue(what, f"must be an integer, not {type(value).__name__}")
    if not 0 <= value <= MAX_BIGINT:
        raise InvalidValue(what, "must lie between 0 and 2^63-1")


def check_bigints(what: str, values: Sequence[object]) -> None:
    """Refuse the values if `check_bigint` refuses one of them; a million are looked at in hundredths of a second.

    Raises: InvalidValue.
    """
    if set(map(type, values)) == {int}:
        numbers = cast("Sequence[int]", values)
        if min(numbers) >= 0 and max(numbers) <= MAX_BIGINT:
            return
    for value in values:
        check_bigint(what, value)


def user_id(text: str) -> UserId:
    """Return text as a user id, checked.

    Raises: InvalidValue.
    """
    check_identifier("user id", text)
    return UserId(text)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class StreamRef:
    """One flow of events: source `git`, source_ref `owner/repo`, stream `commits`."""

    source: str
    source_ref: str
    stream: str

    def __post_init__(self) -> None:
        check_name("source", self.source)
        check_identifier("source reference", self.source_ref)
        check_name("stream", self.stream)

    def __str__(self) -> str:
        return f"{self.source}:{self.source_ref}:{self.stream}"

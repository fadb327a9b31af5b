"""Other people's text made inert: what moves a cursor, reverses a line or hides letters is replaced."""

from __future__ import annotations

import re
from typing import Final

# Controls, bidirectional overrides, line separators, lone surrogates: what moves a cursor or hides text.
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def printable(text: str) -> str:
    """Return text with every character that could act on a terminal, or on a reader's eye, replaced."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)

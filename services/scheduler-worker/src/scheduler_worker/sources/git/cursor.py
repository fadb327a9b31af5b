"""The cursor of a commit stream: the tips that were seen, as canonical JSON.

Whatever is reachable from the tips was yielded; nothing else was. Dates play no part.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from typing import Final

from ledger_core.domain.canonical_json import canonical_json, parse_canonical_json
from ledger_core.errors import NotCanonical
from scheduler_worker.sources.git.refusals import GitCursorInvalid, GitCursorTooLarge

CURSOR_FORMAT: Final = 1
MAX_TIPS: Final = 10_000  # open ends of history between two pages; the widest in the Linux kernel is hundreds
_MAX_CHARACTERS: Final = MAX_TIPS * (64 + 3) + 100  # SHA-256 ids, quotes and commas, and the frame
_OBJECT_ID: Final = re.compile("[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)


def cursor_text(tips: AbstractSet[str]) -> str:
    """Return the one text for these tips: `{"format":1,"tips":["<object id>",...]}`, sorted.

    Raises: GitCursorTooLarge for more than MAX_TIPS.
    """
    if len(tips) > MAX_TIPS:
        raise GitCursorTooLarge(len(tips), MAX_TIPS)
    return canonical_json({"format": CURSOR_FORMAT, "tips": tuple(sorted(tips))}).decode("ascii")


def parse_cursor(text: str) -> frozenset[str]:
    """Return the tips that cursor_text wrote; every other text is refused.

    Raises: GitCursorInvalid.
    """
    if len(text) > _MAX_CHARACTERS:
        raise GitCursorInvalid(f"is longer than {_MAX_CHARACTERS} characters")
    try:
        value = parse_canonical_json(text.encode("utf-8", "surrogatepass"))
    except NotCanonical as error:
        raise GitCursorInvalid("is no canonical JSON") from error
    if not isinstance(value, dict) or set(value) != {"format", "tips"}:
        raise GitCursorInvalid("must be an object of format and tips")
    if type(value["format"]) is not int or value["format"] != CURSOR_FORMAT:
        raise GitCursorInvalid(f"must have format {CURSOR_FORMAT}")
    tips = value["tips"]
    if not isinstance(tips, list) or not 0 < len(tips) <= MAX_TIPS:
        raise GitCursorInvalid(f"must list 1 to {MAX_TIPS} tips")
    if not all(isinstance(tip, str) and _OBJECT_ID.fullmatch(tip) for tip in tips):
        raise GitCursorInvalid("must list tips as whole object ids in lower-case hexadecimal")
    if tips != sorted(set(tips)):
        raise GitCursorInvalid("must list its tips once each, in order")
    return frozenset(tips)

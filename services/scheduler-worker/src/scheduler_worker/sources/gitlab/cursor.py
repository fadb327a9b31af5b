"""The cursor of a GitLab stream: its project, and up to when everything that was updated was read."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from attrs import frozen

from ledger_core.domain.canonical_json import canonical_json, parse_canonical_json
from ledger_core.domain.instant import instant_text, parse_instant
from ledger_core.errors import InvalidValue, NotCanonical
from scheduler_worker.sources.gitlab.refusals import GitlabCursorInvalid

VERSION: Final = 1
_MAX_CHARACTERS: Final = 200


@frozen(kw_only=True)
class GitlabCursor:
    """Everything updated before `since` was read (None: nothing was yet); at that instant something may be new."""

    project: int
    since: datetime | None = None


def cursor_text(cursor: GitlabCursor) -> str:
    """Return the one text of a cursor: `{"project":42,"since":"2026-11-16T00:00:00Z","v":1}`."""
    since = None if cursor.since is None else instant_text(cursor.since)
    return canonical_json({"project": cursor.project, "since": since, "v": VERSION}).decode("ascii")


def parse_cursor(text: str) -> GitlabCursor:
    """Return the cursor that cursor_text wrote; every other text is refused.

    Raises: GitlabCursorInvalid.
    """
    if len(text) > _MAX_CHARACTERS:
        raise GitlabCursorInvalid(f"is longer than {_MAX_CHARACTERS} characters")
    try:
        value = parse_canonical_json(text.encode("utf-8", "surrogatepass"))
    except NotCanonical as error:
        raise GitlabCursorInvalid("is no canonical JSON") from error
    if not isinstance(value, dict) or set(value) != {"project", "since", "v"} or value["v"] != VERSION:
        raise GitlabCursorInvalid(f"is not of version {VERSION}")
    project, since = value["project"], value["since"]
    if type(project) is not int or project < 0 or not isinstance(since, str | None):
        raise GitlabCursorInvalid("names no project, or no time")
    try:
        return GitlabCursor(project=project, since=None if since is None else parse_instant(since))
    except InvalidValue as error:
        raise GitlabCursorInvalid("holds a time that is none") from error

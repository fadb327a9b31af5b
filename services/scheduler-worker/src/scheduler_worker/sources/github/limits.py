"""What an answer means for the next request: go on, wait so long, ask for less, or a refusal.

GitHub's rules (its documentation on rate limits, 2026-11): a primary limit is an answer of status 200 with an
error, or 403/429 with nothing remaining until a reset; a secondary one is 403 or 429, with `retry-after` or
without, and then at least a minute; a query that took ten seconds is 502 or 504, or a part of the data.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from scheduler_worker.sources.github.refusals import (
    GithubForbidden,
    GithubNotFound,
    GithubPageCursorRefused,
    GithubRequestRefused,
    GithubSamlRequired,
)
from scheduler_worker.sources.http import Answer
from scheduler_worker.sources.json_body import parse_json
from scheduler_worker.sources.server_clock import MAX_WAIT_SECONDS, ServerClock

SECONDARY_SECONDS: Final = 60  # what the documentation asks for where no header says more
_LIMITED: Final = {"RATE_LIMITED", "RATE_LIMIT"}
_SECONDARY: Final = (b"secondary rate limit", b"abuse detection")
_SERVER_TROUBLE: Final = range(500, 600)


class Limited(Exception):
    """GitHub wants no more requests for so many seconds."""

    def __init__(self, reason: str, seconds: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.seconds = seconds


class AnswerTooHeavy(Exception):
    """The request failed on GitHub's side, or came back in part: a smaller page may pass."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def check_answer(answer: Answer, *, what: str, clock: ServerClock) -> None:
    """Let an answer of status 200 to 399 and 404 pass; `what` names the thing asked for, in a refusal.

    Raises: Limited, AnswerTooHeavy, GithubSamlRequired, GithubForbidden, GithubNotFound, GithubRequestRefused.
    """
    wait = _wait_seconds(answer, clock)
    if wait is not None:
        raise Limited(f"it limits requests (status {answer.status})", wait)
    if answer.status in _SERVER_TROUBLE:
        raise AnswerTooHeavy(f"it failed with status {answer.status}")
    if answer.status == 403:  # noqa: PLR2004 - HTTP
        if "x-github-sso" in answer.headers:
            raise GithubSamlRequired(what)
        raise GithubForbidden(what, _message(answer))
    if answer.status == 404:  # noqa: PLR2004 - HTTP
        raise GithubNotFound(what)
    if answer.status >= 400:  # noqa: PLR2004 - HTTP
        raise GithubRequestRefused(answer.status, _message(answer))


def check_errors(errors: object, answer: Answer, *, what: str, clock: ServerClock) -> None:
    """Refuse an answer of GraphQL that names errors, whatever data it has beside them: it is not whole.

    Raises: Limited, AnswerTooHeavy, GithubPageCursorRefused, GithubSamlRequired, GithubForbidden, GithubNotFound,
            GithubRequestRefused.
    """
    if not errors:
        return
    found = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    kinds = {error.get("type") for error in found if isinstance(error.get("type"), str)}
    messages = [error.get("message") for error in found]
    extensions = [error.get("extensions") for error in found]
    if kinds & _LIMITED:
        raise Limited("its hourly limit is used up", _reset_seconds(answer, clock) or SECONDARY_SECONDS)
    if any(isinstance(text, str) and "secondary rate limit" in text.lower() for text in messages):
        raise Limited("it limits requests", _digits(answer, "retry-after") or SECONDARY_SECONDS)
    if any(isinstance(more, dict) and more.get("saml_failure") is True for more in extensions):
        raise GithubSamlRequired(what)
    if kinds & {"FORBIDDEN", "INSUFFICIENT_SCOPES"}:
        raise GithubForbidden(what, messages[0])
    if "NOT_FOUND" in kinds:
        raise GithubNotFound(what)
    if "INVALID_CURSOR_ARGUMENTS" in kinds:
        raise GithubPageCursorRefused(answer.status, messages[0])
    if any(isinstance(more, dict) and isinstance(more.get("code"), str) for more in extensions):
        raise GithubRequestRefused(answer.status, messages[0])  # a query that does not fit its schema
    raise AnswerTooHeavy("it answered in part")


def _wait_seconds(answer: Answer, clock: ServerClock) -> int | None:
    asked = _digits(answer, "retry-after")
    if answer.status == 503 and asked is not None:  # noqa: PLR2004 - HTTP
        return asked
    if answer.status not in {403, 429}:
        return None
    if asked is not None:
        return asked
    if answer.headers.get("x-ratelimit-remaining") == "0":
        return _reset_seconds(answer, clock) or SECONDARY_SECONDS
    is_secondary = answer.status == 429 or any(words in answer.body.lower() for words in _SECONDARY)  # noqa: PLR2004
    return SECONDARY_SECONDS if is_secondary else None


def _reset_seconds(answer: Answer, clock: ServerClock) -> int | None:
    reset = answer.headers.get("x-ratelimit-reset", "")
    if not (reset.isascii() and reset.isdigit() and len(reset) <= 11):  # noqa: PLR2004 - seconds, past the year 5000
        return None
    return clock.seconds_until(datetime.fromtimestamp(int(reset), tz=UTC))


def _digits(answer: Answer, header: str) -> int | None:
    text = answer.headers.get(header, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 9):  # noqa: PLR2004 - thirty years
        return None
    return min(MAX_WAIT_SECONDS, max(1, int(text)))


def _message(answer: Answer) -> object:
    try:
        parsed = parse_json(answer.body)
    except ValueError:
        return None
    return parsed.get("message") if isinstance(parsed, dict) else None

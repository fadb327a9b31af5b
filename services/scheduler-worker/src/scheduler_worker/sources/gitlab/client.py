"""Talking to GitLab's REST API: a token, rate limits and faults; nothing about activity.

A short wait (a minute in all, for one reading) is waited in place. A longer one is raised as the port's
SourceUnavailable with what GitLab asked for, so that no worker's slot is held.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from attrs import frozen

from ledger_core.errors import SourceUnavailable
from scheduler_worker.sources.gitlab.refusals import (
    GitlabCredentialsRefused,
    GitlabCredentialsUnusable,
    GitlabForbidden,
    GitlabNotFound,
    GitlabRequestRefused,
)
from scheduler_worker.sources.http import Answer, ConnectionFailed, Http
from scheduler_worker.sources.json_body import parse_json
from scheduler_worker.sources.server_clock import MAX_WAIT_SECONDS, ServerClock

NAME: Final = "GitLab"
CREDENTIAL_HEADER: Final = "PRIVATE-TOKEN"
PATIENCE_SECONDS: Final = 60  # waited in place by one reading, in all
FIRST_BACKOFF_SECONDS: Final = 1  # doubled each time: 1, 2, 4, 8, 16 is what the patience allows
UNTOLD_LIMIT_SECONDS: Final = 60  # limits are by the minute; old servers do not say how much of it is left
_TOKEN: Final = re.compile("[!-~]{1,4096}", re.ASCII)
_SECONDS: Final = re.compile("[0-9]{1,11}", re.ASCII)
_REDIRECTS: Final = {301, 302, 307, 308}
_REFUSED: Final = {403: GitlabForbidden, 404: GitlabNotFound}
_OK, _BAD_REQUEST, _UNAUTHORIZED, _TOO_MANY, _SERVER_TROUBLE, _BUSY = 200, 400, 401, 429, 500, 503


@frozen(kw_only=True)
class Got:
    """A parsed answer, its headers, and where it says that the thing has moved to."""

    value: object
    headers: Mapping[str, str]
    moved_to: str | None = None


class GitlabClient:
    """One server and one token, for any number of threads and readings."""

    def __init__(
        self,
        *,
        http: Http,
        base_url: str,
        environment: Mapping[str, str],
        token_variable: str,
        clock: Callable[[], datetime],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Name the server, `https://HOST/api/v4`; the token is looked up when a request needs it."""
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._environment = environment
        self._token_variable = token_variable
        self._clock = ServerClock(clock)
        self._pause = pause

    def reading(self) -> Reading:
        """Begin to read."""
        return Reading(self._send, self._clock, self._pause)

    def _send(self, path: str) -> Answer:
        token = self._environment.get(self._token_variable, "")
        if not token:
            raise GitlabCredentialsUnusable(self._token_variable, "is not set; it must hold a GitLab token")
        if _TOKEN.fullmatch(token) is None:
            raise GitlabCredentialsUnusable(self._token_variable, "holds what can't be a GitLab token")
        answer = self._http.send("GET", self._base_url + path, authorization=token)
        self._clock.note(answer)
        return answer


class Reading:
    """One reading of a stream, and its patience."""

    def __init__(
        self, send: Callable[[str], Answer], clock: ServerClock, pause: Callable[[float], None]
    ) -> None:
        self._send = send
        self._clock = clock
        self._pause = pause
        self._patience_seconds = PATIENCE_SECONDS
        self._backoff_seconds = FIRST_BACKOFF_SECONDS

    def server_now(self) -> datetime:
        """Return the time by the server's clock, as its last answer told it."""
        return self._clock.now()

    def get(self, path: str, query: Mapping[str, str] | None = None, *, what: str) -> Got:
        """Return the parsed answer to a GET; `what` names the thing asked for, in a refusal.

        Raises: SourceUnavailable; GitlabRefusals.
        """
        target = path if not query else f"{path}?{urlencode(query)}"
        while True:
            try:
                answer = self._send(target)
            except ConnectionFailed as failure:
                self._back_off(failure.reason)
                continue
            if answer.status in _REDIRECTS:
                return Got(value=None, headers=answer.headers, moved_to=answer.headers.get("location", ""))
            if not self._waited_for(answer) and (got := self._read(answer, what)) is not None:
                self._backoff_seconds = FIRST_BACKOFF_SECONDS
                return got

    def _waited_for(self, answer: Answer) -> bool:
        asked = self._asked_seconds(answer)
        if answer.status == _TOO_MANY or (answer.status == _BUSY and asked is not None):
            self._wait(asked or UNTOLD_LIMIT_SECONDS, "it limits requests", asked=True)
            return True
        if answer.status >= _SERVER_TROUBLE:
            self._back_off(f"it failed with status {answer.status}")
            return True
        return False

    def _read(self, answer: Answer, what: str) -> Got | None:
        if answer.status == _UNAUTHORIZED:
            raise GitlabCredentialsRefused
        if answer.status in _REFUSED:
            raise _REFUSED[answer.status](what)
        if answer.status != _OK:
            raise GitlabRequestRefused(what, answer.status)
        try:
            return Got(value=parse_json(answer.body), headers=answer.headers)
        except ValueError:
            self._back_off("the answer broke off")
            return None

    def _asked_seconds(self, answer: Answer) -> int | None:
        asked = answer.headers.get("retry-after", "")
        if _SECONDS.fullmatch(asked):
            return min(MAX_WAIT_SECONDS, max(1, int(asked)))
        reset = answer.headers.get("ratelimit-reset", "")
        if _SECONDS.fullmatch(reset):
            return self._clock.seconds_until(datetime.fromtimestamp(int(reset), tz=UTC))
        return None

    def wait_a_moment(self, reason: str) -> None:
        """Wait in place while the patience lasts, longer each time.

        Raises: SourceUnavailable when it is used up.
        """
        self._back_off(reason)

    def _back_off(self, reason: str) -> None:
        seconds = self._backoff_seconds
        self._backoff_seconds *= 2
        self._wait(seconds, reason, asked=False)

    def _wait(self, seconds: int, reason: str, *, asked: bool) -> None:
        if seconds > self._patience_seconds:
            raise SourceUnavailable(NAME, reason, retry_after_seconds=seconds if asked else None)
        self._patience_seconds -= seconds
        self._pause(seconds)

"""Talking to GitHub: GraphQL and REST, with credentials, rate limits and faults; nothing about activity.

A short wait (a minute in all, for one reading) is waited in place. A longer one is raised as the port's
SourceUnavailable with what GitHub asked for, so that no worker's slot is held.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from ledger_core.errors import SourceUnavailable
from scheduler_worker.sources.github.credentials import Credentials
from scheduler_worker.sources.github.fields import Fields
from scheduler_worker.sources.github.limits import (
    AnswerTooHeavy,
    Limited,
    check_answer,
    check_errors,
)
from scheduler_worker.sources.github.refusals import GithubAnswerUnreadable, GithubCredentialsRefused
from scheduler_worker.sources.http import Answer, ConnectionFailed, Http
from scheduler_worker.sources.json_body import parse_json
from scheduler_worker.sources.server_clock import ServerClock

NAME: Final = "GitHub"
PATIENCE_SECONDS: Final = 60  # waited in place by one reading, in all
FIRST_BACKOFF_SECONDS: Final = 1  # doubled each time: 1, 2, 4, 8, 16 is what the patience allows
RESERVED_PARTS: Final = 5  # one of so many parts of the hourly points is kept for what reads whole streams
_REDIRECTS: Final = {301, 302, 307, 308}
_UNAUTHORIZED: Final = 401


class GithubClient:
    """One server and one set of credentials, for any number of threads and readings."""

    def __init__(
        self,
        *,
        http: Http,
        base_url: str,
        credentials: Credentials,
        clock: ServerClock,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Name the server: `https://api.github.com`, or `https://HOST/api/v3` of an Enterprise one."""
        self._http = http
        self._rest_url = base_url.rstrip("/")
        root = self._rest_url.removesuffix("/v3") if self._rest_url.endswith("/api/v3") else self._rest_url
        self._graphql_url = f"{root}/graphql"
        self._credentials = credentials
        self._clock = clock
        self._pause = pause
        self._lock = threading.Lock()
        self._left: dict[str, tuple[int, datetime]] = {}
        self._limits: dict[str, int] = {}
        self._costs: dict[str, int] = {}

    def reading(self, owner: str) -> Reading:
        """Begin to read repositories of an owner."""
        return Reading(self, owner, pause=self._pause)

    def ask_graphql(self, owner: str, query: str, variables: Mapping[str, object], *, what: str) -> Fields:
        """Return the data of one query, whole.

        Raises: Limited, AnswerTooHeavy, ConnectionFailed; GithubRefusals.
        """
        self._check_budget(owner, query)
        body = json.dumps({"query": query, "variables": dict(variables)}).encode()
        answer = self._send("POST", self._graphql_url, owner, body=body)
        check_answer(answer, what=what, clock=self._clock)
        told = Fields(_parsed(answer), "answer")
        check_errors(told.raw("errors"), answer, what=what, clock=self._clock)
        data = told.fields("data")
        self._note_budget(owner, query, data.find_fields("rateLimit"))
        return data

    def ask_rest(self, owner: str, path: str, *, what: str) -> tuple[object, Mapping[str, str]]:
        """Return the parsed answer to a GET, and its headers; follows one redirect on the same server.

        Raises: Limited, AnswerTooHeavy, ConnectionFailed; GithubRefusals.
        """
        answer = self._send("GET", self._rest_url + path, owner)
        target = answer.headers.get("location", "")
        if answer.status in _REDIRECTS and target.startswith(self._rest_url + "/"):
            answer = self._send("GET", target, owner)
        check_answer(answer, what=what, clock=self._clock)
        return _parsed(answer), answer.headers

    def server_now(self) -> datetime:
        """Return the time by the server's clock, as its last answer told it."""
        return self._clock.now()

    def remaining(self, owner: str) -> tuple[int, datetime] | None:
        """Return the points left to the owner's credentials, and when they are renewed, as last told."""
        with self._lock:
            return self._left.get(self._credentials.bucket(owner))

    def seconds_until_more(self, owner: str) -> int | None:
        """Return the seconds until the points are renewed, if no more than the reserved part is left; else None."""
        bucket = self._credentials.bucket(owner)
        with self._lock:
            left, limit = self._left.get(bucket), self._limits.get(bucket, 0)
        if left is None or left[0] * RESERVED_PARTS > limit or left[1] <= self._clock.now():
            return None
        return self._clock.seconds_until(left[1])

    def _send(self, method: str, url: str, owner: str, *, body: bytes | None = None) -> Answer:
        for is_last in (False, True):
            authorization = self._credentials.authorization(owner, self._ask_as_app)
            answer = self._http.send(method, url, authorization=authorization, body=body)
            self._clock.note(answer)
            if answer.status != _UNAUTHORIZED:
                return answer
            # An installation's token may have been revoked before its time; a personal one has no other.
            if is_last or not self._credentials.forget(owner, authorization):
                break
        raise GithubCredentialsRefused("the token")

    def _ask_as_app(self, method: str, path: str, authorization: str) -> object:
        answer = self._http.send(method, self._rest_url + path, authorization=authorization)
        self._clock.note(answer)
        if answer.status == _UNAUTHORIZED:
            raise GithubCredentialsRefused("the app's id and key")
        check_answer(answer, what="the app's installations", clock=self._clock)
        return _parsed(answer)

    def _check_budget(self, owner: str, query: str) -> None:
        """Wait for the reset rather than run into the limit.

        Raises: Limited.
        """
        with self._lock:
            left, cost = self._left.get(self._credentials.bucket(owner)), self._costs.get(query, 1)
        if left is not None and left[0] < cost and left[1] > self._clock.now():
            raise Limited("its hourly limit is used up", self._clock.seconds_until(left[1]))

    def _note_budget(self, owner: str, query: str, told: Fields | None) -> None:
        if told is None:  # an Enterprise server without limits
            return
        with self._lock:
            bucket = self._credentials.bucket(owner)
            self._left[bucket] = (told.whole("remaining"), told.instant("resetAt"))
            self._limits[bucket] = told.whole("limit")
            self._costs[query] = told.whole("cost")


class Reading:
    """One reading of a stream: its patience, and its page size, which faults make smaller."""

    def __init__(self, client: GithubClient, owner: str, *, pause: Callable[[float], None]) -> None:
        self._client = client
        self._pause = pause
        self._patience_seconds = PATIENCE_SECONDS
        self._backoff_seconds = FIRST_BACKOFF_SECONDS
        self._page_size: int | None = None
        self.owner = owner

    def server_now(self) -> datetime:
        """Return the server's time."""
        return self._client.server_now()

    def leave_reserve(self) -> None:
        """Ask for nothing while the rest of the hourly limit is kept for what reads whole streams.

        Raises: SourceUnavailable, with the time until the reset.
        """
        seconds = self._client.seconds_until_more(self.owner)
        if seconds is not None:
            raise SourceUnavailable(
                NAME, "the rest of its hourly limit is kept for collections", retry_after_seconds=seconds
            )

    def query(self, text: str, *, what: str, **variables: object) -> Fields:
        """Return the data of a query that has no pages, trying again where that may help.

        Raises: SourceUnavailable, GithubRefusals.
        """
        while True:
            try:
                return self._asked(text, variables, what=what)
            except AnswerTooHeavy as trouble:
                self._back_off(trouble.reason)

    def page(self, text: str, *, most: int, what: str, **variables: object) -> Fields:
        """Return the data of one page, of half the size after each failure, then slowly of `most` again.

        Raises: GithubPageCursorRefused; SourceUnavailable, GithubRefusals.
        """
        while True:
            first = min(most, self._page_size or most)
            try:
                data = self._asked(text, {**variables, "first": first}, what=what)
            except AnswerTooHeavy as trouble:
                self._page_size = max(1, first // 2)
                self._back_off(trouble.reason)
            else:
                self._page_size = min(most, first * 2)
                return data

    def rest(self, path: str, *, what: str) -> tuple[object, Mapping[str, str]]:
        """Return the parsed answer to a GET, and its headers.

        Raises: SourceUnavailable, GithubRefusals.
        """
        while True:
            try:
                return self._client.ask_rest(self.owner, path, what=what)
            except Limited as limit:
                self._wait(limit.seconds, limit.reason, asked=True)
            except (AnswerTooHeavy, ConnectionFailed) as trouble:
                self._back_off(trouble.reason)

    def wait_a_moment(self, seconds: int, reason: str) -> None:
        """Wait in place while the patience lasts.

        Raises: SourceUnavailable when it is used up.
        """
        self._wait(seconds, reason, asked=False)

    def _asked(self, text: str, variables: Mapping[str, object], *, what: str) -> Fields:
        while True:
            try:
                data = self._client.ask_graphql(self.owner, text, variables, what=what)
            except Limited as limit:
                self._wait(limit.seconds, limit.reason, asked=True)
            except ConnectionFailed as failure:
                self._back_off(failure.reason)
            else:
                self._backoff_seconds = FIRST_BACKOFF_SECONDS
                return data

    def _back_off(self, reason: str) -> None:
        seconds = self._backoff_seconds
        self._backoff_seconds *= 2
        self._wait(seconds, reason, asked=False)

    def _wait(self, seconds: int, reason: str, *, asked: bool) -> None:
        if seconds > self._patience_seconds:
            raise SourceUnavailable(NAME, reason, retry_after_seconds=seconds if asked else None)
        self._patience_seconds -= seconds
        self._pause(seconds)


def _parsed(answer: Answer) -> object:
    try:
        return parse_json(answer.body)
    except ValueError:
        if answer.status == 200:  # noqa: PLR2004 - HTTP
            raise AnswerTooHeavy("the answer broke off") from None
        raise GithubAnswerUnreadable("answer", "is no JSON") from None

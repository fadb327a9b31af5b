"""HTTP: one request, one answer. The only module that names the client library (httpx)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Protocol, Self

import httpx
from attrs import field, frozen

MAX_BODY_BYTES: Final = 33_554_432  # a page of a hundred large items has less than 1 MiB
CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 30.0  # GitHub gives up on a query after ten
GITHUB_JSON: Final = "application/vnd.github+json"
USER_AGENT: Final = "cogni-ledger"  # GitHub refuses requests without one


class ConnectionFailed(Exception):
    """No whole answer came; trying again may help. The reason is in our words, never in the other side's."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@frozen(kw_only=True)
class Answer:
    """Status, headers with lower-case names, and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Http(Protocol):
    """What sends a request and returns its answer."""

    def send(self, method: str, url: str, *, authorization: str, body: bytes | None = None) -> Answer:
        """Send one request.

        Raises: ConnectionFailed.
        """


class HttpConnections:
    """A pool of kept connections; safe to use from many threads. Redirects are answers, not followed."""

    def __init__(self, *, accept: str = GITHUB_JSON, credential_header: str = "Authorization") -> None:
        """Say what answers are wanted, and which header carries the credentials."""
        self._credential_header = credential_header
        logging.getLogger("httpx").setLevel(logging.WARNING)  # a line a request otherwise
        self._client = httpx.Client(
            headers={"User-Agent": USER_AGENT, "Accept": accept},
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(self, method: str, url: str, *, authorization: str, body: bytes | None = None) -> Answer:
        """Send one request and read its answer to the end, up to MAX_BODY_BYTES.

        Raises: ConnectionFailed.
        """
        headers = {self._credential_header: authorization}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            with self._client.stream(method, url, headers=headers, content=body) as answer:
                return Answer(
                    status=answer.status_code,
                    headers={name.lower(): value for name, value in answer.headers.items()},
                    body=_whole_body(answer),
                )
        except httpx.TimeoutException:
            raise ConnectionFailed("it did not answer in time") from None
        except httpx.RemoteProtocolError:
            raise ConnectionFailed("the answer broke off") from None
        except httpx.HTTPError as error:
            # The library's own text may quote the address or what the other side sent.
            raise ConnectionFailed(f"no connection ({type(error).__name__})") from None


def _whole_body(answer: httpx.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    for part in answer.iter_bytes():
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise ConnectionFailed("the answer is larger than any page")
        parts.append(part)
    return b"".join(parts)

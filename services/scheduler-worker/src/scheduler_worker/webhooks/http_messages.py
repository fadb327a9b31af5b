"""The ASGI side of a request and an answer: its headers, its body within limits, and what is sent back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any, Final

from attrs import field, frozen

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

SMALL_BODY_BYTES: Final = 2**18  # most deliveries have a tenth of it
DISCARD_SECONDS: Final = 2.0  # read and thrown away, so that whoever still sends gets to see the answer


@frozen(kw_only=True)
class Answer:
    """A status, and in JSON what is to say."""

    status: HTTPStatus
    facts: Mapping[str, object] = field(factory=dict)
    headers: Mapping[str, str] = field(factory=dict)


class Refused(Exception):
    """The request is answered before it is a delivery; its body may not have been read to the end."""

    def __init__(self, status: HTTPStatus, reason: str, *, is_read: bool = False, **headers: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_read = is_read
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answer = Answer(status=status, facts={"reason": reason}, headers=named)


class SenderGone(Exception):
    """Whoever sent the request has gone before its end; there is nobody to answer."""


class HeldBytes:
    """How many bytes of large bodies all requests hold together, which is limited.

    Holds: the first SMALL_BODY_BYTES of each body are not counted, so that a few large ones, signed by nobody, keep
           no small one out; how many bodies there are at once is limited elsewhere.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0

    def take(self, count: int) -> bool:
        """Hold so many more, unless that were too many."""
        if self._held + count > self._most:
            return False
        self._held += count
        return True

    def give_back(self, count: int) -> None:
        """Let go of so many."""
        self._held -= count


def single_header(scope: Scope, name: bytes) -> bytes | None:
    """Return the header's value.

    Raises: Refused when it is there more than once, as two readers could take one each.
    """
    values = [value for key, value in scope["headers"] if key == name]
    if len(values) > 1:
        raise Refused(HTTPStatus.BAD_REQUEST, "header-doubled")
    return values[0] if values else None


def counted(length: int) -> int:
    """Return how much of a body of this length counts as held."""
    return max(0, length - SMALL_BODY_BYTES)


async def read_body(receive: Receive, into: bytearray, *, most: int, held: HeldBytes) -> None:
    """Read the body to its end.

    Holds:  however much is sent, no more than `most` bytes and a chunk are kept.
    Raises: Refused when it is too large, or all requests together hold too much; SenderGone.
    """
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise SenderGone
        chunk, is_last = message.get("body", b""), not message.get("more_body", False)
        if len(into) + len(chunk) > most:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large", is_read=is_last)
        if not held.take(counted(len(into) + len(chunk)) - counted(len(into))):
            raise busy(is_read=is_last)
        into += chunk
        if is_last:
            return


async def discard(receive: Receive) -> None:
    """Read what is still being sent and throw it away, for a moment."""
    try:
        async with asyncio.timeout(DISCARD_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return


async def send_answer(send: Send, answer: Answer, *, with_body: bool = True) -> None:
    """Send the answer; the connection ends with it, so that no sender keeps one for itself."""
    body = json.dumps({"status": answer.status.phrase, **answer.facts}).encode() + b"\n"
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "cache-control": "no-store",
        "connection": "close",
        **answer.headers,
    }
    await send(
        {
            "type": "http.response.start",
            "status": answer.status.value,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body if with_body else b""})


def busy(*, is_read: bool = False) -> Refused:
    """Return the refusal of one request too many."""
    return Refused(HTTPStatus.SERVICE_UNAVAILABLE, "busy", is_read=is_read, retry_after="5")

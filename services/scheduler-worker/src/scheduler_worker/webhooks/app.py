"""The ASGI app that receives deliveries.

DELIVERY_SIGNED: nothing of a body is looked at before its signature is known to be right.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

from scheduler_worker.webhooks.http_messages import (
    Answer,
    HeldBytes,
    Receive,
    Refused,
    Scope,
    Send,
    SenderGone,
    busy,
    counted,
    discard,
    read_body,
    send_answer,
    single_header,
)
from scheduler_worker.webhooks.outcomes import FAILED, Outcomes
from scheduler_worker.webhooks.webhook_secrets import WebhookSecrets, find_digest

PATH: Final = "/webhooks/github"
MOST_BODY_BYTES: Final = 25 * 2**20  # GitHub sends no more
MOST_AT_ONCE: Final = 128
MOST_HELD_BYTES: Final = 64 * 2**20  # of all large bodies together
BODY_SECONDS: Final = 10.0  # GitHub gives up after as many
_EVENT: Final = re.compile(b"[a-z_]{1,60}")
_DELIVERY: Final = re.compile(b"[0-9a-fA-F-]{36}")
_LENGTH: Final = re.compile(b"[0-9]{1,18}")

logger = logging.getLogger(__name__)


class WebhookApp:
    """Answers POST on PATH, and GET on /healthz and /readyz.

    `take` gets the event's name and the body of a delivery whose signature is right; `is_ready` says whether
    deliveries can be passed on at the moment.
    """

    def __init__(
        self,
        *,
        secrets: WebhookSecrets,
        take: Callable[[str, bytes], Awaitable[Answer]],
        is_ready: Callable[[], Awaitable[bool]],
        outcomes: Outcomes,
        most_body_bytes: int = MOST_BODY_BYTES,
        body_seconds: float = BODY_SECONDS,
        most_at_once: int = MOST_AT_ONCE,
    ) -> None:
        self._secrets = secrets
        self._take = take
        self._is_ready = is_ready
        self._outcomes = outcomes
        self._most_body_bytes = most_body_bytes
        self._body_seconds = body_seconds
        self._most_at_once = most_at_once
        self._held = HeldBytes(MOST_HELD_BYTES)
        self._at_once = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever happens, there is an answer or nobody to hear it."""
        if scope["type"] != "http":
            return
        try:
            answer = await self._answer(scope, receive)
        except SenderGone:
            self._outcomes.refuse("sender-gone")
            return
        except Refused as refused:
            self._outcomes.refuse(refused.reason)
            if not refused.is_read:
                await discard(receive)
            answer = refused.answer
        except Exception:
            logger.exception("delivery_fault")
            self._outcomes.tell(FAILED, "fault")
            answer = Answer(status=HTTPStatus.INTERNAL_SERVER_ERROR)
        await send_answer(send, answer, with_body=scope["method"] != "HEAD")

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        if scope["path"] in {"/healthz", "/readyz"}:
            if scope["method"] not in {"GET", "HEAD"}:
                raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "method", allow="GET, HEAD")
            is_fine = scope["path"] == "/healthz" or await self._is_ready()
            return Answer(status=HTTPStatus.OK if is_fine else HTTPStatus.SERVICE_UNAVAILABLE)
        if scope["path"] != PATH:
            raise Refused(HTTPStatus.NOT_FOUND, "path")
        if scope["method"] != "POST":
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "method", allow="POST")
        if self._at_once >= self._most_at_once:
            raise busy()
        self._at_once += 1
        try:
            return await self._deliver(scope, receive)
        finally:
            self._at_once -= 1

    async def _deliver(self, scope: Scope, receive: Receive) -> Answer:
        event, digest = self._checked_head(scope)
        delivery = _delivery_id(scope)
        body = bytearray()
        try:
            try:
                async with asyncio.timeout(self._body_seconds):
                    await read_body(receive, body, most=self._most_body_bytes, held=self._held)
            except TimeoutError:
                raise Refused(HTTPStatus.REQUEST_TIMEOUT, "body-too-slow") from None
            if not self._secrets.has_signed(body, digest):
                raise Refused(HTTPStatus.FORBIDDEN, "signature-wrong", is_read=True)
            with self._outcomes.of_delivery(delivery):
                return await self._take(event, bytes(body))
        finally:
            self._held.give_back(counted(len(body)))

    def _checked_head(self, scope: Scope) -> tuple[str, bytes]:
        """Return the event's name and the signature's digest, which stand before the body.

        Raises: Refused.
        """
        signature = single_header(scope, b"x-hub-signature-256")
        if signature is None:
            raise Refused(HTTPStatus.FORBIDDEN, "signature-missing")
        digest = find_digest(signature)
        if digest is None:
            raise Refused(HTTPStatus.FORBIDDEN, "signature-malformed")
        event = single_header(scope, b"x-github-event") or b""
        if _EVENT.fullmatch(event) is None:
            raise Refused(HTTPStatus.BAD_REQUEST, "event-missing")
        kind = (single_header(scope, b"content-type") or b"").partition(b";")[0].strip().lower()
        if kind != b"application/json" or single_header(scope, b"content-encoding") is not None:
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "content-type-not-json")
        length = single_header(scope, b"content-length")
        is_told = length is not None and _LENGTH.fullmatch(length) is not None
        if length is not None and (not is_told or int(length) > self._most_body_bytes):
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large")
        return event.decode("ascii"), digest


def _delivery_id(scope: Scope) -> str | None:
    """Return GitHub's id of the delivery, where it looks like one."""
    found = single_header(scope, b"x-github-delivery") or b""
    return found.decode("ascii") if _DELIVERY.fullmatch(found) else None

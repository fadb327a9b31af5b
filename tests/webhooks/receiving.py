"""The receiving app behind its real HTTP server on loopback, and senders that keep to the rules or don't."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from temporalio.common import MetricMeter

from scheduler_worker.webhooks.app import PATH, WebhookApp
from scheduler_worker.webhooks.http_messages import Answer
from scheduler_worker.webhooks.outcomes import Outcomes
from scheduler_worker.webhooks.serving import _Server
from scheduler_worker.webhooks.webhook_secrets import WebhookSecrets
from tests.github_world.deliveries import SECRET, Delivery

SECRETS = WebhookSecrets(secrets=(SECRET.encode(),))
PATIENCE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Told:
    """An answer."""

    status: int
    headers: dict[str, str]
    facts: dict[str, Any]

    @property
    def outcome(self) -> tuple[int, object, object]:
        return self.status, self.facts.get("outcome"), self.facts.get("reason")


@dataclass(slots=True)
class Taker:
    """Takes deliveries, and keeps them."""

    taken: list[tuple[str, bytes]] = field(default_factory=list)
    gate: asyncio.Event | None = None  # what it waits for, if anything
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    async def has(self, count: int) -> None:
        """Wait until so many were taken."""
        while len(self.taken) < count:
            await asyncio.wait_for(self._came.wait(), PATIENCE_SECONDS)
            self._came.clear()

    async def take(self, event: str, body: bytes) -> Answer:
        self.taken.append((event, body))
        self._came.set()
        if self.gate is not None:
            await self.gate.wait()
        return Answer(status=HTTPStatus.ACCEPTED, facts={"outcome": "accepted"})


async def always_ready() -> bool:
    return True


def app_of(
    take: Callable[[str, bytes], Awaitable[Answer]],
    *,
    is_ready: Callable[[], Awaitable[bool]] = always_ready,
    **limits: Any,
) -> WebhookApp:
    limits.setdefault("secrets", SECRETS)
    limits.setdefault("outcomes", Outcomes(MetricMeter.noop))
    return WebhookApp(take=take, is_ready=is_ready, **limits)


@asynccontextmanager
async def served(app: WebhookApp, *, drain_seconds: int = 20) -> AsyncIterator[Sender]:
    """Serve the app for the length of the block."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = _Server()
        port = listening.getsockname()[1]
        serving = asyncio.create_task(server.run(app, listening, drain_seconds=drain_seconds))
        try:
            await _until_up(port)
            yield Sender(port, server, serving)
        finally:
            server.stop()
            await asyncio.wait_for(serving, PATIENCE_SECONDS)


async def _until_up(port: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends to the port: whole requests, or bytes of any kind."""

    port: int
    server: _Server
    serving: asyncio.Task[None]

    async def send(self, delivery: Delivery, **changed: str | None) -> Told:
        """Send a delivery as GitHub would; a header is changed, or left out where it is None."""
        return await self.post(delivery.body, headers_of(delivery, **changed))

    async def post(self, body: bytes, headers: Mapping[str, str], *, path: str = PATH) -> Told:
        head = {"Content-Length": str(len(body)), **headers}
        return await self.raw(request(head, path=path) + body)

    async def get(self, path: str, *, method: str = "GET") -> Told:
        return await self.raw(request({}, method=method, path=path))

    async def raw(self, *parts: bytes, pause_seconds: float = 0.0) -> Told:
        """Send bytes, and read the one answer, 0 where there is none; the connection must end by itself."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                    if pause_seconds:
                        await asyncio.sleep(pause_seconds)
                return parsed(await reader.read())
            except ConnectionError:  # a reset may overtake the answer
                return Told(0, {}, {})
            finally:
                writer.close()


def request(headers: Mapping[str, str], *, method: str = "POST", path: str = PATH) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: hooks.example.org"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def headers_of(delivery: Delivery, **changed: str | None) -> dict[str, str]:
    headers = delivery.headers()
    for name, value in changed.items():
        shown = name.replace("_", "-")
        found = next((known for known in headers if known.casefold() == shown.casefold()), shown)
        headers.pop(found, None)
        if value is not None:
            headers[found] = value
    return headers


def parsed(answer: bytes) -> Told:
    if not answer:
        return Told(0, {}, {})
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    is_json = headers.get("content-type") == "application/json"
    return Told(int(first.split(" ")[1]), headers, json.loads(body) if is_json and body else {})

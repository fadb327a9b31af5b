"""/healthz and /readyz: whether to restart this worker, and whether it takes work."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from ledger_core.errors import LedgerError
from scheduler_worker.operating_settings import Address

MAX_REQUEST_BYTES: Final = 8_192
REQUEST_SECONDS: Final = 5.0  # whoever asks slower is sent away
MAX_CONNECTIONS: Final = 32

logger = logging.getLogger(__name__)


class AddressUnusable(LedgerError):
    """An endpoint's address can't be listened on."""

    code = "address-unusable"

    def __init__(self, variable: str, address: Address, problem: str) -> None:
        super().__init__(f"{variable}: can't listen on {address}: {problem}")


class Stage(StrEnum):
    """Where a worker stands between its start and its end."""

    STARTING = "starting"
    RUNNING = "running"
    DRAINING = "draining"


class WorkerHealth:
    """What the endpoints answer from: the stage, whether the worker runs, and which servers answer."""

    def __init__(self) -> None:
        self.stage = Stage.STARTING
        self._is_running: Callable[[], bool] = lambda: True
        self._servers: Callable[[], Mapping[str, bool]] = dict

    def started(self, *, is_running: Callable[[], bool], servers: Callable[[], Mapping[str, bool]]) -> None:
        """Say that the worker runs, and how to tell whether it still does and which servers answer it."""
        self._is_running, self._servers = is_running, servers
        self.stage = Stage.RUNNING

    def draining(self) -> None:
        """Say that the worker takes no more work."""
        self.stage = Stage.DRAINING

    def alive(self) -> tuple[bool, dict[str, object]]:
        """Say whether the process does its job; one that waits for its servers, or drains, does."""
        is_alive = self.stage is not Stage.RUNNING or self._is_running()
        return is_alive, {"stage": self.stage, "worker": "running" if is_alive else "stopped"}

    def ready(self) -> tuple[bool, dict[str, object]]:
        """Say whether the worker takes work and can do it: started, not draining, every server answering."""
        is_alive, facts = self.alive()
        servers = self._servers()
        is_ready = is_alive and self.stage is Stage.RUNNING and bool(servers) and all(servers.values())
        return is_ready, facts | {
            name: "reachable" if answers else "unreachable" for name, answers in sorted(servers.items())
        }


@asynccontextmanager
async def served_health(address: Address | None, health: WorkerHealth) -> AsyncIterator[int | None]:
    """Answer on the address for the length of the block; yield the port, None where none is asked for.

    Raises: AddressUnusable.
    """
    if address is None:
        yield None
        return
    answering = _Answering(health)
    try:
        server = await asyncio.start_server(
            answering.answer, address.host, address.port, limit=MAX_REQUEST_BYTES
        )
    except OSError as error:
        raise AddressUnusable("LEDGER_HEALTH_ADDRESS", address, error.strerror or "unknown") from error
    port: int = server.sockets[0].getsockname()[1]
    logger.info("health_served", extra={"address": str(Address(host=address.host, port=port))})
    try:
        yield port
    finally:
        server.close()  # connections end by themselves, within seconds


class _Answering:
    def __init__(self, health: WorkerHealth) -> None:
        self._health = health
        self._connections = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            if self._connections <= MAX_CONNECTIONS:
                with suppress(TimeoutError, ConnectionError):
                    async with asyncio.timeout(REQUEST_SECONDS):
                        writer.write(await self._response(reader))
                        await writer.drain()
        finally:
            self._connections -= 1
            writer.close()

    async def _response(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return _http(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, {})
        except asyncio.IncompleteReadError:
            return _http(HTTPStatus.BAD_REQUEST, {})
        method, _, rest = head.split(b"\r\n", 1)[0].partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        asked = {b"/healthz": self._health.alive, b"/readyz": self._health.ready}.get(path)
        if asked is None:
            return _http(HTTPStatus.NOT_FOUND, {})
        if method not in (b"GET", b"HEAD"):
            return _http(HTTPStatus.METHOD_NOT_ALLOWED, {})
        is_fine, facts = asked()
        status = HTTPStatus.OK if is_fine else HTTPStatus.SERVICE_UNAVAILABLE
        return _http(status, facts, body_is_sent=method == b"GET")


def _http(status: HTTPStatus, facts: Mapping[str, object], *, body_is_sent: bool = True) -> bytes:
    body = json.dumps({"status": status.phrase, **facts}).encode() + b"\n"
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (body if body_is_sent else b"")

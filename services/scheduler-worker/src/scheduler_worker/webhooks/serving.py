"""`ledger webhook serve`: connections to both servers, and an HTTP server until the process is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import uvicorn
from attrs import frozen
from temporalio.client import Client
from uvicorn.protocols.http.h11_impl import H11Protocol

from ledger_core.identifiers import NodeId
from scheduler_worker.bootstrap import read_payload_keys
from scheduler_worker.github_policy import GithubSourcePolicy
from scheduler_worker.health import AddressUnusable
from scheduler_worker.observability.core_runtime import create_runtime
from scheduler_worker.operating_settings import Address, OperatingSettings
from scheduler_worker.settings import Settings
from scheduler_worker.temporal_client import connected
from scheduler_worker.temporal_config import read_temporal_config
from scheduler_worker.waiting import wait_for_database, wait_for_namespace
from scheduler_worker.webhooks.app import PATH, WebhookApp
from scheduler_worker.webhooks.intake import Intake
from scheduler_worker.webhooks.outcomes import Outcomes
from scheduler_worker.webhooks.readiness import Readiness
from scheduler_worker.webhooks.webhook_secrets import WebhookSecrets

CONNECT_ATTEMPTS: Final = 8  # as a worker: about a minute for each server
NAMESPACE_ATTEMPTS: Final = 5
MOST_CONNECTIONS: Final = 256
HEAD_SECONDS: Final = 10.0  # for a request's head to be there: GitHub gives up after as many
MOST_HEAD_BYTES: Final = 16_384

logger = logging.getLogger(__name__)


@frozen(kw_only=True)
class Serving:
    """What is served: deliveries of which sources, signed with which secrets, where."""

    settings: Settings
    operating: OperatingSettings
    node_id: NodeId
    sources: tuple[GithubSourcePolicy, ...]
    secrets: WebhookSecrets
    address: Address
    most_body_bytes: int


async def serve_webhooks(serving: Serving) -> None:
    """Receive deliveries until SIGTERM or SIGINT; then take no more, answer what is under way, and stop.

    Raises: SettingMissing, DatabaseUnreachable, SchemaOutdated, TemporalConfigInvalid, TemporalUnreachable,
            NamespaceMissing, AddressUnusable.
    """
    server = _Server()
    work = asyncio.create_task(_serve(serving, server))
    was_told = False

    def stop() -> None:
        nonlocal was_told
        was_told = True
        if not server.stop():
            work.cancel()  # it still waits for PostgreSQL or Temporal

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await work
    except asyncio.CancelledError:
        if not was_told:
            raise
    logger.info("webhooks_stopped")


async def _serve(serving: Serving, server: _Server) -> None:
    read_temporal_config()
    database_url = serving.settings.required_database_url()
    read_keys = partial(read_payload_keys, database_url, serving.node_id, serving.settings.payload_keys)
    with _bound(serving.address) as listening:
        keys = await wait_for_database(read_keys, attempts=CONNECT_ATTEMPTS)
        runtime = create_runtime(serving.operating.metrics_address)
        async with connected(keys=keys, attempts=CONNECT_ATTEMPTS, runtime=runtime) as client:
            await wait_for_namespace(client, attempts=NAMESPACE_ATTEMPTS)
            app = _app(serving, client, id_key=keys.id_key, outcomes=Outcomes(runtime.metric_meter))
            where = Address(host=serving.address.host, port=listening.getsockname()[1])
            logger.info("webhooks_served", extra={"address": str(where), "path": PATH})
            await server.run(app, listening, drain_seconds=int(serving.operating.drain.total_seconds()))


def _app(serving: Serving, client: Client, *, id_key: bytes, outcomes: Outcomes) -> WebhookApp:
    intake = Intake(
        client=client,
        policies=serving.sources,
        task_queue=serving.settings.task_queue_of(serving.node_id),
        id_key=id_key,
        outcomes=outcomes,
    )
    return WebhookApp(
        secrets=serving.secrets,
        take=intake.take,
        is_ready=Readiness(intake.is_ready).is_ready,
        outcomes=outcomes,
        most_body_bytes=serving.most_body_bytes,
    )


@contextmanager
def _bound(address: Address) -> Iterator[socket.socket]:
    """Take the address at once, and listen only when there is somewhere to pass deliveries on to."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((address.host, address.port))
        except OSError as error:
            raise AddressUnusable("--listen", address, error.strerror or "unknown") from error
        yield made


class _Server:
    """The HTTP server, once it runs."""

    def __init__(self) -> None:
        self._server: _QuietServer | None = None

    async def run(self, app: WebhookApp, listening: socket.socket, *, drain_seconds: int) -> None:
        """Serve until told to stop; what is under way gets the time to drain."""
        config = uvicorn.Config(
            app,
            http=_PatientProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",  # a line for each malformed request is a stranger's to write
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=drain_seconds,
            h11_max_incomplete_event_size=MOST_HEAD_BYTES,
        )
        self._server = _QuietServer(config)
        await self._server.serve(sockets=[listening])

    def stop(self) -> bool:
        """Tell it to stop; say whether it ran."""
        if self._server is None:
            return False
        self._server.should_exit = True
        return True


class _QuietServer(uvicorn.Server):
    """A server that leaves signals to the process, which would otherwise end by one after it has drained."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class _PatientProtocol(H11Protocol):
    """A connection that has to say what it wants within a time, and is let go where there are too many.

    Each serves one request, as every answer closes it.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its own
        """Begin to wait for the request's head."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
            return
        self._head_due = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        if hasattr(self, "_head_due"):
            self._head_due.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if not self.cycle:  # None until the head is there
            self.transport.abort()

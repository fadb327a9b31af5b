"""Connecting to Temporal: its own environment configuration, patience, and a clean end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.runtime import Runtime
from temporalio.service import RPCError

from ledger_core.errors import LedgerError
from scheduler_worker.observability.tracing import tracing
from scheduler_worker.payload_codec import hiding_converter
from scheduler_worker.payload_keys import PayloadKeys

DEFAULT_ADDRESS: Final = "localhost:7233"
MAX_WAIT_SECONDS: Final = 15
# The SDK's native threads may still hold the interpreter when a process ends, and crash it
# (sdk-python#300: 3 to 15 % of processes; 0 of 100 with this pause).
LAST_BREATH_SECONDS: Final = 0.05

logger = logging.getLogger(__name__)


class TemporalUnreachable(LedgerError):
    """No Temporal server answers at the configured address."""

    code = "temporal-unreachable"

    def __init__(self, address: str) -> None:
        super().__init__(f"no Temporal server answers at {address}; check TEMPORAL_ADDRESS")
        self.address = address


class TemporalConfigInvalid(LedgerError):
    """Temporal's own environment variables, or the file that they name, make no sense."""

    code = "temporal-config-invalid"

    def __init__(self, problem: str) -> None:
        super().__init__(f"Temporal's environment configuration can't be used: {problem[:300]}")


@asynccontextmanager
async def connected(
    *,
    keys: PayloadKeys | None,
    attempts: int = 1,
    address: str | None = None,
    runtime: Runtime | None = None,
) -> AsyncIterator[Client]:
    """Connect to a server by its address, else by TEMPORAL_ADDRESS and the rest of Temporal's environment.

    Holds:  PAYLOADS_HIDDEN: nothing that is sent can be read without the keys; a client without keys can send and read nothing;
            it tries `attempts` times with growing pauses, and says so in the log; however it ends, the SDK's
            threads are at rest.
    Raises: TemporalUnreachable, TemporalConfigInvalid, TracingNotInstalled.
    """
    config: dict[str, Any] = {
        "target_host": address or DEFAULT_ADDRESS,
        "data_converter": hiding_converter(keys),
    }
    if address is None:
        try:
            config.update(ClientConfig.load_client_connect_config())
        except (RuntimeError, ValueError, OSError) as error:
            raise TemporalConfigInvalid(str(error)) from error
    target = str(config["target_host"])
    config["runtime"] = runtime
    with tracing() as interceptors:
        config["interceptors"] = interceptors
        try:
            yield await _connect(config, target, attempts)
        finally:
            await asyncio.sleep(LAST_BREATH_SECONDS)


async def _connect(config: dict[str, Any], target: str, attempts: int) -> Client:
    for attempt in range(attempts):
        try:
            return await Client.connect(**config)
        except (RuntimeError, RPCError) as error:
            if attempt == attempts - 1:
                raise TemporalUnreachable(target) from error
            pause = min(MAX_WAIT_SECONDS, 2**attempt)
            logger.warning("temporal_unreachable", extra={"address": target, "next_try_seconds": pause})
            await asyncio.sleep(pause)
    raise AssertionError("no attempt at all")

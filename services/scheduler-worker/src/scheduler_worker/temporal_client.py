"""Connecting to Temporal: its own environment configuration, patience, and a clean end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

from temporalio.client import Client
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode

from ledger_core.errors import LedgerError
from scheduler_worker.observability.tracing import tracing
from scheduler_worker.payload_codec import hiding_converter
from scheduler_worker.payload_keys import PayloadKeys
from scheduler_worker.temporal_config import read_temporal_config

MAX_WAIT_SECONDS: Final = 15
# The SDK's native threads may still hold the interpreter when a process ends, and crash it
# (sdk-python#300: 3 to 15 % of processes; 0 of 100 with this pause).
LAST_BREATH_SECONDS: Final = 0.05

logger = logging.getLogger(__name__)


# What the SDK's transport says when a connection fails, and what that means to whoever set it up.
_PROBLEMS: Final = (
    (
        "UnknownIssuer",
        "no authority that is trusted here signed its certificate; check TEMPORAL_TLS_SERVER_CA_CERT_PATH",
    ),
    (
        "BadSignature",
        "no authority that is trusted here signed its certificate; check TEMPORAL_TLS_SERVER_CA_CERT_PATH",
    ),
    (
        "NotValidForName",
        "its certificate is for another name; check TEMPORAL_ADDRESS and TEMPORAL_TLS_SERVER_NAME",
    ),
    ("Expired", "its certificate has expired"),
    ("InvalidCertificate", "its certificate is not valid"),
    ("InvalidContentType", "it speaks no TLS; check TEMPORAL_TLS"),
    (
        "call error after connection",
        "it ended the connection; it may want TLS (TEMPORAL_TLS), or a client's certificate that it knows",
    ),
)
_REFUSED: Final = {
    RPCStatusCode.UNAUTHENTICATED: "it does not know who this is; check TEMPORAL_API_KEY",
    RPCStatusCode.PERMISSION_DENIED: "it does not allow this; check TEMPORAL_API_KEY and TEMPORAL_NAMESPACE",
}


class TemporalUnreachable(LedgerError):
    """No Temporal server answers at the configured address, or it and this client do not come together."""

    code = "temporal-unreachable"

    def __init__(self, address: str, problem: str | None = None) -> None:
        super().__init__(
            f"no Temporal server answers at {address}; check TEMPORAL_ADDRESS"
            if problem is None
            else f"the Temporal server at {address} can't be used: {problem}"
        )
        self.address = address


class TemporalRefused(LedgerError):
    """The Temporal server answered, but will not do it: an unknown namespace, missing rights."""

    code = "temporal-refused"

    def __init__(self, message: str) -> None:
        super().__init__(f"Temporal refused: {message}")


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
    config: dict[str, Any] = read_temporal_config() if address is None else {"target_host": address}
    target = str(config["target_host"])
    config["data_converter"] = hiding_converter(keys)
    config["runtime"] = runtime
    with tracing() as interceptors:
        config["interceptors"] = interceptors
        try:
            yield await _connect(config, target, attempts)
        finally:
            await asyncio.sleep(LAST_BREATH_SECONDS)


def pauses(attempts: int) -> Iterator[int | None]:
    """Yield after each attempt the seconds until the next, growing; None after the last."""
    for attempt in range(attempts - 1):
        yield min(MAX_WAIT_SECONDS, 2**attempt)
    yield None


async def _connect(config: dict[str, Any], target: str, attempts: int) -> Client:
    for pause in pauses(attempts):
        try:
            return await Client.connect(**config)
        except (RuntimeError, ValueError, RPCError) as error:
            if pause is None:
                raise TemporalUnreachable(target, _problem_of(error)) from error
            logger.warning("temporal_unreachable", extra={"address": target, "next_try_seconds": pause})
            await asyncio.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def _problem_of(error: Exception) -> str | None:
    if isinstance(error, RPCError):
        return _REFUSED.get(error.status)
    words = str(error)
    if "TimeoutExpired" in words:  # the connection stands, and nobody speaks
        return None
    for status, refused in _REFUSED.items():
        if f"code: {status.name.title().replace('_', '')}" in words:
            return refused
    return next((problem for sign, problem in _PROBLEMS if sign in words), None)

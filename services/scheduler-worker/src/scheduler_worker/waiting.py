"""Patience at the start: a worker may come up before its servers do, and says what it waits for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final, TypeVar

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from ledger_core.errors import LedgerError
from scheduler_worker.bootstrap import DatabaseUnreachable
from scheduler_worker.temporal_client import TemporalUnreachable, pauses

_PATIENCE: Final = timedelta(seconds=10)
_SILENT: Final = {RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED}

_Used = TypeVar("_Used")

logger = logging.getLogger(__name__)


class NamespaceMissing(LedgerError):
    """The Temporal server answers, but has no such namespace."""

    code = "namespace-missing"

    def __init__(self, namespace: str) -> None:
        super().__init__(
            f"Temporal has no namespace {namespace}; create it"
            f" (`temporal operator namespace create -n {namespace}`) or set TEMPORAL_NAMESPACE"
        )
        self.namespace = namespace


async def wait_for_database(use: Callable[[], _Used], *, attempts: int) -> _Used:
    """Return what the first use of the database gives; one that may come up by itself is tried again, with growing pauses.

    Holds:  it is used on another thread, so that one that hangs keeps nobody from stopping.
    Raises: DatabaseUnreachable, at once where waiting does not help, as with a wrong password; SchemaOutdated.
    """
    for pause in pauses(attempts):
        try:
            return await asyncio.to_thread(use)
        except DatabaseUnreachable as error:
            if pause is None or not error.may_come_up:
                raise
            logger.warning(
                "database_unreachable", extra={"problem": error.problem, "next_try_seconds": pause}
            )
            await asyncio.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


async def wait_for_namespace(client: Client, *, attempts: int) -> None:
    """Return once the namespace is there: a server may answer before it has made it, or fall silent once more.

    Raises: NamespaceMissing, TemporalUnreachable.
    """
    for pause in pauses(attempts):
        try:
            return await check_namespace(client)
        except (NamespaceMissing, TemporalUnreachable) as error:
            if pause is None:
                raise
            logger.warning("namespace_awaited", extra={"problem": str(error), "next_try_seconds": pause})
            await asyncio.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


async def check_namespace(client: Client) -> None:
    """Return if the namespace is there, or if the server does not tell.

    Raises: NamespaceMissing, TemporalUnreachable.
    """
    try:
        await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace), timeout=_PATIENCE
        )
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise NamespaceMissing(client.namespace) from error
        if error.status in _SILENT:
            raise TemporalUnreachable(client.service_client.config.target_host) from error
        # Whoever may not look at namespaces may still work in one: the worker itself will see.

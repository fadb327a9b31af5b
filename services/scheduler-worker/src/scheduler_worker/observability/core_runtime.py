"""The SDK's native runtime: its metrics on one port, its own log lines among ours."""

from __future__ import annotations

import logging
from typing import Final

from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from scheduler_worker.health import AddressUnusable
from scheduler_worker.operating_settings import Address

CORE_LOGGER: Final = "temporalio.core"
# While a server is away, the client would say so at every retry, a line or two a second: the observer says it once.
_QUIET: Final = ",temporalio_client=ERROR"


def create_runtime(metrics_address: Address | None) -> Runtime:
    """Return a runtime that serves the SDK's metrics and the ledger's own at /metrics, where an address is given.

    Raises: AddressUnusable.
    """
    metrics = None
    if metrics_address is not None:
        metrics = PrometheusConfig(
            bind_address=str(metrics_address),
            counters_total_suffix=True,
            unit_suffix=True,
            durations_as_seconds=True,
        )
    core_filter = TelemetryFilter(core_level="WARN", other_level="ERROR").formatted() + _QUIET
    logging_config = LoggingConfig(
        filter=core_filter,
        forwarding=LogForwardingConfig(
            logger=logging.getLogger(CORE_LOGGER),
            append_target_to_name=False,
            append_log_fields_to_message=False,
        ),
    )
    try:
        return Runtime(
            telemetry=TelemetryConfig(logging=logging_config, metrics=metrics, attach_service_name=False)
        )
    except (ValueError, RuntimeError) as error:
        if metrics_address is None:
            raise
        raise AddressUnusable("LEDGER_METRICS_ADDRESS", metrics_address, str(error)) from error

"""`ledger worker`: the service itself."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import click

from scheduler_worker.cli.session import current_settings
from scheduler_worker.main import run_worker
from scheduler_worker.observability.log_lines import event_log
from scheduler_worker.operating_settings import read_log_format, read_operating_settings


@click.command()
@click.pass_obj
def worker(config: Path | None) -> None:
    """Run the worker until SIGTERM or ctrl-C, then drain and stop.

    \b
    Needs LEDGER_DATABASE_URL, ledger.toml, and TEMPORAL_ADDRESS with the rest of
    Temporal's own: TEMPORAL_NAMESPACE, TEMPORAL_TLS, TEMPORAL_API_KEY. May have
    LEDGER_HEALTH_ADDRESS for /healthz and /readyz, LEDGER_METRICS_ADDRESS for
    /metrics, and LEDGER_LOG_FORMAT, json or text.

    \b
    Example:
      ledger --config /etc/ledger.toml worker
    """
    with event_log(logging.INFO, read_log_format()):
        asyncio.run(run_worker(current_settings(config), read_operating_settings()))

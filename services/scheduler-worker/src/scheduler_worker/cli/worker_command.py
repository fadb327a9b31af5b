"""`ledger worker`: the service itself."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import click

from scheduler_worker.cli.session import current_settings
from scheduler_worker.main import run_worker
from scheduler_worker.observability.log_lines import event_log


@click.command()
@click.pass_obj
def worker(config: Path | None) -> None:
    """Run the worker until SIGTERM or ctrl-C, then drain and stop.

    \b
    Needs LEDGER_DATABASE_URL, ledger.toml, and TEMPORAL_ADDRESS with the rest of
    Temporal's own: TEMPORAL_NAMESPACE, TEMPORAL_TLS, TEMPORAL_API_KEY.

    \b
    Example:
      ledger --config /etc/ledger.toml worker
    """
    with event_log(logging.INFO):
        asyncio.run(run_worker(current_settings(config)))

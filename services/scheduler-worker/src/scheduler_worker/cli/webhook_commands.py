"""`ledger webhook`: receive what GitHub tells as it happens."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Final

import click

from scheduler_worker.cli.command_group import CommandGroup
from scheduler_worker.cli.named_sources import github_sources_of
from scheduler_worker.cli.session import current_policy, current_settings
from scheduler_worker.github_policy import DEFAULT_SOURCE
from scheduler_worker.observability.log_lines import event_log
from scheduler_worker.operating_settings import parse_address, read_log_format, read_operating_settings
from scheduler_worker.webhooks.serving import Serving, serve_webhooks
from scheduler_worker.webhooks.webhook_secrets import read_webhook_secrets

DEFAULT_LISTEN: Final = "127.0.0.1:8090"
MEGABYTE: Final = 2**20
MOST_MEGABYTES: Final = 25  # GitHub sends no more


@click.group(cls=CommandGroup)
def webhook() -> None:
    """Receive what GitHub tells as it happens."""


@webhook.command()
@click.option(
    "--source",
    "source_name",
    default=DEFAULT_SOURCE,
    show_default=True,
    metavar="SOURCE",
    help="`github`, or the name that ledger.toml gives an Enterprise server.",
)
@click.option(
    "--listen", default=DEFAULT_LISTEN, show_default=True, metavar="HOST:PORT", help="Where to listen."
)
@click.option(
    "--most-megabytes",
    type=click.IntRange(1, MOST_MEGABYTES),
    default=MOST_MEGABYTES,
    show_default=True,
    help="The largest delivery that is taken; GitHub sends up to 25.",
)
@click.pass_obj
def serve(config: Path | None, source_name: str, listen: str, most_megabytes: int) -> None:
    """Receive deliveries at /webhooks/github until SIGTERM or ctrl-C.

    Each is checked by its signature, and only names what to look at: the worker
    asks GitHub for it, and stores it as a collection would. What is missed, the
    next collection finds. /healthz and /readyz answer without a signature.

    \b
    Needs LEDGER_GITHUB_WEBHOOK_SECRETS (several by commas, to rotate one),
    ledger.toml, LEDGER_DATABASE_URL of a reader, TEMPORAL_ADDRESS with the rest
    of Temporal's own, and a running `ledger worker`. May have
    LEDGER_METRICS_ADDRESS, LEDGER_DRAIN_SECONDS and LEDGER_LOG_FORMAT.

    \b
    Examples:
      ledger webhook serve
      ledger webhook serve --listen 127.0.0.1:8099 --most-megabytes 5
    """
    policy = current_policy(config)
    serving = Serving(
        settings=current_settings(config),
        operating=read_operating_settings(),
        node_id=policy.node_id,
        sources=github_sources_of(policy, source_name),
        secrets=read_webhook_secrets(),
        address=parse_address("--listen", listen),
        most_body_bytes=most_megabytes * MEGABYTE,
    )
    with event_log(logging.INFO, read_log_format()):
        asyncio.run(serve_webhooks(serving))

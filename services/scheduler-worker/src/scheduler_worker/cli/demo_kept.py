"""What `ledger demo --keep` leaves for the shell: addresses in a file that only its owner reads."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Final

import click

from scheduler_worker.demo.demo_folder import POLICY_FILE
from scheduler_worker.local.servers import LocalServers

ENVIRONMENT_FILE: Final = "environment.sh"


def write_environment(folder: Path, servers: LocalServers, worker_url: str) -> None:
    """Write the settings of the kept servers, and say how to use them."""
    variables = {
        "LEDGER_CONFIG": str(folder / POLICY_FILE),
        "LEDGER_DATABASE_URL": worker_url,
        "TEMPORAL_ADDRESS": servers.temporal_address,
    }
    text = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    path = folder / ENVIRONMENT_FILE
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    click.echo(f"\nthe servers stay up; Temporal UI at {servers.temporal_ui_url}. Next:")
    click.echo(f"  . {shlex.quote(str(path))}")
    click.echo("  ledger worker &        # works on what you start")
    click.echo("  ledger epoch list")
    click.echo("the next `ledger demo` without --keep stops them")

"""What `ledger demo --keep` leaves for the shell: addresses in a file that only its owner reads."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

import click

from scheduler_worker.cli.output import print_facts, printable
from scheduler_worker.demo.demo_folder import POLICY_FILE
from scheduler_worker.demo.demo_session import DatabaseUrls
from scheduler_worker.local.folder import write_private_file
from scheduler_worker.local.servers import LocalServers

ENVIRONMENT_FILE: Final = "environment.sh"


def write_environment(folder: Path, servers: LocalServers, urls: DatabaseUrls) -> None:
    """Write the settings of the kept servers, and say how to use them."""
    variables = {
        "LEDGER_CONFIG": str(folder / POLICY_FILE),
        "LEDGER_DATABASE_URL": _for_all(urls.worker),
        "LEDGER_OWNER_DATABASE_URL": _for_all(urls.owner),
        "TEMPORAL_ADDRESS": servers.temporal_address,
    }
    path = folder / ENVIRONMENT_FILE
    write_private_file(
        path, "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    )
    click.echo("the servers stay up, until the next `ledger demo` without --keep. Next:")
    click.echo(f"  . {printable(shlex.quote(str(path)))}")
    print_facts(
        [
            ("  ledger worker &", "works on what you start"),
            ("  ledger epoch list", "what there is"),
            ("  ledger epoch collect", "the current week"),
        ]
    )
    click.echo()


def _for_all(database_url: str) -> str:
    """Return an address that PostgreSQL's own programs take, too: a driver in it is ours alone."""
    return database_url.replace("postgresql+psycopg://", "postgresql://", 1)

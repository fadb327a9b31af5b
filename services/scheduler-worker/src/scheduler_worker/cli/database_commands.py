"""`ledger db`: upgrade, current, grant."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

from ledger_core.errors import InvalidValue
from ledger_core.identifiers import check_identifier
from scheduler_worker.bootstrap import database_revisions, grant_database_roles, upgrade_database
from scheduler_worker.cli.command_group import CommandGroup
from scheduler_worker.cli.exits import Exit
from scheduler_worker.cli.output import json_option, print_json, say
from scheduler_worker.cli.session import current_settings

MAX_LOGIN_BYTES: Final = 63  # NAMEDATALEN - 1


@click.group(cls=CommandGroup)
def db() -> None:
    """Migrate the database and grant its roles, as its owner.

    The owner's address is LEDGER_OWNER_DATABASE_URL.
    """


@db.command()
@json_option
@click.pass_obj
def upgrade(config: Path | None, as_json: bool) -> None:
    """Bring the database to the newest schema; on a current one nothing changes.

    \b
    Example:
      LEDGER_OWNER_DATABASE_URL=postgresql://... ledger db upgrade
    """
    revision = upgrade_database(current_settings(config).required_owner_database_url())
    if as_json:
        print_json({"revision": revision})
    else:
        click.echo(f"the database has schema {revision}, the newest")


@db.command()
@json_option
@click.pass_obj
def current(config: Path | None, as_json: bool) -> Exit:
    """Say which schema the database has; exit status 3 if it is not the newest.

    \b
    Example:
      ledger db current
    """
    found, newest = database_revisions(current_settings(config).required_owner_database_url())
    if as_json:
        print_json({"revision": found, "newest": newest})
    elif found == newest:
        click.echo(f"the database has schema {found}, the newest")
    else:
        say(f"the database has schema {found or 'none'}, the newest is {newest}: run `ledger db upgrade`")
    return Exit.DONE if found == newest else Exit.INCOMPLETE


@db.command()
@click.option("--worker", "workers", multiple=True, metavar="LOGIN", help="A login for the worker.")
@click.option("--reader", "readers", multiple=True, metavar="LOGIN", help="A login that only reads.")
@json_option
@click.pass_obj
def grant(config: Path | None, workers: tuple[str, ...], readers: tuple[str, ...], as_json: bool) -> None:
    """Create the roles ledger_worker and ledger_reader, and let logins act as them.

    A login that doesn't exist is made; LEDGER_GRANT_PASSWORD, if set, becomes
    its password. The worker's role can't change what is append-only.

    \b
    Example:
      LEDGER_GRANT_PASSWORD=... ledger db grant --worker ledger_app
    """
    for login in (*workers, *readers):
        _check_login(login)
    if both := sorted(set(workers) & set(readers)):
        raise InvalidValue("login", f"{both[0]} can't be the worker's and a reader's at once")
    logins = dict.fromkeys(workers, "worker") | dict.fromkeys(readers, "reader")
    password = os.environ.get("LEDGER_GRANT_PASSWORD")
    grant_database_roles(
        current_settings(config).required_owner_database_url(),
        logins=logins,
        passwords={} if not password else dict.fromkeys(logins, password),
    )
    if as_json:
        print_json({"workers": list(dict.fromkeys(workers)), "readers": list(dict.fromkeys(readers))})
    else:
        say("roles ledger_worker and ledger_reader are set up" + "".join(f", {login}" for login in logins))


def _check_login(login: str) -> None:
    """Refuse a name that PostgreSQL would cut short in silence, and so grant to another."""
    check_identifier("login", login)
    if len(login.encode()) > MAX_LOGIN_BYTES:
        raise InvalidValue("login", f"must have at most {MAX_LOGIN_BYTES} bytes")

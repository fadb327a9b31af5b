"""What a command works with: settings, policy, a reader of the ledger, and who is asking."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import click

from ledger_core.domain.ledger_action import ActionContext
from ledger_core.errors import LedgerError
from ledger_core.ports.ledger import LedgerReader, LedgerView
from scheduler_worker.bootstrap import opened_reader, read_payload_keys
from scheduler_worker.payload_keys import PayloadKeys
from scheduler_worker.policy import Policy, read_policy
from scheduler_worker.settings import Settings, read_settings


class ConfirmationNeeded(LedgerError):
    """An irreversible step was asked for where nobody can be asked."""

    code = "confirmation-needed"

    def __init__(self) -> None:
        super().__init__("this can't be undone, and there is no terminal to ask at; say --yes")


class Declined(LedgerError):
    """Who was asked said no; nothing was done."""

    code = "declined"

    def __init__(self) -> None:
        super().__init__("nothing was changed")


def current_settings(config: Path | None) -> Settings:
    """Return the environment's settings; --config wins over LEDGER_CONFIG."""
    settings = read_settings()
    return settings if config is None else attrs.evolve(settings, config=config)


def current_policy(config: Path | None) -> Policy:
    """Return the policy of --config, LEDGER_CONFIG or ledger.toml."""
    return read_policy(current_settings(config).config)


def current_task_queue(config: Path | None) -> str:
    """Return the task queue of the policy's node."""
    return current_settings(config).task_queue_of(current_policy(config).node_id)


def current_payload_keys(config: Path | None) -> PayloadKeys:
    """Return what hides the node's messages in Temporal.

    Raises: SettingMissing, DatabaseUnreachable, SchemaOutdated.
    """
    settings = current_settings(config)
    policy = read_policy(settings.config)
    return read_payload_keys(settings.required_database_url(), policy.node_id, settings.payload_keys)


@contextmanager
def reading(config: Path | None) -> Iterator[LedgerView]:
    """Open one snapshot of the ledger that can't be written to."""
    with open_reader(config) as reader, reader.read() as view:
        yield view


@contextmanager
def open_reader(config: Path | None) -> Iterator[LedgerReader]:
    """Open the ledger to read."""
    settings = current_settings(config)
    policy = read_policy(settings.config)
    with opened_reader(settings.required_database_url(), policy.node_id) as reader:
        yield reader


def action_context(workflow_id: str | None = None, *, reason: str | None = None) -> ActionContext:
    """Return who is asking: LEDGER_ACTOR, else the login of this machine.

    Raises: InvalidValue.
    """
    actor = os.environ.get("LEDGER_ACTOR") or _login()
    return ActionContext(actor=actor, reason=reason, workflow_id=workflow_id)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before what can't be undone.

    Raises: ConfirmationNeeded where there is no terminal; Declined when the answer is no.
    """
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise ConfirmationNeeded
    with asking():
        is_wanted = click.confirm(question, err=True)
    if not is_wanted:
        raise Declined


@contextmanager
def asking() -> Iterator[None]:
    """Ask within this: where ctrl-C is the answer, the question's line is ended, and what is said next has its own."""
    try:
        yield
    except click.exceptions.Abort:
        click.echo(err=True)
        raise


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user in this container
        return f"uid-{os.getuid()}"

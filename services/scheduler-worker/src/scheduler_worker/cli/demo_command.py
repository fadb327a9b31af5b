"""`ledger demo`: the whole job on this machine, on a real git repository."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import attrs
import click
from rich.console import Console

from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.errors import LedgerError
from ledger_core.identifiers import EpochId
from ledger_core.ports.ledger import LedgerReader
from scheduler_worker.activities.create_activities import create_activities
from scheduler_worker.bootstrap import (
    create_database,
    create_sources,
    grant_database_roles,
    login_url,
    opened_ledger,
    opened_reader,
    system_clock,
    upgrade_database,
)
from scheduler_worker.cli.demo_kept import write_environment
from scheduler_worker.cli.epoch_views import print_payouts
from scheduler_worker.cli.exits import Exit
from scheduler_worker.cli.output import print_table
from scheduler_worker.cli.statement_commands import export_bundle, print_chain
from scheduler_worker.demo.demo_folder import default_folder, prepare_policy
from scheduler_worker.demo.repository_weeks import read_weeks
from scheduler_worker.demo.run_demo import DemoEpoch, DemoRun
from scheduler_worker.local.servers import LocalServers, local_servers
from scheduler_worker.policy import Policy
from scheduler_worker.settings import DEFAULT_TASK_QUEUE
from scheduler_worker.sources.git.repository import find_git_folder
from scheduler_worker.temporal_client import connected
from scheduler_worker.worker import running_worker

WORKER_LOGIN: Final = "ledger_demo_worker"
DATABASE: Final = "ledger"
SHOWN_PAYOUTS: Final = 20
VERIFY_TIMEOUT_SECONDS: Final = 600
GRACEFUL_SHUTDOWN: Final = timedelta(seconds=3)  # whoever presses ctrl-C wants to be out

Tell = Callable[[str], None]


class NotVerified(LedgerError):
    """The independent verifier did not confirm the statement."""

    code = "not-verified"

    def __init__(self, verdict: str) -> None:
        super().__init__(f"the bundle does not verify: {verdict}")


@click.command()
@click.option(
    "--repo",
    type=click.Path(path_type=Path),
    default=Path(),
    help="A git repository: work tree, bare, or mirror.  [default: the one around here]",
)
@click.option(
    "--epochs",
    type=click.IntRange(1, 520),
    default=4,
    show_default=True,
    help="How many weeks: the last ones with commits.",
)
@click.option(
    "--pool", type=click.IntRange(0, 2**63 - 1), default=10_000, show_default=True, help="Credits a week."
)
@click.option("--data", type=click.Path(path_type=Path), help="The data folder.  [default: one a repository]")
@click.option("--keep", is_flag=True, help="Leave the servers up, and say how to use them.")
def demo(repo: Path, epochs: int, pool: int, data: Path | None, keep: bool) -> Exit:
    """Run the whole job on this machine, on a git repository.

    Starts PostgreSQL and Temporal in a data folder of its own, takes the last
    weeks with commits to chained payout statements, and has the last one
    verified by an independent process. A second run finds the same statements.

    \b
    Examples:
      ledger demo
      ledger demo --repo ~/src/project --epochs 8 --pool 50000
      ledger demo --keep
    """
    repository = find_git_folder(repo).resolve()
    folder = (data or default_folder(repository)).absolute()
    policy = prepare_policy(folder, repository, pool_credits=pool)
    policy = attrs.evolve(policy, base_issuance_credits=pool)
    weeks = read_weeks(repository, policy, now=system_clock())
    windows = weeks.windows[-epochs:]
    click.echo(
        f"repository  {repository}: {weeks.commits} commits in {len(weeks.windows)} weeks with activity"
    )
    click.echo(f"data        {folder}")
    with _progress() as tell:
        tell("starting PostgreSQL and Temporal")
        with local_servers(folder, keep=keep) as servers:
            click.echo(f"servers     Temporal UI at {servers.temporal_ui_url} while this runs")
            tell("migrating the database")
            worker_url = _prepare_database(servers)
            epochs_done = asyncio.run(_run(policy, windows, servers, worker_url, tell))
            with opened_reader(worker_url, policy.node_id) as reader:
                _show(reader, epochs_done)
                verdict = _verify(reader, folder, epochs_done[-1], tell)
            if keep:
                write_environment(folder, servers, worker_url)
    click.echo(verdict)
    return Exit.DONE


def _prepare_database(servers: LocalServers) -> str:
    """Migrate as the owner, and return the URL of a login that has the worker's rights only."""
    owner_url = create_database(servers.database_url, DATABASE)
    upgrade_database(owner_url)
    password = secrets.token_urlsafe(24)
    grant_database_roles(owner_url, logins={WORKER_LOGIN: "worker"}, passwords={WORKER_LOGIN: password})
    return login_url(owner_url, WORKER_LOGIN, password)


async def _run(
    policy: Policy, windows: Sequence[EpochWindow], servers: LocalServers, worker_url: str, tell: Tell
) -> list[DemoEpoch]:
    sources = create_sources(policy)
    with opened_ledger(worker_url, policy.node_id, application_name="ledger-demo") as ledger:
        activities = create_activities(ledger=ledger, sources=sources, clock=system_clock)
        async with (
            connected(address=servers.temporal_address) as client,
            running_worker(
                client,
                task_queue=DEFAULT_TASK_QUEUE,
                activities=activities,
                graceful_shutdown=GRACEFUL_SHUTDOWN,
            ),
        ):
            run = DemoRun(
                client=client,
                reader=ledger,
                policy=policy,
                streams=tuple(sources),
                task_queue=DEFAULT_TASK_QUEUE,
                tell=tell,
            )
            return [await run.take(window) for window in windows]


def _show(reader: LedgerReader, epochs: Sequence[DemoEpoch]) -> None:
    last = epochs[-1]
    click.echo()
    print_table(
        ["epoch", "week from", "new events", "people", "credits", "state"],
        [
            (
                done.epoch_id,
                done.window.period_start.date(),
                done.new_events,
                done.finalized.payouts,
                done.finalized.pool_total_credits - done.finalized.undistributed_credits,
                "closed" if done.finalized.closed_now else "was closed already",
            )
            for done in epochs
        ],
        numbers=["epoch", "new events", "people", "credits"],
    )
    with reader.read() as view:
        chain = [
            (found.epoch_id, found.window, found.pool_total_credits, found.statement_hash)
            for found in view.statements.chain()
        ]
        statement = view.statements.find(last.epoch_id)
    assert statement is not None, "the epoch was closed by now"
    click.echo(f"\npayouts of epoch {last.epoch_id}, {last.window}")
    print_payouts(statement.payouts, most=SHOWN_PAYOUTS)
    click.echo("\nchain of statements, each pinning the one before it")
    print_chain(chain)
    click.echo()


def _verify(reader: LedgerReader, folder: Path, last: DemoEpoch, tell: Tell) -> str:
    """Export the bundle, and return the verdict of the verifier in a process of its own.

    Raises: NotVerified.
    """
    path = folder / f"statement-{last.epoch_id}.zip"
    tell("exporting and verifying the last statement")
    with reader.read() as view:
        export_bundle(view, EpochId(last.epoch_id), path)
    pinned = last.finalized.statement_hash
    command = [
        sys.executable,
        "-I",
        "-m",
        "ledger_core.verification",
        str(path),
        "--expect",
        pinned,
        "--quiet",
    ]
    click.echo(f"bundle      {path}")
    click.echo(f"check       python -m ledger_core.verification {path}")
    done = subprocess.run(  # noqa: S603 - our own interpreter, our own module, arguments as a list
        command, capture_output=True, text=True, check=False, timeout=VERIFY_TIMEOUT_SECONDS
    )
    if done.returncode != 0:
        raise NotVerified(done.stdout.strip() or done.stderr.strip()[:300])
    return done.stdout.strip()


@contextmanager
def _progress() -> Iterator[Tell]:
    """Yield how to tell a step: a line that moves on a terminal, plain lines elsewhere, on stderr."""
    if not sys.stderr.isatty():
        yield lambda step: click.echo(f"... {step}", err=True)
        return
    with Console(stderr=True, highlight=False, markup=False).status("starting") as status:
        yield status.update

"""`ledger demo`: the whole job on this machine, on a real git repository.

What it needs at once is imported here; the rest, a second's worth, while the servers come up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Final

import click

from scheduler_worker.cli.exits import Exit
from scheduler_worker.cli.output import print_facts
from scheduler_worker.cli.progress import Progress
from scheduler_worker.demo.demo_folder import default_folder, prepare_policy, save_policy, source_folder
from scheduler_worker.demo.repository_weeks import read_weeks
from scheduler_worker.local.servers import local_servers
from scheduler_worker.sources.git.repository import find_git_folder

_STEPS: Final = "scheduler_worker.cli.demo_steps"


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
    weeks = read_weeks(repository, policy, now=datetime.now(tz=UTC))
    save_policy(folder, repository, policy)
    number = len(weeks.windows)
    found = f"{weeks.commits} commits in {number} week{'s' * (number != 1)} with activity"
    print_facts([("repository", source_folder(repository)), ("found", found), ("data", folder)])
    with Progress() as progress:
        progress.tell("starting PostgreSQL and Temporal")
        with _loading_steps(), local_servers(folder, keep=keep) as servers:
            from scheduler_worker.cli.demo_steps import DemoSteps  # noqa: PLC0415 - see above

            steps = DemoSteps(folder=folder, servers=servers, policy=policy, progress=progress)
            verdict = steps.run(weeks.windows[-epochs:], keep=keep)
            if not keep:
                progress.tell("stopping the servers")
    click.echo(verdict)
    return Exit.DONE


@contextmanager
def _loading_steps() -> Iterator[None]:
    """Import the rest on the side; no module is still being imported when the process ends."""
    thread = Thread(target=_load_steps)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _load_steps() -> None:
    with suppress(ImportError, RuntimeError):  # the import that counts says it again
        import_module(_STEPS)

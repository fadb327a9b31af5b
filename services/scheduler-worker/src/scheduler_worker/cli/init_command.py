"""`ledger init`: a first ledger.toml, by a few questions or by options."""

from __future__ import annotations

import os
import sys
import uuid
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from uuid import UUID

import click

from ledger_core.errors import LedgerError, SourceUnavailable
from scheduler_worker.cli.arguments import WHOLE
from scheduler_worker.cli.config_commands import schema_text
from scheduler_worker.cli.output import json_option, print_json, printable
from scheduler_worker.cli.session import asking, current_settings
from scheduler_worker.policy import read_policy
from scheduler_worker.policy_schema import FILE_NAME
from scheduler_worker.policy_template import FirstPolicy, github_repository, policy_text
from scheduler_worker.sources.git.git_command import Git, find_git_program

POOL: Final = 10_000
WEEK_DAYS: Final = 7


class PolicyExists(LedgerError):
    """There is a policy already."""

    code = "policy-exists"

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is there already, and is left as it is; name another file by --config")


class PolicyNotWritten(LedgerError):
    """The file can't be written there."""

    code = "policy-not-written"

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(f"{path} can't be written: {error.strerror}")


@click.command()
@click.option(
    "--git", "git_sources", metavar="NAME=PATH", multiple=True, help="A repository on this machine."
)
@click.option(
    "--github", metavar="OWNER/NAME", multiple=True, help="Repositories on GitHub; OWNER/* for all."
)
@click.option("--pool", type=WHOLE, metavar="CREDITS", help=f"What each epoch pays.  [default: {POOL}]")
@click.option("--length-days", type=click.IntRange(1, 366), default=WEEK_DAYS, show_default=True)
@click.option("--node-id", type=click.UUID, help="Which ledger this is.  [default: a new one]")
@click.option("--yes", is_flag=True, help="Ask nothing, and take what is found; for scripts.")
@json_option
@click.pass_obj
def init(
    config: Path | None,
    git_sources: tuple[str, ...],
    github: tuple[str, ...],
    pool: int | None,
    length_days: int,
    node_id: UUID | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Write a first ledger.toml, by a few questions or by options.

    A repository in this folder is offered as a source, and its remote if that is on GitHub. A policy that is there is
    never overwritten. Beside it lies ledger.schema.json, by which editors complete and check it.

    \b
    Examples:
      ledger init
      ledger init --github acme/web --pool 5000 --yes
    """
    path = current_settings(config).config
    if path.exists():
        raise PolicyExists(path)
    asks = not yes and sys.stdin.isatty()
    git = [_git_source(text, path.parent) for text in git_sources]
    repositories = list(github)
    if not git and not repositories:
        git, repositories = _found_here(Path.cwd(), path.parent, asks=asks)
    if pool is None:
        pool = _asked_pool() if asks else POOL
    first = FirstPolicy(
        node_id=node_id or uuid.uuid4(),
        length_days=length_days,
        base_issuance_credits=pool,
        git=git,
        github=repositories,
    )
    _write(path, policy_text(first))
    schema = path.parent / FILE_NAME
    about_schema = _write_schema(schema)
    if as_json:
        print_json(_as_json(path, schema if schema.is_file() else None, first))
        return
    click.echo(f"{printable(str(path))} written: ledger {first.node_id}")
    if about_schema is not None:
        click.echo(f"  {printable(str(schema))} {about_schema}")
    _print_sources(first)
    click.echo("next: `ledger db upgrade`, `ledger db grant`, `ledger worker`, `ledger schedule apply`")


def _as_json(path: Path, schema: Path | None, first: FirstPolicy) -> dict[str, object]:
    return {
        "file": str(path),
        "schema_file": None if schema is None else str(schema),
        "node_id": str(first.node_id),
        "pool_credits": first.base_issuance_credits,
        "git": [name for name, _ in first.git],
        "github": list(first.github),
    }


def _print_sources(first: FirstPolicy) -> None:
    for name, _ in first.git:
        click.echo(f"  git repository {printable(name)}")
    for name in first.github:
        click.echo(f"  GitHub {printable(name)}; its token is in LEDGER_GITHUB_TOKEN")
    if not first.git and not first.github:
        click.echo("  no source yet; add one to the file, or nothing is collected")


def _asked_pool() -> int:
    with asking():
        answer: int = click.prompt("Credits that each epoch pays", type=WHOLE, default=POOL, err=True)
    return answer


def _is_wanted(question: str) -> bool:
    with asking():
        return click.confirm(question, default=True, err=True)


def _git_source(text: str, beside: Path) -> tuple[str, str]:
    """Return the name and the path; a relative one is from here, and in the file from there."""
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise click.BadParameter("must be written NAME=PATH.", param_hint="--git")
    return name, path if path.startswith(("/", "~")) else _from(beside, Path(path))


def _from(beside: Path, path: Path) -> str:
    return os.path.relpath(path.absolute(), beside.absolute())


def _found_here(folder: Path, beside: Path, *, asks: bool) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the repository of this folder, or its remote on GitHub, which knows more; what the person wants of them."""
    if not (folder / ".git").exists():
        return [], []
    remote = _github_remote(folder)
    if remote and (not asks or _is_wanted(f"Collect {printable(remote)} from GitHub?")):
        return [], [remote]
    if not asks or _is_wanted("Collect the git repository of this folder?"):
        return [(folder.name, _from(beside, folder))], []
    return [], []


def _github_remote(folder: Path) -> str | None:
    """Return the remote `origin` on GitHub, by git's own reading of its file, which runs nothing."""
    with TemporaryDirectory(prefix="ledger-init-") as scratch, suppress(LedgerError, SourceUnavailable):
        git = Git(program=find_git_program(), git_folder=folder / ".git", scratch=Path(scratch))
        found = git.answer("config", "--get", "remote.origin.url")
        return github_repository(found.output.decode(errors="replace").strip())
    return None


def _write(path: Path, text: str) -> None:
    """Write the file if it is none yet, and leave it only if it is a policy.

    Raises: PolicyExists, PolicyNotWritten, PolicyInvalid.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise PolicyExists(path) from error
    except OSError as error:
        raise PolicyNotWritten(path, error) from error
    try:
        read_policy(path)
    except LedgerError:
        path.unlink(missing_ok=True)
        raise


def _write_schema(path: Path) -> str | None:
    """Write what editors check the policy by, if there is none, and return what to say of it.

    Holds: a policy is one without it, too: that it can't be written is told, and no refusal.
    """
    try:
        with path.open("x", encoding="ascii") as file:
            file.write(schema_text())
    except FileExistsError:
        return "stays as it is; `ledger config schema` prints a new one"
    except OSError as error:
        click.echo(f"{printable(str(path))} can't be written: {error.strerror}", err=True)
        return None
    return "lets editors complete and check it"

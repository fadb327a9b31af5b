"""An organisation before it has a ledger: its people, their work of a week, its GitHub.

The seventh week is the last one that has ended, so that what pages call epoch 7 is the week that is due.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from tests.git_repositories import run_git
from tests.github_world.server import GithubWorldServer

WEEKS: Final = 7
PEOPLE: Final = ("ada", "grace", "bob", "ben")
MAILMAP: Final = "Ada <ada@example.org> <ada@elsewhere.example>\n"


def last_week() -> datetime:
    """Return when the last week that has ended began."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=today.weekday() + 7)


def write_repository(folder: Path) -> str:
    """Write a work tree in which everybody commits in the seventh week, and a mailmap; return the newest's id."""
    folder.mkdir()
    run_git("init", "--quiet", "--initial-branch=main", ".", cwd=folder, home=folder)
    lines = ["blob", "mark :9999", f"data {len(MAILMAP)}", MAILMAP]
    for number, name in enumerate(PEOPLE, start=1):
        who = f"{name} <{name}@example.org> {int(last_week().timestamp()) + 3_600 * number} +0000"
        lines += ["commit refs/heads/main", f"mark :{number}", f"author {who}", f"committer {who}"]
        lines += ["data 7", "Change", f"from :{number - 1}" if number > 1 else "M 100644 :9999 .mailmap", ""]
    run_git("fast-import", "--quiet", cwd=folder, home=folder, text="\n".join(lines).encode())
    run_git("reset", "--quiet", "--hard", "main", cwd=folder, home=folder)
    return run_git("rev-parse", "HEAD", cwd=folder, home=folder).decode().strip()


@contextmanager
def github() -> Iterator[GithubWorldServer]:
    """A GitHub with an issue that was closed in the seventh week."""
    server = GithubWorldServer()
    world = server.world
    world.now = last_week() + timedelta(days=1)
    docs, ada = world.repository("acme/docs"), world.account("ada")
    world.close(world.open_item(docs, "issue", ada), ada)
    world.now = datetime.now(UTC).replace(microsecond=0)
    with server.running() as running:
        yield running

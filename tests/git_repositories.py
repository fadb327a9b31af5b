"""Real git repositories for tests, written object by object: fast, and free of the machine's git settings.

Every byte of a commit is the test's own, so that histories which git would not write can be had too.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import zlib
from collections.abc import Iterable
from pathlib import Path

FIRST_SECOND = 1_760_000_000  # 2025-10-09T08:53:20Z; every commit of a repository is a second later
ANN = b"Ann <ann@example.org>"
BOB = b"Bob <bob@example.org>"


class GitRepository:
    """A bare repository at `folder`; commits may be given parents that don't exist."""

    def __init__(self, folder: Path, *, object_format: str = "sha1") -> None:
        self.folder = folder
        self._object_format = object_format
        self._seconds = FIRST_SECOND
        (folder / "refs" / "heads").mkdir(parents=True)
        (folder / "objects").mkdir()
        (folder / "HEAD").write_text("ref: refs/heads/main\n")
        version, extension = (
            (0, "") if object_format == "sha1" else (1, "[extensions]\n\tobjectFormat = sha256\n")
        )
        self.configure(f"[core]\n\trepositoryformatversion = {version}\n\tbare = true\n{extension}")
        self._tree = self.write_object("tree", b"")

    def configure(self, text: str) -> None:
        """Append to the repository's own configuration."""
        with (self.folder / "config").open("a") as config:
            config.write(text)

    def write_object(self, kind: str, body: bytes) -> str:
        """Write a loose object and return its id."""
        data = f"{kind} {len(body)}\0".encode() + body
        object_id = hashlib.new(self._object_format, data).hexdigest()
        path = self.object_path(object_id)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zlib.compress(data, 1))
        return object_id

    def object_path(self, object_id: str) -> Path:
        return self.folder / "objects" / object_id[:2] / object_id[2:]

    def commit(
        self,
        message: bytes = b"Change a thing\n",
        *,
        parents: Iterable[str] = (),
        author: bytes = ANN,
        committer: bytes | None = None,
        seconds: int | bytes | None = None,
        author_seconds: int | bytes | None = None,
        headers: bytes = b"",
    ) -> str:
        """Write a commit, by default a second after the one before, and return its id."""
        self._seconds += 1
        committed = self._seconds if seconds is None else seconds
        authored = committed if author_seconds is None else author_seconds
        lines = [f"tree {self._tree}".encode(), *(f"parent {parent}".encode() for parent in parents)]
        lines.append(b"author %b %b +0200" % (author, _digits(authored)))
        lines.append(
            b"committer %b %b -0700" % (author if committer is None else committer, _digits(committed))
        )
        return self.write_object("commit", b"\n".join(lines) + b"\n" + headers + b"\n" + message)

    def chain(self, length: int, *, parent: str | None = None) -> list[str]:
        """Write commits one upon another and return their ids, the oldest first."""
        ids: list[str] = []
        for number in range(length):
            parent = self.commit(f"Change {number}\n".encode(), parents=() if parent is None else (parent,))
            ids.append(parent)
        return ids

    def point(self, branch: str, object_id: str) -> None:
        """Make the branch point at the object."""
        path = self.folder / "refs" / "heads" / branch
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(object_id + "\n")


def _digits(seconds: int | bytes) -> bytes:
    return seconds if isinstance(seconds, bytes) else b"%d" % seconds


def run_git(*arguments: str | Path, cwd: Path, home: Path, text: bytes = b"") -> bytes:
    """Run git as a person without any settings would, and return what it printed."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_AUTHOR_NAME": "Ann",
        "GIT_AUTHOR_EMAIL": "ann@example.org",
        "GIT_COMMITTER_NAME": "Ann",
        "GIT_COMMITTER_EMAIL": "ann@example.org",
    }
    words = ["git", *map(str, arguments)]
    done = subprocess.run(words, cwd=cwd, env=environment, input=text, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def write_long_history(folder: Path, *, commits: int) -> None:
    """Write a bare repository of one long line of commits, every tenth with a co-author, in one pack."""
    folder.mkdir(parents=True)
    run_git("init", "--quiet", "--bare", "--initial-branch=main", ".", cwd=folder, home=folder)
    stream = bytearray()
    for number in range(commits):
        message = b"Change %d\n" % number
        if number % 10 == 0:
            message += b"\nSome words about it.\n\nCo-authored-by: Bob <bob%d@example.org>\n" % (number % 70)
        seconds = FIRST_SECOND + number
        stream += b"commit refs/heads/main\nauthor Ann <ann%d@example.org> %d +0000\n" % (
            number % 50,
            seconds,
        )
        stream += b"committer Ann <ann@example.org> %d +0000\ndata %d\n%b\n" % (
            seconds,
            len(message),
            message,
        )
    run_git("fast-import", "--quiet", cwd=folder, home=folder, text=bytes(stream))

"""Opening a repository for reading: where its git folder is, its tip, and a walk without its settings.

Only what is about refs is asked of the repository itself. Commits are read through a git folder of our
own, made for the one reading, which borrows the repository's objects: so the repository's config,
hooks, grafts, replacements, trailer settings and remotes don't exist for the walk.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scheduler_worker.sources.git.git_command import Git, find_git_program
from scheduler_worker.sources.git.refusals import (
    GitBranchNotFound,
    GitFailed,
    GitNotARepository,
    GitObjectMissing,
    GitRepositoryShallow,
    GitScratchMissing,
    quoted_line,
)

_OBJECT_FORMATS: Final = (b"sha1", b"sha256")
_REF_LINE: Final = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64}) [^\n]*\n")
_GIT_FILE_BYTES: Final = 65_536  # a `.git` file holds one path
_REVISIONS_FIRST: Final = ("--stdin", "--end-of-options")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """An opened repository: `refs` asks the repository itself, `history` reads its objects alone."""

    source_ref: str
    refs: Git
    history: Git

    def find_tip(self, branch: str | None) -> str | None:
        """Return the commit at the tip of branch (None: HEAD's), or None when the repository is empty.

        Raises: GitBranchNotFound, GitObjectMissing, GitFailed.
        """
        ref = "HEAD" if branch is None else branch if branch.startswith("refs/") else f"refs/heads/{branch}"
        # show-ref --verify takes a ref's exact name; rev-parse would also take `main~3` or `v1-gabcdef`.
        found = self.refs.answer("show-ref", "--verify", "--", ref)
        shown = _REF_LINE.fullmatch(found.output)
        if shown is None:
            if b"bad ref" in found.problem:  # the ref is there, the object that it names is not
                raise GitObjectMissing(self.source_ref, quoted_line(found.problem))
            if self._is_empty():
                return None
            raise GitBranchNotFound(self.source_ref, ref)
        peeled = f"{shown[1].decode('ascii')}^{{commit}}"
        commit = self.history.answer("rev-parse", "--verify", "--end-of-options", peeled)
        if commit.status != 0:
            raise GitObjectMissing(self.source_ref, quoted_line(commit.problem))
        return commit.output.decode("ascii").rstrip("\n")

    def not_reached(self, tips: Iterable[str], *, start: str) -> set[str]:
        """Return those of tips that are no commits of start's history; reads only as far as it must.

        Not `rev-list TIPS ^START`, which is the shorter command: it compares dates to know when to stop,
        and reports commits wrongly once half a dozen are back-dated.

        Raises: GitObjectMissing.
        """
        missing = set(tips)
        rest = b""
        try:
            with closing(self.history.chunks("rev-list", *_REVISIONS_FIRST, lines=[start])) as chunks:
                for chunk in chunks:
                    *ids, rest = (rest + chunk).split(b"\n")
                    missing.difference_update(object_id.decode("ascii") for object_id in ids)
                    if not missing:
                        break
        except GitFailed as error:
            raise GitObjectMissing(self.source_ref, error.problem) from error
        return missing

    def present(self, tips: Iterable[str]) -> set[str]:
        """Return those of tips that are commits in the object store, reachable or not."""
        asked = sorted(tips)
        answer = self.history.answer("cat-file", "--batch-check=%(objectname) %(objecttype)", lines=asked)
        if answer.status != 0:
            raise GitObjectMissing(self.source_ref, quoted_line(answer.problem))
        words = [line.split() for line in answer.output.decode("ascii", "replace").splitlines()]
        # What git names otherwise than it was asked is another: 40 digits may be the short form of 64.
        return {name for name, kind in words if kind == "commit"}.intersection(asked)

    def log(self, output_format: str, *, tip: str, excluded: Iterable[str]) -> Generator[bytes]:
        """Yield the log of `tip --not excluded`, parents before their children, as NUL-ended fields.

        Holds:   no commit that only tip reaches is left out, whatever its date. Where clocks were far
                 off, git may show commits again that excluded reaches (it looks only a few commits
                 beyond the oldest new one); they come in the same order.
        Raises:  GitObjectMissing.
        """
        arguments = (
            "log", "-z", "--topo-order", "--reverse", "--date=raw", "--encoding=UTF-8", "--no-mailmap",
            "--no-notes", "--no-color", "--no-decorate", "--no-patch", f"--format=tformat:{output_format}",
        )  # fmt: skip
        revisions = [tip, *(f"^{object_id}" for object_id in sorted(excluded))]
        try:
            with closing(self.history.chunks(*arguments, *_REVISIONS_FIRST, lines=revisions)) as chunks:
                yield from chunks
        except GitFailed as error:
            raise GitObjectMissing(self.source_ref, error.problem) from error

    def _is_empty(self) -> bool:
        refs = self.refs.answer("for-each-ref", "--count=1", "--format=%(refname)")
        if refs.status != 0:
            raise GitFailed(refs.status, refs.problem)
        return refs.output == b"" and refs.problem == b""  # a broken ref is left out, with a warning


@contextmanager
def open_repository(path: Path, *, source_ref: str) -> Iterator[Repository]:
    """Open the repository at path: a work tree or a folder in it, a bare repository, a mirror.

    Raises: GitNotInstalled, GitScratchMissing, GitNotARepository, GitRepositoryShallow.
    """
    program = find_git_program()
    git_folder = find_git_folder(path)
    try:
        scratch_folder = tempfile.TemporaryDirectory(prefix="ledger-git-")
    except FileNotFoundError as error:
        raise GitScratchMissing from error
    with scratch_folder as scratch_name:
        scratch = Path(scratch_name)
        home = scratch / "home"
        home.mkdir()
        refs = Git(program=program, git_folder=git_folder, scratch=home)
        facts = refs.answer(
            "rev-parse", "--is-shallow-repository", "--show-object-format", "--git-path", "objects"
        )
        shallow, _, rest = facts.output.partition(b"\n")
        object_format, _, objects = rest.removesuffix(b"\n").partition(b"\n")
        if facts.status != 0 or object_format not in _OBJECT_FORMATS:
            raise GitNotARepository(path, quoted_line(facts.problem) or "its object format is unknown")
        if shallow != b"false":
            raise GitRepositoryShallow(source_ref)
        history = Git(
            program=program,
            git_folder=_borrowing_folder(scratch / "borrowing", object_format.decode("ascii")),
            scratch=home,
            objects=home / os.fsdecode(objects),
        )
        yield Repository(source_ref=source_ref, refs=refs, history=history)


def find_git_folder(path: Path) -> Path:
    """Return the git folder of path, looking upwards as git does, but whoever owns it.

    git's own search refuses the repositories of other users because it would obey their config; we don't.

    Raises: GitNotARepository.
    """
    start = Path(os.path.realpath(path))
    try:
        if not start.is_dir():
            raise GitNotARepository(path, "there is no such folder")
        for folder in (start, *start.parents):
            inner = folder / ".git"
            if inner.is_file():
                return _named_by_git_file(inner)
            for candidate in (inner, folder):
                if _is_git_folder(candidate):
                    return candidate
    except OSError as error:
        raise GitNotARepository(path, quoted_line(error.strerror or "it can't be read")) from error
    raise GitNotARepository(path, "no folder of it or above it holds one")


def _named_by_git_file(git_file: Path) -> Path:
    with git_file.open("rb") as file:
        text = file.read(_GIT_FILE_BYTES)
    if not text.startswith(b"gitdir: "):
        raise GitNotARepository(git_file, "the file names no git folder")
    named = git_file.parent / os.fsdecode(text.removeprefix(b"gitdir: ").rstrip(b"\r\n"))
    if not _is_git_folder(named):
        raise GitNotARepository(git_file, "the folder that it names is none of git's")
    return named


def _is_git_folder(folder: Path) -> bool:
    if not os.path.lexists(folder / "HEAD"):
        return False
    own = (folder / "objects").is_dir() and (folder / "refs").is_dir()
    return own or (folder / "commondir").is_file()  # the latter: a linked work tree's


def _borrowing_folder(folder: Path, object_format: str) -> Path:
    (folder / "refs").mkdir(parents=True)
    (folder / "HEAD").write_text("ref: refs/heads/none\n")
    (folder / "config").write_text(
        "[core]\n\trepositoryformatversion = 1\n\tbare = true\n"
        f"[extensions]\n\tobjectFormat = {object_format}\n"
    )
    return folder

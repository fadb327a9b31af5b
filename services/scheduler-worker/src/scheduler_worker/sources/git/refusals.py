"""What the git source refuses to read, each with its stable code."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ledger_core.errors import LedgerError

MAX_QUOTED_CHARACTERS: Final = 200  # a line of git's, or a path: enough to find the cause


def quoted_line(data: bytes | str) -> str:
    """Return the first error (else the first line) in printable ASCII, anything else as `?`, shortened."""
    text = data.decode("ascii", "replace") if isinstance(data, bytes) else data
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = next((line for line in lines if line.startswith(("error:", "fatal:"))), lines[0] if lines else "")
    printable = "".join(letter if " " <= letter <= "~" else "?" for letter in line)
    if len(printable) > MAX_QUOTED_CHARACTERS:
        return printable[:MAX_QUOTED_CHARACTERS] + "..."
    return printable


class GitNotInstalled(LedgerError):
    """There is no git program to read repositories with."""

    code = "git-not-installed"

    def __init__(self) -> None:
        super().__init__("the git program is not installed, or not on the PATH")


class GitScratchMissing(LedgerError):
    """There is nowhere to put the small files that git is given for a reading."""

    code = "git-scratch-missing"

    def __init__(self) -> None:
        super().__init__("git is read with a folder for temporary files: make /tmp writable, or set TMPDIR")


class GitFailed(LedgerError):
    """git ended with an error that none of the other refusals names."""

    code = "git-failed"

    def __init__(self, status: int, problem: bytes) -> None:
        """Keep the exit status and git's first line."""
        self.status = status
        self.problem = quoted_line(problem)
        super().__init__(f"git ended with status {status}: {self.problem or 'no message'}")


class GitNotARepository(LedgerError):
    """The path is missing, or holds no repository that git can open."""

    code = "git-not-a-repository"

    def __init__(self, path: Path, problem: str) -> None:
        """Name the path and what is wrong with it."""
        super().__init__(f"{quoted_line(str(path))} is no git repository: {problem}")
        self.path = path
        self.problem = problem


class GitRepositoryShallow(LedgerError):
    """The clone lacks the beginning of its history, so nobody can say what is reachable."""

    code = "git-repository-shallow"

    def __init__(self, source_ref: str) -> None:
        super().__init__(f"the clone of {source_ref} is shallow; fetch its whole history (--unshallow) first")
        self.source_ref = source_ref


class GitBranchNotFound(LedgerError):
    """The repository has commits, but not the branch that was asked for."""

    code = "git-branch-not-found"

    def __init__(self, source_ref: str, branch: str) -> None:
        super().__init__(f"{source_ref} has no branch {quoted_line(branch)}")
        self.source_ref = source_ref
        self.branch = branch


class GitObjectMissing(LedgerError):
    """A part of the history is missing or damaged, so reading on would pass over commits in silence."""

    code = "git-object-missing"

    def __init__(self, source_ref: str, problem: str) -> None:
        """Keep the sentence of git's that names the object."""
        super().__init__(f"the history of {source_ref} can't be read whole: {problem or 'no message'}")
        self.source_ref = source_ref
        self.problem = problem


class GitHistoryRewritten(LedgerError):
    """Commits that were collected are no longer in the history: it was rewritten, or the branch replaced."""

    code = "git-history-rewritten"

    def __init__(self, source_ref: str, *, old_tips: Iterable[str], new_tip: str | None) -> None:
        """Keep the tips that are gone from the history, and the tip that it has now (None: it is empty)."""
        self.source_ref = source_ref
        self.old_tips = tuple(sorted(old_tips))
        self.new_tip = new_tip
        more = f" and {len(self.old_tips) - 1} more" if len(self.old_tips) > 1 else ""
        super().__init__(
            f"the history of {source_ref} was rewritten: {self.old_tips[0]}{more} is not part of"
            f" {new_tip or 'the now empty repository'}; accept_rewrites = true collects the rewritten commits"
            " as new ones"
        )


class GitCursorInvalid(LedgerError):
    """The cursor's text was not written by this source."""

    code = "git-cursor-invalid"

    def __init__(self, problem: str) -> None:
        super().__init__(f"the git cursor {problem}")
        self.problem = problem


class GitCursorTooLarge(LedgerError):
    """More lines of history are open between two pages than a cursor may hold."""

    code = "git-cursor-too-large"

    def __init__(self, tips: int, most_tips: int) -> None:
        super().__init__(
            f"the history has {tips} open ends between two pages, more than {most_tips}; use larger pages"
        )
        self.tips = tips
        self.most_tips = most_tips


class GitOutputUnreadable(LedgerError):
    """git printed something else than the fields it was asked for."""

    code = "git-output-unreadable"

    def __init__(self, problem: str) -> None:
        super().__init__(f"git's output can't be read: {problem}")
        self.problem = problem

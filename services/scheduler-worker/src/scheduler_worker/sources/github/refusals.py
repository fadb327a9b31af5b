"""What the GitHub source refuses, each with its stable code; what others wrote is quoted in plain ASCII."""

from __future__ import annotations

from typing import Final

from ledger_core.errors import LedgerError

MAX_QUOTED_CHARACTERS: Final = 200  # enough to find the cause


def quoted(text: object) -> str:
    """Return text in printable ASCII on one line, anything else as `?`, shortened."""
    letters = text if isinstance(text, str) else "no message"
    printable = "".join(letter if " " <= letter <= "~" else "?" for letter in letters[:MAX_QUOTED_CHARACTERS])
    return printable + "..." if len(letters) > MAX_QUOTED_CHARACTERS else printable


class GithubCredentialsRefused(LedgerError):
    """GitHub does not know the token, or it has expired, or the app's key is not the app's."""

    code = "github-credentials-refused"

    def __init__(self, what: str) -> None:
        super().__init__(f"GitHub does not accept {what}")
        self.what = what


class GithubCredentialsUnusable(LedgerError):
    """The environment's token or key can't be one."""

    code = "github-credentials-unusable"

    def __init__(self, variable: str, problem: str) -> None:
        super().__init__(f"{variable} {problem}")
        self.variable = variable
        self.problem = problem


class GithubAppNotInstalled(LedgerError):
    """The app has no installation, or a suspended one, for the owner of a repository."""

    code = "github-app-not-installed"

    def __init__(self, owner: str, problem: str = "is not installed") -> None:
        super().__init__(f"the GitHub App {problem} for {quoted(owner)}")
        self.owner = owner


class GithubSamlRequired(LedgerError):
    """The organisation lets in only credentials that were authorized for its single sign-on."""

    code = "github-saml-required"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{quoted(what)} needs a token that is authorized for the organisation's SAML sign-on"
        )
        self.what = what


class GithubForbidden(LedgerError):
    """The credentials lack a right."""

    code = "github-forbidden"

    def __init__(self, what: str, message: object) -> None:
        super().__init__(f"the credentials may not read {quoted(what)}: {quoted(message)}")
        self.what = what


class GithubNotFound(LedgerError):
    """There is no such repository or owner for these credentials: wrong name, deleted, or invisible."""

    code = "github-not-found"

    def __init__(self, what: str) -> None:
        super().__init__(f"{quoted(what)} is not there, or the credentials do not see it")
        self.what = what


class GithubRequestRefused(LedgerError):
    """GitHub refuses the request as such: an Enterprise server that is too old, or our own fault."""

    code = "github-request-refused"

    def __init__(self, status: int, message: object) -> None:
        super().__init__(f"GitHub refuses the request (status {status}): {quoted(message)}")
        self.status = status


class GithubPageCursorRefused(GithubRequestRefused):
    """GitHub no longer takes the cursor of a page; the listing can be read from its beginning."""


class GithubAnswerUnreadable(LedgerError):
    """An answer is not what GitHub documents, so nothing of it was used."""

    code = "github-answer-unreadable"

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"GitHub's answer can't be read: {quoted(where)} {problem}")
        self.where = where
        self.problem = problem


class GithubCursorInvalid(LedgerError):
    """The cursor's text was not written by this source."""

    code = "github-cursor-invalid"

    def __init__(self, problem: str) -> None:
        super().__init__(f"the GitHub cursor {problem}")
        self.problem = problem


class GithubHistoryRewritten(LedgerError):
    """The default branch no longer contains commits that were collected."""

    code = "github-history-rewritten"

    def __init__(self, source_ref: str, *, old_head: str, new_head: str | None) -> None:
        super().__init__(
            f"the history of {quoted(source_ref)} was rewritten, or its default branch replaced: {old_head} is"
            f" not part of {new_head or 'the now empty branch'}; accept_rewrites = true collects the commits of"
            " the branch as it is now"
        )
        self.source_ref = source_ref
        self.old_head = old_head
        self.new_head = new_head


class GithubCommitGone(LedgerError):
    """A commit was thrown away after its branch was rewritten."""

    code = "github-commit-gone"

    def __init__(self, oid: str) -> None:
        super().__init__(f"GitHub no longer has commit {quoted(oid)}")
        self.oid = oid


class GithubCountDiffers(LedgerError):
    """A stream was read to its end, and GitHub counts otherwise by another route: it is incomplete."""

    code = "github-count-differs"

    def __init__(self, stream: str, *, what: str, seen: int, independent: int) -> None:
        super().__init__(
            f"{stream} gave {seen} {what}, and GitHub counts {independent}; it is read again next time"
        )
        self.stream = stream
        self.what = what
        self.seen = seen
        self.independent = independent

"""What the GitLab source refuses, each with its stable code; what others wrote is never quoted."""

from __future__ import annotations

from ledger_core.errors import LedgerError


class GitlabCredentialsRefused(LedgerError):
    """GitLab does not know the token, or it has expired."""

    code = "gitlab-credentials-refused"

    def __init__(self) -> None:
        super().__init__("GitLab does not accept the token")


class GitlabCredentialsUnusable(LedgerError):
    """The environment's token is missing, or can't be one."""

    code = "gitlab-credentials-unusable"

    def __init__(self, variable: str, problem: str) -> None:
        super().__init__(f"{variable} {problem}")
        self.variable = variable


class GitlabForbidden(LedgerError):
    """The token lacks a right, or the project has this part switched off."""

    code = "gitlab-forbidden"

    def __init__(self, what: str) -> None:
        super().__init__(f"the token may not read {what}, or the project has it switched off")
        self.what = what


class GitlabNotFound(LedgerError):
    """There is no such project for this token: wrong name, deleted, or invisible."""

    code = "gitlab-not-found"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not there, or the token does not see it")
        self.what = what


class GitlabRequestRefused(LedgerError):
    """GitLab refuses the request as such: a server that is too old, or our own fault."""

    code = "gitlab-request-refused"

    def __init__(self, what: str, status: int) -> None:
        super().__init__(f"GitLab refuses the request for {what} (status {status})")
        self.status = status


class GitlabAnswerUnreadable(LedgerError):
    """An answer is not what GitLab documents, so nothing of it was used."""

    code = "gitlab-answer-unreadable"

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"GitLab's answer can't be read: {where} {problem}")
        self.where = where
        self.problem = problem


class GitlabTooManyAtOnce(LedgerError):
    """More things than can be listed have one instant, or one parent."""

    code = "gitlab-too-many-at-once"

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(f"{what} has more than {limit} things that only pages by number can list")
        self.limit = limit


class GitlabCursorInvalid(LedgerError):
    """The cursor's text was not written by this source."""

    code = "gitlab-cursor-invalid"

    def __init__(self, problem: str) -> None:
        super().__init__(f"the GitLab cursor {problem}")
        self.problem = problem

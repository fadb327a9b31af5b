"""Every refusal of the ledger: a named error with its data, one sentence, and a stable code.

A refusal means that the world said no; it is never retried. What is our own fault is an assertion.
"""

from __future__ import annotations

from typing import ClassVar


class LedgerError(Exception):
    """The root of all refusals; `code` is stable and `str()` is one sentence for a person."""

    code: ClassVar[str] = "refused"


class InvalidValue(LedgerError):
    """A value breaks the rule of its type; nothing was done with it."""

    code = "invalid-value"

    def __init__(self, what: str, problem: str) -> None:
        """Name the thing and what is wrong with it; `problem` must not repeat unbounded input."""
        super().__init__(f"{what} {problem}")
        self.what = what
        self.problem = problem


class SourceUnavailable(Exception):
    """A source can't answer now; trying again later may help, so this is no refusal."""

    def __init__(self, source: str, reason: str, *, retry_after_seconds: int | None = None) -> None:
        """Name the source and the reason; retry_after_seconds is what the source asked for, if it did."""
        super().__init__(f"{source} is unavailable: {reason}")
        self.source = source
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds

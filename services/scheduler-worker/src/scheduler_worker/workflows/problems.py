"""What to say of a failure: the root cause as `code: sentence`."""

from __future__ import annotations

from temporalio.exceptions import (
    ApplicationError,
    CancelledError,
    FailureError,
    TerminatedError,
    TimeoutError,  # noqa: A004 - Temporal's name
)


def root_cause(error: BaseException) -> BaseException:
    """Return the failure below all the wrappers that Temporal puts around it."""
    while isinstance(error, FailureError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def problem_of(error: BaseException) -> str:
    """Return `code: sentence` of a refusal, else the failure's own words."""
    cause = root_cause(error)
    if isinstance(cause, ApplicationError):
        return f"{cause.type}: {cause.message}"
    if isinstance(cause, TimeoutError):
        return f"timed-out: {cause.message}"
    if isinstance(cause, CancelledError):
        return "cancelled: the run was cancelled"
    if isinstance(cause, TerminatedError):
        return "terminated: the run was terminated"
    return f"failed: {cause}"

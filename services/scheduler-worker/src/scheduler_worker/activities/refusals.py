"""From the ledger's refusals to Temporal's failures: the one place that decides what is tried again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, FailureError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from ledger_core.errors import CursorMoved, LedgerError, SourceUnavailable
from ledger_core.ports.ledger import ProgramOutdated

WORKER_FAULT: Final = "worker-fault"
SOURCE_UNAVAILABLE: Final = "source-unavailable"
# The next attempt begins where the cursor stands now, or is a newer worker's.
RETRIED_REFUSALS: Final = (CursorMoved, ProgramOutdated)


class RefusalInterceptor(Interceptor):
    """Wraps every activity of a worker in the translation of refusals."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - Temporal's name
        """Return the translating interceptor."""
        return _Translation(next)


class _Translation(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - Temporal's name
        try:
            return await self.next.execute_activity(input)
        except (LedgerError, SourceUnavailable) as error:
            raise failure_of(error) from None  # a history needs no second stack trace
        except FailureError:
            raise  # Temporal's own: cancellations above all
        except Exception as error:  # noqa: BLE001 - whatever it is, it is logged, hidden and tried again
            # A driver's message may hold rows of people; the worker's log has it, a history does not.
            activity.logger.exception("activity_fault")
            raise ApplicationError(_hidden(error), type=WORKER_FAULT) from None


def sentence_of(error: Exception) -> str:
    """Return `code: sentence` of an error; of one that is no refusal only its kind, as its text may hold anything."""
    if isinstance(error, LedgerError):
        return f"{error.code}: {error}"
    if isinstance(error, SourceUnavailable):
        return f"{SOURCE_UNAVAILABLE}: {error}"
    return f"{WORKER_FAULT}: {_hidden(error)}"


def _hidden(error: Exception) -> str:
    return f"{type(error).__name__}; the worker's log says more"


def failure_of(error: LedgerError | SourceUnavailable) -> ApplicationError:
    """Return the failure that a workflow sees: its type is the refusal's stable code.

    Holds: a refusal is final, and expected enough not to be logged as a fault; an unavailable source is
           tried again, exactly as late as it asked for.
    """
    if isinstance(error, SourceUnavailable):
        wait = error.retry_after_seconds
        return ApplicationError(
            str(error),
            type=SOURCE_UNAVAILABLE,
            # Without a wait, or with none that lies ahead, the profile's own pause holds.
            next_retry_delay=timedelta(seconds=wait) if wait is not None and wait > 0 else None,
        )
    return ApplicationError(
        str(error),
        type=error.code,
        non_retryable=not isinstance(error, RETRIED_REFUSALS),
        category=ApplicationErrorCategory.BENIGN,
    )

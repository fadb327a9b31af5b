"""From the name of a constraint to the refusal that it means; whatever is not named here goes through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from psycopg.errors import Error, IntegrityConstraintViolation, IntegrityError, NumericValueOutOfRange
from sqlalchemy.exc import DBAPIError

from ledger_core.errors import (
    AnotherEpochOpen,
    EpochClosed,
    EpochWindowsOverlap,
    EventPaidTwice,
    LedgerError,
    LedgerRuleBroken,
    PoolBaseMissing,
    PoolComponentDiffers,
    UnitsOutOfRange,
)

REFUSALS: Final[dict[str, Callable[[], LedgerError]]] = {
    "one_open_epoch": AnotherEpochOpen,
    "epoch_window_unique": AnotherEpochOpen,  # lost a race for the same window: the caller looks again
    "epoch_windows_disjoint": EpochWindowsOverlap,
    "event_paid_once": EventPaidTwice,
    "pool_unique_per_type": lambda: PoolComponentDiffers(None, None),
    "epoch_close_idempotent": lambda: LedgerRuleBroken("EPOCH_CLOSE_IDEMPOTENT"),
    "statement_chain_linear": lambda: LedgerRuleBroken("STATEMENT_CHAIN_LINEAR"),
    "statement_superseded_once": lambda: LedgerRuleBroken("AMENDMENT_SUPERSEDES"),
    "uq_statement_signatures_statement_id_signer_wallet": lambda: LedgerRuleBroken("SIGNED_ONCE"),
    "action_applied_once": lambda: LedgerRuleBroken("ACTION_APPLIED_ONCE"),
    "fk_payout_statements_previous": lambda: LedgerRuleBroken("STATEMENT_CHAIN_LINEAR"),
    "gap_waived_once": lambda: LedgerRuleBroken("GAP_WAIVED_ONCE"),
    "CURATION_FREEZE_ON_CLOSE": EpochClosed,
    "COMPLETENESS_FROZEN": EpochClosed,
    "EPOCH_CLOSED_FOREVER": EpochClosed,
    "POOL_IMMUTABLE": EpochClosed,
    "POOL_REQUIRES_BASE": PoolBaseMissing,
}


@contextmanager
def refusals_by_constraint() -> Iterator[None]:
    """Raise the ledger's refusal where the database refused by a named rule; let the rest through."""
    try:
        yield
    except DBAPIError as error:
        refusal = find_refusal(error.orig)
        if refusal is None:
            raise
        raise refusal from error


def find_refusal(error: BaseException | None) -> LedgerError | None:
    """Return what a driver's error means to the ledger; None for a fault that is no refusal."""
    if isinstance(error, NumericValueOutOfRange):
        return UnitsOutOfRange()
    if not isinstance(error, Error | IntegrityError) or error.diag.constraint_name is None:
        return None
    name = error.diag.constraint_name
    if name in REFUSALS:
        return REFUSALS[name]()
    is_rule_of_ours = isinstance(error, IntegrityConstraintViolation) and name.isupper()
    return LedgerRuleBroken(name) if is_rule_of_ours else None

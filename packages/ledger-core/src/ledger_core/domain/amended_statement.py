"""How a statement is amended: the same epoch, pool and events, and other units for some of its people."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ledger_core.amendment_errors import AmendmentChangesNothing, NothingToClear, TooManyCorrections
from ledger_core.domain.allocation import FinalizedAllocation, compute_allocation_set_hash
from ledger_core.domain.amendment import MAX_CORRECTIONS, Amendment, Correction
from ledger_core.domain.payouts import compute_payouts
from ledger_core.domain.statement import PayoutStatement
from ledger_core.errors import InvalidValue


@dataclass(frozen=True, slots=True, kw_only=True)
class NetDifference:
    """What an amendment changes for one person: units in milli-units, and credits."""

    user_id: str
    units_before: int
    units_after: int
    credits_before: int
    credits_after: int

    @property
    def credits(self) -> int:
        """Return the credits that the person gets more (less, if negative)."""
        return self.credits_after - self.credits_before


def amend(
    superseded: PayoutStatement,
    allocations: Sequence[FinalizedAllocation],
    *,
    set_units: Mapping[str, int],
    cleared: Collection[str],
    reason: str,
    amended_by: str,
    previous_statement_hash: str,
) -> PayoutStatement:
    """Return the statement that supersedes another; allocations are the epoch's own, as it closed.

    Holds:  AMENDMENT_SUPERSEDES: window, weights, events, pool and streams are those of the superseded one, and
            its corrections stand unless they are set anew or cleared. Equal input gives equal bytes.
    Raises: AmendmentChangesNothing, NothingToClear for a user without a correction, TooManyCorrections, UnitsOutOfRange, InvalidValue.
    """
    for what, text in (("reason", reason), ("actor", amended_by)):
        if not text.strip():
            raise InvalidValue(what, "must not be blank")
    standing = {} if superseded.amendment is None else by_user(superseded.amendment)
    for user in sorted(cleared):
        if user not in standing or user in set_units:
            raise NothingToClear(superseded.epoch_id, user)
    kept = {user: made for user, made in standing.items() if user not in cleared}
    made = {
        user: Correction(user_id=user, units=units, reason=reason, amended_by=amended_by)
        for user, units in set_units.items()
        if user not in kept or kept[user].units != units
    }
    corrections = kept | made
    if len(corrections) > MAX_CORRECTIONS:
        raise TooManyCorrections(len(corrections), MAX_CORRECTIONS)
    amendment = Amendment(
        supersedes=superseded.statement_hash,
        reason=reason,
        amended_by=amended_by,
        corrections=tuple(corrections[user] for user in sorted(corrections)),
    )
    paid_by = amendment.applied_to(allocations)
    set_hash = compute_allocation_set_hash(paid_by)
    if set_hash == superseded.allocation_set_hash:
        raise AmendmentChangesNothing(superseded.epoch_id)
    return replace(
        superseded,
        allocation_set_hash=set_hash,
        payouts=compute_payouts(paid_by, superseded.pool_total_credits),
        previous_statement_hash=previous_statement_hash,
        amendment=amendment,
    )


def by_user(amendment: Amendment) -> dict[str, Correction]:
    """Return the corrections by whom they are for."""
    return {correction.user_id: correction for correction in amendment.corrections}


def net_differences(before: PayoutStatement, after: PayoutStatement) -> tuple[NetDifference, ...]:
    """Return whose units or credits differ between two statements of an epoch, ordered by user id.

    Holds: credits sum to what more is distributed: to 0 where both distribute the pool.
    """
    old = {line.user_id: line for line in before.payouts}
    new = {line.user_id: line for line in after.payouts}
    found = []
    for user in sorted(old.keys() | new.keys()):
        was, is_now = old.get(user), new.get(user)
        difference = NetDifference(
            user_id=user,
            units_before=0 if was is None else was.total_units,
            units_after=0 if is_now is None else is_now.total_units,
            credits_before=0 if was is None else was.amount_credits,
            credits_after=0 if is_now is None else is_now.amount_credits,
        )
        if difference.credits or difference.units_before != difference.units_after:
            found.append(difference)
    return tuple(found)

"""Set the units of one user in an epoch by an admin's decision, or take the decision back."""

from __future__ import annotations

from ledger_core.domain.allocation import Allocation
from ledger_core.domain.canonical_json import JsonValue
from ledger_core.domain.ledger_action import ActionContext, LedgerAction
from ledger_core.errors import EpochClosed, UserNotFound
from ledger_core.identifiers import EpochId, UserId, check_bigint
from ledger_core.ports.clock import Clock
from ledger_core.ports.ledger import Ledger
from ledger_core.use_cases.nothing_changed import record_nothing_changed


def adjust_allocation(
    ledger: Ledger,
    epoch_id: EpochId,
    user_id: UserId,
    *,
    final_units: int | None,
    context: ActionContext,
    clock: Clock,
) -> bool:
    """Set final_units (milli-units; None clears it) with a reason; return False when nothing changes.

    Raises: EpochNotFound, EpochClosed, UserNotFound, InvalidValue.
    """
    reason = context.required_reason()
    if final_units is not None:
        check_bigint("final units", final_units)
    with ledger.begin() as transaction:
        applied = transaction.actions.find_applied(context.idempotency_key)
        if applied is not None:
            return applied.has_changed_something
        if not transaction.epochs.lock(epoch_id).is_open:
            raise EpochClosed(epoch_id)
        if transaction.identities.find_user(user_id) is None:
            raise UserNotFound(user_id)
        before = transaction.allocations.find(epoch_id, user_id)
        unchanged = before is not None and before.final_units == final_units
        at = clock()
        if unchanged or (before is None and final_units is None):
            record_nothing_changed(transaction, f"epoch {epoch_id} {user_id}", context, at=at)
            return False
        transaction.allocations.set_final(
            epoch_id,
            user_id,
            final_units=final_units,
            reason=reason if final_units is not None else None,
            by=context.actor,
            at=at,
        )
        transaction.allocations.propose(epoch_id)  # a row that was only there for its override goes
        transaction.actions.append(
            LedgerAction(
                action="allocation-set" if final_units is not None else "allocation-cleared",
                subject=f"epoch {epoch_id} {user_id}",
                context=context,
                at=at,
                before=_as_json(before),
                after={"final_units": None if final_units is None else str(final_units)},
            )
        )
        return True


def _as_json(allocation: Allocation | None) -> dict[str, JsonValue]:
    if allocation is None:
        return {}
    final_units = allocation.final_units
    return {
        "proposed_units": str(allocation.proposed_units),
        "final_units": None if final_units is None else str(final_units),
        "override_reason": allocation.override_reason,
    }

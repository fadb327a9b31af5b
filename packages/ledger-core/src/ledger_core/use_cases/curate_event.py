"""An admin's judgement of one event: whether it counts, and with what weight."""

from __future__ import annotations

from ledger_core.domain.canonical_json import JsonValue
from ledger_core.domain.ledger_action import ActionContext, LedgerAction
from ledger_core.errors import EpochClosed, EventNotCurated
from ledger_core.identifiers import EpochId, EventId, check_bigint
from ledger_core.ports.clock import Clock
from ledger_core.ports.ledger import Ledger
from ledger_core.use_cases.nothing_changed import record_nothing_changed


def curate_event(
    ledger: Ledger,
    epoch_id: EpochId,
    event_id: EventId,
    *,
    included: bool,
    weight_override_milli: int | None,
    context: ActionContext,
    clock: Clock,
) -> bool:
    """Include or exclude an event, and set or clear its own weight; return False when nothing changes.

    Holds:  proposals follow in the same transaction.
    Raises: EpochNotFound, EpochClosed, EventNotCurated, InvalidValue.
    """
    reason = context.required_reason()
    if weight_override_milli is not None:
        check_bigint("weight override", weight_override_milli)
    with ledger.begin() as transaction:
        applied = transaction.actions.find_applied(context.idempotency_key)
        if applied is not None:
            return applied.has_changed_something
        if not transaction.epochs.lock(epoch_id).is_open:
            raise EpochClosed(epoch_id)
        before = transaction.curation.find(epoch_id, event_id)
        if before is None:
            raise EventNotCurated(epoch_id, event_id)
        at, subject = clock(), f"epoch {epoch_id} {event_id}"
        stands = _as_json(before.included, before.weight_override_milli)
        wanted = _as_json(included, weight_override_milli)
        if stands == wanted:
            record_nothing_changed(transaction, subject, context, at=at)
            return False
        transaction.curation.judge(
            epoch_id,
            event_id,
            included=included,
            weight_override_milli=weight_override_milli,
            note=reason,
            by=context.actor,
            at=at,
        )
        transaction.allocations.propose(epoch_id)
        action = LedgerAction(
            action="event-judged", subject=subject, context=context, at=at, before=stands, after=wanted
        )
        transaction.actions.append(action)
        return True


def _as_json(included: bool, weight: int | None) -> dict[str, JsonValue]:  # noqa: FBT001 - as it stands in a row
    return {"included": included, "weight_override_milli": None if weight is None else str(weight)}

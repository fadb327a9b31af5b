"""An admin's judgement of one event: whether it counts, and with what weight."""

from __future__ import annotations

from ledger_core.domain.canonical_json import JsonValue
from ledger_core.domain.ledger_action import ActionContext, LedgerAction
from ledger_core.errors import EpochClosed, EventNotCurated
from ledger_core.identifiers import EpochId, EventId, check_bigint
from ledger_core.ports.clock import Clock
from ledger_core.ports.ledger import Ledger


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
        if transaction.actions.find_applied(context.idempotency_key) is not None:
            return True
        if not transaction.epochs.lock(epoch_id).is_open:
            raise EpochClosed(epoch_id)
        before = transaction.curation.find(epoch_id, event_id)
        if before is None:
            raise EventNotCurated(epoch_id, event_id)
        if (before.included, before.weight_override_milli) == (included, weight_override_milli):
            return False
        at = clock()
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
        transaction.actions.append(
            LedgerAction(
                action="event-judged",
                subject=f"epoch {epoch_id} {event_id}",
                context=context,
                at=at,
                before=_as_json(included=before.included, weight=before.weight_override_milli),
                after=_as_json(included=included, weight=weight_override_milli),
            )
        )
        return True


def _as_json(*, included: bool, weight: int | None) -> dict[str, JsonValue]:
    return {"included": included, "weight_override_milli": None if weight is None else str(weight)}

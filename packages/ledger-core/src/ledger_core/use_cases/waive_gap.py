"""An admin's decision to close an epoch although a stream of its window is incomplete."""

from __future__ import annotations

from ledger_core.completeness_errors import GapChanged, NothingToWaive, StreamNotRead
from ledger_core.domain.completeness import Gap
from ledger_core.domain.ledger_action import ActionContext, LedgerAction
from ledger_core.domain.stream_reading import GapWaiver, Verdict, compute_completeness
from ledger_core.errors import EpochClosed
from ledger_core.identifiers import EpochId, StreamRef
from ledger_core.ports.clock import Clock
from ledger_core.ports.ledger import Ledger
from ledger_core.use_cases.nothing_changed import record_nothing_changed


def waive_gap(
    ledger: Ledger,
    epoch_id: EpochId,
    stream: StreamRef,
    *,
    reviewed_gap: str | None = None,
    context: ActionContext,
    clock: Clock,
) -> bool:
    """Waive the gap that the stream's newest reading has; return False when that very gap is waived already.

    Holds:  the waiver covers this gap alone: a later reading with other figures needs another.
    Raises: EpochNotFound, EpochClosed, StreamNotRead, NothingToWaive, InvalidValue without a reason, and
            GapChanged when the gap's figures (its text) are not those that were reviewed.
    """
    reason = context.required_reason()
    with ledger.begin() as transaction:
        applied = transaction.actions.find_applied(context.idempotency_key)
        if applied is not None:
            return applied.has_changed_something
        epoch = transaction.epochs.lock(epoch_id)
        if not epoch.is_open:
            raise EpochClosed(epoch_id)
        at, subject = clock(), f"epoch {epoch_id} {stream}"
        newest = transaction.completeness.find_newest(epoch.window, stream)
        if newest is None:
            raise StreamNotRead(epoch_id, str(stream))
        (stands,) = compute_completeness([newest], transaction.completeness.waivers(epoch_id), at=at)
        if stands.gap is None:
            raise NothingToWaive(epoch_id, str(stream))
        _check_reviewed(stream, stands.gap, reviewed_gap)
        if stands.verdict is Verdict.WAIVED:
            record_nothing_changed(transaction, subject, context, at=at)
            return False
        transaction.completeness.waive(
            epoch_id,
            GapWaiver(stream=stream, gap=stands.gap, reason=reason, waived_by=context.actor, waived_at=at),
        )
        action = LedgerAction(
            action="gap-waived",
            subject=subject,
            context=context,
            at=at,
            before={"verdict": Verdict.INCOMPLETE.value},
            after={"verdict": Verdict.WAIVED.value, "gap": stands.gap.document()},
        )
        transaction.actions.append(action)
        return True


def _check_reviewed(stream: StreamRef, gap: Gap, reviewed: str | None) -> None:
    if reviewed is not None and reviewed != str(gap):
        raise GapChanged(str(stream), reviewed, str(gap))

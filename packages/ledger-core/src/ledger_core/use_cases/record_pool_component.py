"""Record one part of an epoch's budget."""

from __future__ import annotations

from ledger_core.domain.ledger_action import ActionContext, LedgerAction
from ledger_core.domain.pool import PoolComponent
from ledger_core.errors import EpochClosed, PoolComponentDiffers, PoolTooLarge
from ledger_core.identifiers import MAX_BIGINT, EpochId
from ledger_core.ports.clock import Clock
from ledger_core.ports.ledger import Ledger


def record_pool_component(
    ledger: Ledger, epoch_id: EpochId, component: PoolComponent, context: ActionContext, *, clock: Clock
) -> bool:
    """Record the component; return False when the same one is there already (POOL_UNIQUE_PER_TYPE).

    Raises: EpochNotFound, EpochClosed, PoolComponentDiffers, PoolTooLarge.
    """
    with ledger.begin() as transaction:
        if transaction.actions.find_applied(context.idempotency_key) is not None:
            return True
        epoch = transaction.epochs.lock(epoch_id)
        components = transaction.pool.list_all(epoch_id)
        for recorded in components:
            if recorded.component_id == component.component_id:
                if recorded.has_content_of(component):
                    return False
                raise PoolComponentDiffers(epoch_id, component.component_id)
        if not epoch.is_open:
            raise EpochClosed(epoch_id)
        if sum(part.amount_credits for part in (*components, component)) > MAX_BIGINT:
            raise PoolTooLarge  # recorded, it could never be taken back, and the epoch never closed
        transaction.pool.add(epoch_id, component)
        transaction.actions.append(
            LedgerAction(
                action="pool-component-recorded",
                subject=f"epoch {epoch_id} {component.component_id}",
                context=context,
                at=clock(),
                after={
                    "algorithm_version": component.algorithm_version,
                    "amount_credits": str(component.amount_credits),
                    "evidence_ref": component.evidence_ref,
                    "inputs_hash": component.inputs_hash,
                },
            )
        )
        return True

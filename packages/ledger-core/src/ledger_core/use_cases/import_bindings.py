"""Bind many accounts at once, all or none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ledger_core.domain.identity import MAX_IMPORTED, IdentityBinding
from ledger_core.domain.ledger_action import ActionContext, LedgerAction
from ledger_core.errors import InvalidValue
from ledger_core.identity_errors import BindingConflicts
from ledger_core.ports.clock import Clock
from ledger_core.ports.ledger import Ledger
from ledger_core.use_cases.nothing_changed import record_nothing_changed


def import_bindings(
    ledger: Ledger, bindings: Sequence[IdentityBinding], context: ActionContext, *, clock: Clock
) -> int:
    """Bind accounts to users, all or none; return how many are new. What is bound already is no change.

    Holds:  nothing that is bound moves: a conflict refuses all, and every conflict is named.
    Raises: BindingConflicts, InvalidValue.
    """
    context.required_reason()
    if not 0 < len(bindings) <= MAX_IMPORTED:
        raise InvalidValue("bindings", f"must be 1 to {MAX_IMPORTED} at a time")
    wanted = {(each.provider, each.external_id): each.user_id for each in bindings}
    if len(wanted) < len(bindings):
        twice = Counter((each.provider, each.external_id) for each in bindings).most_common(1)[0][0]
        raise InvalidValue("bindings", f"name {twice[0]} account {twice[1]} twice")
    with ledger.begin() as transaction:
        applied = transaction.actions.find_applied(context.idempotency_key)
        if applied is not None:
            added = applied.after["bindings"] if applied.has_changed_something else 0
            assert isinstance(added, int)
            return added
        transaction.identities.take_turns()
        conflicts = [
            (found.provider, found.external_id, wanted[found.provider, found.external_id], found.user_id)
            for found in transaction.identities.find_bindings(list(wanted))
            if found.user_id != wanted[found.provider, found.external_id]
        ]
        if conflicts:
            raise BindingConflicts(conflicts)
        at = clock()
        added = transaction.identities.bind(bindings, context, at=at)
        subject = f"{len(bindings)} accounts"
        if not added:
            record_nothing_changed(transaction, subject, context, at=at)
            return 0
        transaction.actions.append(
            LedgerAction(
                action="bindings-imported",
                subject=subject,
                context=context,
                at=at,
                after={
                    "bindings": added,
                    "identities": [[each.provider, each.external_id, each.user_id] for each in bindings],
                },
            )
        )
        return added

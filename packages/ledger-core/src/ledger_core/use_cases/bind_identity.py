"""Say whom identities belong to, and take it back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from ledger_core.domain.identity import IdentityBinding
from ledger_core.domain.ledger_action import ActionContext, LedgerAction
from ledger_core.errors import InvalidValue
from ledger_core.identifiers import UserId
from ledger_core.ports.clock import Clock
from ledger_core.ports.ledger import Ledger
from ledger_core.use_cases.nothing_changed import record_nothing_changed

MAX_BINDINGS: Final = 500  # a write stays far below Temporal's 2 MB a payload


def bind_identities(
    ledger: Ledger, bindings: Sequence[IdentityBinding], context: ActionContext, *, clock: Clock
) -> int:
    """Bind identities to users, all or none; return how many are new.

    Holds:  users are created as needed; older events of the open epoch resolve at its next curation.
    Raises: IdentityAlreadyBound when one belongs to another user, InvalidValue for one given twice.
    """
    if not 0 < len(bindings) <= MAX_BINDINGS:
        raise InvalidValue("bindings", f"must be 1 to {MAX_BINDINGS} at a time")
    identities = Counter((binding.provider, binding.external_id) for binding in bindings)
    if any(times > 1 for times in identities.values()):
        raise InvalidValue("bindings", "name an identity twice")
    with ledger.begin() as transaction:
        applied = transaction.actions.find_applied(context.idempotency_key)
        if applied is not None:
            added = applied.after["bindings"] if applied.has_changed_something else 0
            assert isinstance(added, int)
            return added
        transaction.identities.take_turns()
        at = clock()
        added = transaction.identities.bind(bindings, context, at=at)
        users = sorted({binding.user_id for binding in bindings})
        subject = users[0] if len(users) == 1 else f"{len(users)} users"
        if not added:
            record_nothing_changed(transaction, subject, context, at=at)
        else:
            transaction.actions.append(
                LedgerAction(
                    action="identities-bound",
                    subject=subject,
                    context=context,
                    at=at,
                    after={
                        "bindings": added,
                        "identities": [
                            [binding.provider, binding.external_id, binding.user_id] for binding in bindings
                        ],
                    },
                )
            )
        return added


def unbind_identity(
    ledger: Ledger, provider: str, external_id: str, context: ActionContext, *, clock: Clock
) -> UserId:
    """Take a binding back and return whose it was; closed epochs stay as they are.

    Raises: IdentityNotBound, InvalidValue.
    """
    context.required_reason()
    with ledger.begin() as transaction:
        applied = transaction.actions.find_applied(context.idempotency_key)
        if applied is not None:
            return UserId(applied.subject)
        transaction.identities.take_turns()
        at = clock()
        user = transaction.identities.unbind(provider, external_id, context, at=at)
        transaction.actions.append(
            LedgerAction(
                action="identity-unbound",
                subject=user,
                context=context,
                at=at,
                before={"provider": provider, "external_id": external_id},
            )
        )
        return user

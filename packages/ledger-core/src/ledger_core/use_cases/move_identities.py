"""Merge two users into one, and split one into two: accounts move, the open epoch follows at once, closed ones stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ledger_core.domain.canonical_json import JsonValue
from ledger_core.domain.curation import CurationCounts
from ledger_core.domain.epoch import Epoch
from ledger_core.domain.identity import IdentityBinding
from ledger_core.domain.ledger_action import ActionContext, LedgerAction
from ledger_core.errors import InvalidValue, UserNotFound
from ledger_core.identifiers import EpochId, UserId
from ledger_core.identity_errors import SplitTakesAll, UserHasOverride
from ledger_core.ports.clock import Clock
from ledger_core.ports.ledger import Ledger, LedgerTransaction
from ledger_core.use_cases.nothing_changed import record_nothing_changed

MAX_MOVED: Final = 1_000  # accounts of one person: the largest known have dozens
_CLOSES_MEANWHILE: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedIdentities:
    """How many accounts moved, and what that changed in the open epoch, if there is one."""

    moved: int
    epoch_id: EpochId | None = None
    counts: CurationCounts | None = None
    allocations_changed: int = 0


def merge_users(
    ledger: Ledger, gone: UserId, into: UserId, context: ActionContext, *, clock: Clock
) -> MovedIdentities:
    """Move every account of a user to another, who is the same person; the user stays, without any.

    Holds:  the open epoch is curated and proposed anew in the same transaction. Closed epochs, and what they paid
            to either, stay as they are.
    Raises: UserNotFound, UserHasOverride where an admin set units of either in the open epoch, InvalidValue.
    """
    with ledger.begin() as transaction:
        applied = transaction.actions.find_applied(context.idempotency_key)
        if applied is not None:
            return _as_before(applied)
        epoch = _begin(transaction, gone, into, context)
        bindings = _bindings_of(transaction, gone)
        _check_known(transaction, into)
        return _move(transaction, bindings, into, epoch, context, clock, action="users-merged")


def split_user(
    ledger: Ledger,
    user_id: UserId,
    into: UserId,
    accounts: Sequence[tuple[str, str]],
    context: ActionContext,
    *,
    clock: Clock,
) -> MovedIdentities:
    """Move some accounts of a user, `(provider, external_id)` each, to another user, who is made if need be.

    Holds:  as of `merge_users`.
    Raises: UserNotFound, AccountNotOfUser, SplitTakesAll, UserHasOverride, InvalidValue.
    """
    if not 0 < len(accounts) <= MAX_MOVED or len(set(accounts)) < len(accounts):
        raise InvalidValue("accounts", f"must be 1 to {MAX_MOVED}, each once")
    with ledger.begin() as transaction:
        applied = transaction.actions.find_applied(context.idempotency_key)
        if applied is not None:
            return _as_before(applied)
        epoch = _begin(transaction, user_id, into, context)
        owned = {(each.provider, each.external_id) for each in _bindings_of(transaction, user_id)}
        if owned and owned <= set(accounts):
            raise SplitTakesAll(user_id)
        bindings = [
            IdentityBinding(provider=provider, external_id=external_id, user_id=user_id)
            for provider, external_id in sorted(accounts)
        ]
        return _move(transaction, bindings, into, epoch, context, clock, action="user-split")


def _begin(
    transaction: LedgerTransaction, user_id: UserId, into: UserId, context: ActionContext
) -> Epoch | None:
    """Lock what a move goes by, and refuse what no move may go past; return the open epoch."""
    context.required_reason()
    if user_id == into:
        raise InvalidValue("users", "are one and the same")
    epoch = _lock_open_epoch(transaction)
    transaction.identities.take_turns()
    _check_known(transaction, user_id)
    for each in (user_id, into):
        found = None if epoch is None else transaction.allocations.find(epoch.id, each)
        if epoch is not None and found is not None and found.final_units is not None:
            raise UserHasOverride(each, epoch.id)
    return epoch


def _lock_open_epoch(transaction: LedgerTransaction) -> Epoch | None:
    for _ in range(_CLOSES_MEANWHILE):
        found = transaction.epochs.find_open()
        if found is None:
            return None
        locked = transaction.epochs.lock(found.id)
        if locked.is_open:
            return locked
    return None


def _check_known(transaction: LedgerTransaction, user_id: UserId) -> None:
    if transaction.identities.find_user(user_id) is None:
        raise UserNotFound(user_id)


def _bindings_of(transaction: LedgerTransaction, user_id: UserId) -> tuple[IdentityBinding, ...]:
    found = transaction.identities.list_of(user_id, limit=MAX_MOVED + 1)
    if len(found) > MAX_MOVED:
        raise InvalidValue("accounts", f"must be at most {MAX_MOVED} of one user")
    return found


def _move(
    transaction: LedgerTransaction,
    bindings: Sequence[IdentityBinding],
    into: UserId,
    epoch: Epoch | None,
    context: ActionContext,
    clock: Clock,
    *,
    action: str,
) -> MovedIdentities:
    at = clock()
    if not bindings:
        record_nothing_changed(transaction, into, context, at=at)
        return MovedIdentities(moved=0)
    transaction.identities.move(bindings, into, context, at=at)
    counts = None
    changed = 0
    if epoch is not None:
        counts = transaction.curation.refresh(epoch, at=at)
        changed = transaction.allocations.propose(epoch.id, is_curated=True)
    accounts: JsonValue = [[each.provider, each.external_id] for each in bindings]
    transaction.actions.append(
        LedgerAction(
            action=action,
            subject=into,
            context=context,
            at=at,
            before={"user_id": bindings[0].user_id, "accounts": accounts},
            after={"user_id": into, "moved": len(bindings)},
        )
    )
    return MovedIdentities(
        moved=len(bindings),
        epoch_id=None if epoch is None else epoch.id,
        counts=counts,
        allocations_changed=changed,
    )


def _as_before(applied: LedgerAction) -> MovedIdentities:
    moved = applied.after["moved"] if applied.has_changed_something else 0
    assert isinstance(moved, int)
    return MovedIdentities(moved=moved)

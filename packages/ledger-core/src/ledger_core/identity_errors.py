"""Refusals about people and their accounts: merges, splits and imports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger_core.errors import LedgerError

MOST_NAMED: Final = 20  # of many conflicts; the rest are counted


class UserHasOverride(LedgerError):
    """A user whose accounts were to move has units that an admin set in the open epoch."""

    code = "user-has-override"

    def __init__(self, user_id: str, epoch_id: int) -> None:
        super().__init__(
            f"{user_id} has units in epoch {epoch_id} that an admin set, which would not follow the accounts;"
            f" take them back first: ledger allocation clear {epoch_id} {user_id} --reason WHY"
        )
        self.user_id = user_id
        self.epoch_id = epoch_id


class AccountNotOfUser(LedgerError):
    """An account that was to move is not the user's."""

    code = "account-not-of-user"

    def __init__(self, provider: str, external_id: str, user_id: str, owner: str | None) -> None:
        whose = "nobody's" if owner is None else f"{owner}'s"
        super().__init__(f"{provider} account {external_id} is {whose}, and not {user_id}'s")
        self.provider = provider
        self.external_id = external_id
        self.user_id = user_id
        self.owner = owner


class SplitTakesAll(LedgerError):
    """A split would leave the user without any account."""

    code = "split-takes-all"

    def __init__(self, user_id: str) -> None:
        super().__init__(f"that is every account of {user_id}: a split leaves one; to move all, merge")
        self.user_id = user_id


class BindingConflicts(LedgerError):
    """Accounts that were to be bound belong to others; nothing of them is bound."""

    code = "binding-conflicts"

    def __init__(self, conflicts: Sequence[tuple[str, str, str, str]]) -> None:
        """Take `(provider, account, wanted user, its user)`, in order."""
        named = "; ".join(
            f"{provider} account {account} is {owner}'s, and not {wanted}'s"
            for provider, account, wanted, owner in conflicts[:MOST_NAMED]
        )
        more = len(conflicts) - MOST_NAMED
        super().__init__(f"{named}; and {more} more" if more > 0 else named)
        self.conflicts = tuple(conflicts)

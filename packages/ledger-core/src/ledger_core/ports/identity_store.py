"""Identities: users, their bindings, and the history of both."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from ledger_core.domain.identity import IdentityBinding, UnresolvedIdentity
from ledger_core.domain.ledger_action import ActionContext
from ledger_core.identifiers import EpochId, UserId


class IdentityReader(Protocol):
    """Identities to read."""

    def find_user(self, user_id: UserId) -> UserId | None:
        """Return the user id if there is such a user."""

    def find_bindings(self, identities: Sequence[tuple[str, str]]) -> tuple[IdentityBinding, ...]:
        """Return the bindings of those `(provider, external_id)` that are bound, in order."""

    def list_unresolved(self, epoch_id: EpochId | None, *, limit: int) -> tuple[UnresolvedIdentity, ...]:
        """Return identities with events but no user, the most events first; of one epoch, or of all."""


class IdentityStore(IdentityReader, Protocol):
    """Identities to write."""

    def bind(self, bindings: Sequence[IdentityBinding], context: ActionContext, *, at: datetime) -> int:
        """Bind identities that are bound to nobody, creating users as needed; return how many were new.

        Holds:  all or none; a binding that is there already is no change and leaves no history.
        Raises: IdentityAlreadyBound.
        """

    def unbind(self, provider: str, external_id: str, context: ActionContext, *, at: datetime) -> UserId:
        """Take a binding back and return whose it was; its history stays.

        Raises: IdentityNotBound.
        """

    def take_turns(self) -> None:
        """Keep every other writer of bindings out until the end: what is bound changes by one after another.

        Holds: it comes after the lock of an epoch, if that is taken at all.
        """

    def list_of(self, user_id: UserId, *, limit: int) -> tuple[IdentityBinding, ...]:
        """Return up to limit identities that are bound to the user now, in order."""

    def move(
        self, bindings: Sequence[IdentityBinding], to: UserId, context: ActionContext, *, at: datetime
    ) -> None:
        """Bind identities to another user, who is created as needed; the history has both changes.

        Holds:  all or none; each is bound as it is given.
        Raises: AccountNotOfUser.
        """

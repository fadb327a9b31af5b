"""The append-only record of admin writes."""

from __future__ import annotations

from typing import Protocol

from ledger_core.domain.ledger_action import LedgerAction


class ActionReader(Protocol):
    """Actions to read."""

    def list_latest(self, *, limit: int) -> tuple[LedgerAction, ...]:
        """Return up to limit actions, the newest first."""


class ActionLog(ActionReader, Protocol):
    """Actions to write."""

    def find_applied(self, idempotency_key: str | None) -> LedgerAction | None:
        """Return the action that this very request recorded in an earlier attempt; None without a key.

        Holds: of two attempts at once the second waits here until the first has ended, so it is called
               before anything else is locked.
        """

    def append(self, action: LedgerAction) -> None:
        """Record an action.

        Raises: LedgerRuleBroken for an idempotency key that is recorded already (ACTION_APPLIED_ONCE).
        """

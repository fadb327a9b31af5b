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

    def append(self, action: LedgerAction) -> None:
        """Record an action."""

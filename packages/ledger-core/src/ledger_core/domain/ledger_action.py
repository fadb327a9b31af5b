"""Ledger actions: the append-only record of every admin write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ledger_core.domain.canonical_json import JsonValue
from ledger_core.errors import InvalidValue
from ledger_core.identifiers import check_text

MAX_REASON_CHARACTERS = 2_000
NOTHING_CHANGED = "nothing-changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionContext:
    """Who writes, why, and through which workflow.

    Holds:  a write with an idempotency_key is applied once, however often it is tried: an attempt that finds
            the key among the recorded actions changes nothing and answers as the first did.
    Raises: InvalidValue.
    """

    actor: str
    reason: str | None = None
    workflow_id: str | None = None
    idempotency_key: str | None = None

    def __post_init__(self) -> None:
        if self.idempotency_key is not None:
            check_text("idempotency key", self.idempotency_key, most_characters=255)
        check_text("actor", self.actor, most_characters=255)
        if self.reason is not None:
            check_text("reason", self.reason, most_characters=MAX_REASON_CHARACTERS)

    def required_reason(self) -> str:
        """Return the reason of a write that must have one.

        Raises: InvalidValue.
        """
        if self.reason is None:
            raise InvalidValue("reason", "is required for this write")
        return self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerAction:
    """One admin write: what it was done to, and how that stood before and after.

    Holds:  NOTHING_CHANGED is a write that found things as it wanted them. It is recorded where it has an
            idempotency key, as a later attempt of it must not undo what was decided since.
    """

    action: str
    subject: str
    context: ActionContext
    at: datetime
    before: Mapping[str, JsonValue] = field(default_factory=dict)
    after: Mapping[str, JsonValue] = field(default_factory=dict)

    @property
    def has_changed_something(self) -> bool:
        """Say whether the write changed anything."""
        return self.action != NOTHING_CHANGED

"""Identities: which account on which platform belongs to which user."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from ledger_core.domain.ledger_action import ActionContext
from ledger_core.identifiers import UserId, check_identifier, check_name

MAX_IMPORTED: Final = 10_000  # bindings at once: one transaction, one row of the record


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class IdentityBinding:
    """`(provider, external_id)` belongs to user_id; the provider is the source of its events.

    Raises: InvalidValue.
    """

    provider: str
    external_id: str
    user_id: UserId

    def __post_init__(self) -> None:
        check_name("provider", self.provider)
        check_identifier("external id", self.external_id)
        check_identifier("user id", self.user_id)


class IdentityChange(StrEnum):
    """What happened to a binding."""

    BOUND = "bound"
    UNBOUND = "unbound"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityEvent:
    """One entry of the identity history: who bound or unbound what, and when."""

    change: IdentityChange
    binding: IdentityBinding
    context: ActionContext
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnresolvedIdentity:
    """An identity that has activity and no user; external_id None is an account that is gone."""

    provider: str
    external_id: str | None
    login: str | None
    events: int
    first_event_time: datetime
    last_event_time: datetime


_UPPER: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOWER: Final = str.maketrans(_UPPER, _UPPER.lower())


def like_names(text: str | None) -> frozenset[str]:
    """Return what a login or an account is compared by: itself and its part before `@`, A to Z lower.

    Holds: only ASCII letters are folded, so that no locale, database or Python decides.
    """
    if text is None:
        return frozenset()
    folded = text.translate(_LOWER)
    return frozenset((folded, folded.partition("@")[0])) - {""}

"""Review: what an admin looks at before a close, and who somebody is; read, and never decided by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger_core.domain.allocation import Allocation
from ledger_core.domain.amendment import Correction
from ledger_core.domain.epoch import Epoch
from ledger_core.domain.evidence import CuratedFact
from ledger_core.domain.identity import IdentityBinding
from ledger_core.domain.identity_suggestion import BoundAccount
from ledger_core.identifiers import EpochId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedEvents:
    """How many events of an epoch are excluded or have a weight of their own, and the newest of those judged."""

    excluded: int
    weighed: int
    newest: tuple[CuratedFact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LateWork:
    """Work of a closed epoch that counts in another: its events that are included, and whose they are.

    Holds: people counts users; events without one are in `events` alone.
    """

    from_epoch_id: EpochId
    events: int
    people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UserInEpoch:
    """How a user stands in an epoch: by an allocation, by a correction that stands, or by both.

    Units: credits are whole, as the statement that counts pays them; None while the epoch is open.
    Holds: at least one of allocation and correction is there, and the correction counts.
    """

    epoch: Epoch
    allocation: Allocation | None
    correction: Correction | None
    amount_credits: int | None

    @property
    def units(self) -> int:
        """The user's units as they count, in milli-units."""
        if self.correction is not None:
            return self.correction.units
        assert self.allocation is not None
        return self.allocation.finalized().units


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedAccount:
    """An account of a name, whose it is now, if anybody's, and how many events it has."""

    provider: str
    external_id: str
    login: str | None
    user_id: UserId | None
    events: int


class ReviewReader(Protocol):
    """What a review shows."""

    def judged(self, epoch_id: EpochId, *, limit: int) -> JudgedEvents:
        """Count the epoch's events that are excluded or weighed by an admin, and return the newest judgements."""

    def count_due(self, epoch_id: EpochId) -> int:
        """Count the events that belong into the epoch once it is curated again: curated nowhere, and of its window or of a closed epoch's."""

    def late_work(self, epoch_id: EpochId) -> tuple[LateWork, ...]:
        """Return the late work that the epoch holds, a row for each epoch it is from, the newest epoch first."""

    def bound_like(self, names: Sequence[str], *, limit: int) -> tuple[BoundAccount, ...]:
        """Return bound accounts of which account, newest login or user is like a name, in order.

        Holds: both sides are compared by `alike_names`.
        """

    def accounts_named(self, name: str, *, limit: int) -> tuple[NamedAccount, ...]:
        """Return accounts that are called so whole, or have a login that is, A to Z being a to z, in order.

        Shape: those that have events or a binding; the login is that of the newest event.
        """

    def epochs_of_user(self, user_id: UserId, *, limit: int) -> tuple[UserInEpoch, ...]:
        """Return how the user stands in the newest epochs that know them, the newest window first.

        Holds: the statement is read as it is stored; its hash is not recomputed, as `StatementReader` does.
        """

    def all_bindings(self) -> Iterator[IdentityBinding]:
        """Yield every binding, ordered by provider and account (code point), memory flat."""

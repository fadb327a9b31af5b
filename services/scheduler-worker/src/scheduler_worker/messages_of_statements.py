"""What travels through Temporal about statements that stand already: as in messages.py, small and frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ledger_core.domain.ledger_action import ActionContext


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendCommand:
    """Supersede the statement that was reviewed: units in milli-units by user, and whose correction is taken back."""

    epoch_id: int
    set_units: Mapping[str, int]
    cleared: tuple[str, ...]
    reviewed_statement_hash: str
    context: ActionContext
    approvals: tuple[str, ...] = ()
    require_approvals: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendReport:
    """The statement that counts now, by its hashes; its lines stay in the ledger."""

    epoch_id: int
    statement_hash: str
    superseded_hash: str
    allocation_set_hash: str
    payouts: int
    undistributed_credits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignCommand:
    """Store an approver's signature of a statement."""

    epoch_id: int
    statement_hash: str
    signature: str
    context: ActionContext


@dataclass(frozen=True, slots=True, kw_only=True)
class SignReport:
    """Who signed, and whether that is new."""

    statement_hash: str
    signer: str
    is_new: bool

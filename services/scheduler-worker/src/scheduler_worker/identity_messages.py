"""What travels through Temporal of people's accounts; as messages.py has it."""

from __future__ import annotations

from dataclasses import dataclass

from ledger_core.domain.curation import CurationCounts
from ledger_core.domain.ledger_action import ActionContext


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeUsersCommand:
    """Move every account of a user to another, who is the same person."""

    user_id: str
    into: str
    context: ActionContext


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitUserCommand:
    """Move some accounts of a user to another: providers and external_ids belong together, one by one."""

    user_id: str
    into: str
    providers: tuple[str, ...]
    external_ids: tuple[str, ...]
    context: ActionContext


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportBindingsCommand:
    """Bind many identities to users, all or none: in columns, as thousands of them are near what Temporal carries."""

    providers: tuple[str, ...]
    external_ids: tuple[str, ...]
    user_ids: tuple[str, ...]
    context: ActionContext


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedReport:
    """How many accounts moved, and what that changed in the open epoch, if there is one."""

    moved: int
    epoch_id: int | None = None
    counts: CurationCounts | None = None
    allocations_changed: int = 0

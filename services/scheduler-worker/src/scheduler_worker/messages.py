"""What travels through Temporal: small frozen dataclasses, never an event.

The default converter carries them; so no dates, plain enums or floats in here, and times are aware UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ledger_core.domain.curation import CurationCounts
from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.identity import IdentityBinding
from ledger_core.domain.ledger_action import ActionContext
from ledger_core.identifiers import StreamRef

MAX_STREAMS: Final = 2_000  # a report names each: more would not fit what Temporal carries at once


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectRequest:
    """Collect one window: its weights are pinned if this opens its epoch.

    Streams are known; what a directory has is asked when the collection starts, and joins them.
    """

    window: EpochWindow
    weight_config: Mapping[str, int]
    base_issuance_credits: int | None
    streams: tuple[StreamRef, ...]
    directories: tuple[StreamRef, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedStreams:
    """The streams that a directory has now: each repository's of an organisation, say."""

    streams: tuple[StreamRef, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRequest:
    """Find or open the epoch of a window."""

    window: EpochWindow
    weight_config: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedReport:
    """The window's epoch and whether it takes writes, or the epoch that blocks it."""

    epoch_id: int | None
    is_open: bool
    blocked_by_epoch_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRequest:
    """Collect one stream up to a window's end."""

    stream: StreamRef
    window: EpochWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamReport:
    """What one stream gave; incomplete when a problem stopped it, and then `problem` says which.

    Holds: counts are of this run, over all its attempts; after a worker that was killed they may lack
           the last seconds before, as the ledger itself never does.
    """

    stream: StreamRef
    pages: int = 0
    inserted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    cursor: str | None = None
    complete: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemReport:
    """What became of one thing that a hint named: its events by whether they were new, and what was none."""

    stream: StreamRef
    inserted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CuratedReport:
    """What curation and proposals changed in an epoch, and how it stands."""

    epoch_id: int
    counts: CurationCounts
    allocations_changed: int
    events: int
    unresolved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectReport:
    """What a collection did: per stream, and to the window's epoch.

    Holds: complete means that every stream was collected to the window's end.
    """

    window: EpochWindow
    epoch_id: int | None
    blocked_by_epoch_id: int | None
    complete: bool
    streams: tuple[StreamReport, ...]
    curated: CuratedReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What a schedule starts with: how windows are cut, and what each collection gets.

    A plan of many windows goes on as a new run, with the windows that are left and what became of the others.
    """

    anchor: str
    length_days: int
    weight_config: Mapping[str, int]
    base_issuance_credits: int | None
    streams: tuple[StreamRef, ...]
    directories: tuple[StreamRef, ...] = ()
    left: tuple[EpochWindow, ...] | None = None
    done: tuple[PlannedCollection, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsRequest:
    """Which windows are due at a nominal instant (printed as SPEC's times are)."""

    at: str
    anchor: str
    length_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsReport:
    """The windows that are due, the oldest first."""

    windows: tuple[EpochWindow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCollection:
    """What became of one window of a plan."""

    workflow_id: str
    joined: bool = False
    complete: bool = False
    epoch_id: int | None = None
    blocked_by_epoch_id: int | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReport:
    """What became of each window of a plan, in order."""

    collections: tuple[PlannedCollection, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalizeCommand:
    """Close an epoch; what the caller reviewed is its allocation_set_hash and the pool's credits."""

    epoch_id: int
    context: ActionContext
    reviewed_hash: str | None = None
    reviewed_pool_credits: int | None = None
    approvals: tuple[str, ...] = ()
    require_approvals: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalizeReport:
    """The statement by its hashes; its lines stay in the ledger."""

    epoch_id: int
    closed_now: bool
    statement_hash: str
    previous_statement_hash: str | None
    allocation_set_hash: str
    pool_total_credits: int
    undistributed_credits: int
    payouts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPoolCommand:
    """Record a component of an epoch's pool; inputs_json is a JSON object of whole numbers and text."""

    epoch_id: int
    component_id: str
    algorithm_version: str
    amount_credits: int
    inputs_json: str
    evidence_ref: str | None
    context: ActionContext


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustAllocationCommand:
    """Set a user's final units (milli-units; None clears them)."""

    epoch_id: int
    user_id: str
    final_units: int | None
    context: ActionContext


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeEventCommand:
    """Include or exclude an event of an epoch, and set or clear its own weight (milli-units)."""

    epoch_id: int
    event_id: str
    included: bool
    weight_override_milli: int | None
    context: ActionContext


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiveGapCommand:
    """Let an epoch close although a stream has the gap that was reviewed: its sentence."""

    epoch_id: int
    stream: StreamRef
    reviewed_gap: str
    context: ActionContext


@dataclass(frozen=True, slots=True, kw_only=True)
class BindCommand:
    """Bind identities to users."""

    bindings: tuple[IdentityBinding, ...]
    context: ActionContext


@dataclass(frozen=True, slots=True, kw_only=True)
class UnbindCommand:
    """Take a binding back."""

    provider: str
    external_id: str
    context: ActionContext


@dataclass(frozen=True, slots=True, kw_only=True)
class UnbindReport:
    """Whose the identity was, and what that changed in the open epoch, if there is one."""

    user_id: str
    curated: CuratedReport | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BindReport:
    """How many bindings were new, and what that changed in the open epoch, if there is one."""

    added: int
    curated: CuratedReport | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteReport:
    """Whether a write changed anything; the same write again does not."""

    changed: bool

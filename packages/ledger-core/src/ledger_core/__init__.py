"""A transparent activity-to-payout ledger: pure domain, ports and use cases; standard library only.

What this package names here is its public face; the ports are in `ledger_core.ports`, the use cases in
`ledger_core.use_cases`, and more to test with in `ledger_core.testing`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.allocation import (
    Allocation,
    FinalizedAllocation,
    ProposedAllocation,
    compute_allocation_set_hash,
    compute_proposed_allocations,
)
from ledger_core.domain.apportionment import largest_remainder
from ledger_core.domain.canonical_json import canonical_json, parse_canonical_json
from ledger_core.domain.curation import CuratedEvent, compute_activity_set_hash
from ledger_core.domain.epoch import Epoch, EpochStatus
from ledger_core.domain.epoch_window import EpochWindow, compute_epoch_window
from ledger_core.domain.ledger_action import ActionContext, LedgerAction
from ledger_core.domain.payouts import PayoutLine, PayoutLines, compute_payouts
from ledger_core.domain.pool import PoolComponent, compute_pool_total
from ledger_core.domain.weight_config import WeightConfig
from ledger_core.errors import (
    AllocationsChanged,
    AnotherEpochOpen,
    CursorMoved,
    EpochClosed,
    EpochNotFound,
    EpochWindowsOverlap,
    EventCorrupt,
    EventNotCurated,
    EventPaidTwice,
    IdentityAlreadyBound,
    IdentityNotBound,
    InvalidValue,
    LedgerError,
    LedgerRuleBroken,
    NotCanonical,
    NothingToApportion,
    PoolBaseMissing,
    PoolChanged,
    PoolComponentDiffers,
    PoolTooLarge,
    SourceUnavailable,
    StatementCorrupt,
    StatementNotFound,
    TooManyWindows,
    UnitsOutOfRange,
    UserNotFound,
    UserTwice,
    WindowNotBegun,
)
from ledger_core.identifiers import ComponentId, EpochId, EventId, NodeId, StreamRef, UserId

if TYPE_CHECKING:
    from ledger_core.domain.identity import IdentityBinding, UnresolvedIdentity
    from ledger_core.domain.statement import PayoutStatement
    from ledger_core.explanation import (
        EventTrace,
        LedgerFacts,
        UserExplanation,
        explain_user,
        read_trace_facts,
        trace_event,
        verified_bundle,
    )
    from ledger_core.ports.activity_source import ActivityPage, ActivitySource
    from ledger_core.ports.ledger import Ledger, LedgerReader, LedgerTransaction, LedgerView
    from ledger_core.testing import InMemoryLedger
    from ledger_core.verification import VerificationReport, verify_bundle, write_bundle

# What few need is loaded when it is asked for: an import takes half the time without.
_LATER: Final = {
    "ActivityPage": "ports.activity_source",
    "ActivitySource": "ports.activity_source",
    "EventTrace": "explanation",
    "IdentityBinding": "domain.identity",
    "InMemoryLedger": "testing",
    "Ledger": "ports.ledger",
    "LedgerFacts": "explanation",
    "LedgerReader": "ports.ledger",
    "LedgerTransaction": "ports.ledger",
    "LedgerView": "ports.ledger",
    "PayoutStatement": "domain.statement",
    "UnresolvedIdentity": "domain.identity",
    "UserExplanation": "explanation",
    "VerificationReport": "verification",
    "explain_user": "explanation",
    "read_trace_facts": "explanation",
    "trace_event": "explanation",
    "verified_bundle": "explanation",
    "verify_bundle": "verification",
    "write_bundle": "verification",
}

__all__ = [
    "ActionContext",
    "ActivityEvent",
    "ActivityPage",
    "ActivitySource",
    "Allocation",
    "AllocationsChanged",
    "AnotherEpochOpen",
    "ComponentId",
    "CuratedEvent",
    "CursorMoved",
    "Epoch",
    "EpochClosed",
    "EpochId",
    "EpochNotFound",
    "EpochStatus",
    "EpochWindow",
    "EpochWindowsOverlap",
    "EventCorrupt",
    "EventId",
    "EventNotCurated",
    "EventPaidTwice",
    "EventTrace",
    "FinalizedAllocation",
    "IdentityAlreadyBound",
    "IdentityBinding",
    "IdentityNotBound",
    "InMemoryLedger",
    "InvalidValue",
    "Ledger",
    "LedgerAction",
    "LedgerError",
    "LedgerFacts",
    "LedgerReader",
    "LedgerRuleBroken",
    "LedgerTransaction",
    "LedgerView",
    "NodeId",
    "NotCanonical",
    "NothingToApportion",
    "PayoutLine",
    "PayoutLines",
    "PayoutStatement",
    "PoolBaseMissing",
    "PoolChanged",
    "PoolComponent",
    "PoolComponentDiffers",
    "PoolTooLarge",
    "ProposedAllocation",
    "SourceUnavailable",
    "StatementCorrupt",
    "StatementNotFound",
    "StreamRef",
    "TooManyWindows",
    "UnitsOutOfRange",
    "UnresolvedIdentity",
    "UserExplanation",
    "UserId",
    "UserNotFound",
    "UserTwice",
    "VerificationReport",
    "WeightConfig",
    "WindowNotBegun",
    "canonical_json",
    "compute_activity_set_hash",
    "compute_allocation_set_hash",
    "compute_epoch_window",
    "compute_payouts",
    "compute_pool_total",
    "compute_proposed_allocations",
    "explain_user",
    "largest_remainder",
    "parse_canonical_json",
    "read_trace_facts",
    "trace_event",
    "verified_bundle",
    "verify_bundle",
    "write_bundle",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})

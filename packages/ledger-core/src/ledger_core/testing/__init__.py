"""An in-memory ledger, a scripted source and builders, for the tests of whoever uses the ledger."""

from ledger_core.domain.identity import IdentityEvent
from ledger_core.testing.builders import (
    MONDAY,
    RETRIEVED_AT,
    FixedClock,
    make_binding,
    make_component,
    make_context,
    make_event,
    make_page,
    make_window,
)
from ledger_core.testing.in_memory_ledger import InMemoryLedger, InMemoryTransaction, InMemoryView
from ledger_core.testing.scripted_source import ScriptedSource, SourceCall
from ledger_core.testing.source_contract import (
    SOURCE_RULES,
    ContractBreach,
    SourceRule,
    SourceWorld,
    check_source,
)

__all__ = [
    "MONDAY",
    "RETRIEVED_AT",
    "SOURCE_RULES",
    "ContractBreach",
    "FixedClock",
    "IdentityEvent",
    "InMemoryLedger",
    "InMemoryTransaction",
    "InMemoryView",
    "ScriptedSource",
    "SourceCall",
    "SourceRule",
    "SourceWorld",
    "check_source",
    "make_binding",
    "make_component",
    "make_context",
    "make_event",
    "make_page",
    "make_window",
]

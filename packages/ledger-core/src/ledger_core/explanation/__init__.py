"""Explanations: a person's amount down to the credit, and an event's way into a statement.

They are computed from a snapshot of the ledger or from a bundle alone, by the same code;
`python -m ledger_core.explanation` is the latter on a command line.
"""

from ledger_core.explanation.bundle_facts import BundleFacts, verified_bundle
from ledger_core.explanation.explain_user import explain_user
from ledger_core.explanation.ledger_facts import LedgerFacts, read_trace_facts
from ledger_core.explanation.refusals import BundleNotVerified, EventNotFound, UserNotInEpoch
from ledger_core.explanation.trace_event import EventTrace, trace_event
from ledger_core.explanation.values import ReasonCode, UserExplanation

__all__ = [
    "BundleFacts",
    "BundleNotVerified",
    "EventNotFound",
    "EventTrace",
    "LedgerFacts",
    "ReasonCode",
    "UserExplanation",
    "UserNotInEpoch",
    "explain_user",
    "read_trace_facts",
    "trace_event",
    "verified_bundle",
]

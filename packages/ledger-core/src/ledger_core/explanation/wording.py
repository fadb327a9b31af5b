"""Words that several explanations share."""

from __future__ import annotations

from ledger_core.domain.evidence import Decision
from ledger_core.domain.instant import instant_text


def decision_text(decision: Decision | None) -> str:
    """Return who decided, when and why, as far as it was kept."""
    if decision is None:
        return "somebody, whose name was not kept"
    by = decision.by or "somebody"
    at = "" if decision.at is None else f" at {instant_text(decision.at)}"
    return f"{by}{at}: {decision.reason or 'no reason was kept'}"


def events_text(number: int) -> str:
    """Return `1 event` or `n events`."""
    return "1 event" if number == 1 else f"{number} events"


def units_text(milli_units: int) -> str:
    """Return 8000 milli-units as `8.000`."""
    return f"{milli_units // 1000}.{milli_units % 1000:03d}"

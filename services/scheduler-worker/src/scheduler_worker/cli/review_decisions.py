"""Decisions of the record as a review tells them: which are of an epoch, what each did, and by what it is known again."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Final

from ledger_core.domain.canonical_json import JsonValue
from ledger_core.domain.instant import instant_text
from ledger_core.domain.ledger_action import LedgerAction
from ledger_core.identifiers import EpochId
from scheduler_worker.cli.output import units_text

_DIGEST_DIGITS: Final = 16  # of a file that decides nothing, and of two hundred entries
_OF_EPOCH: Final = re.compile(r"epoch ([0-9]+)(?: |$)", re.ASCII)
_OF_PEOPLE: Final = frozenset(
    {"bindings-imported", "identities-bound", "identity-unbound", "user-split", "users-merged"}
)


def is_of(epoch_id: EpochId, decision: LedgerAction) -> bool:
    """Say whether a decision changed something that may be of the epoch: it is not about another one alone."""
    if decision.action in _OF_PEOPLE:
        return True  # by a user's id, which may read like an epoch
    named = _OF_EPOCH.match(decision.subject)
    return decision.has_changed_something and (named is None or named[1] == str(epoch_id))


def digest(decision: LedgerAction) -> str:
    """Return what the decision is known again by."""
    known = [
        instant_text(decision.at),
        decision.action,
        decision.subject,
        decision.context.actor,
        decision.context.reason,
        decision.context.idempotency_key,
        dict(decision.before),
        dict(decision.after),
    ]
    text = json.dumps(known, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_DIGITS]


def decision_text(decision: LedgerAction) -> str:
    """Return what was decided, by whom and why, as one sentence."""
    whom = decision.subject if decision.action in _OF_PEOPLE else _OF_EPOCH.sub("", decision.subject)
    words = (decision.action.replace("-", " "), whom, _change(decision))
    by = f"by {decision.context.actor}"
    why = "" if decision.context.reason is None else f": {decision.context.reason}"
    return f"{' '.join(word for word in words if word)} {by}{why}"


def _change(decision: LedgerAction) -> str:
    before, after = decision.before, decision.after
    if decision.action in {"allocation-set", "allocation-cleared"}:
        return f"{_units(before)} -> {_units(after)}"
    if decision.action == "event-judged":
        return f"{_judged(before)} -> {_judged(after)}"
    if decision.action == "pool-component-recorded":
        return f"{after.get('amount_credits')} credits"
    return ""


def _units(allocation: Mapping[str, JsonValue]) -> str:
    units = allocation.get("final_units")
    return "as proposed" if units is None else units_text(int(str(units)))


def _judged(curation: Mapping[str, JsonValue]) -> str:
    if not curation.get("included"):
        return "excluded"
    weight = curation.get("weight_override_milli")
    return "counts" if weight is None else f"weighs {units_text(int(str(weight)))}"

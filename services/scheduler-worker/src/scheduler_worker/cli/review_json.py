"""A review for machines: everything that was read, where a screen shows the first of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ledger_core.domain.evidence import CuratedFact
from ledger_core.domain.identity_suggestion import Suggestion
from ledger_core.domain.ledger_action import LedgerAction
from scheduler_worker.cli.epoch_views import epoch_json
from scheduler_worker.cli.last_look import Look
from scheduler_worker.cli.output import time_text
from scheduler_worker.cli.review_changes import SinceLook, since_look
from scheduler_worker.cli.review_decisions import decision_text
from scheduler_worker.cli.review_facts import Review, UnitsChange, UnresolvedAccount, changed_units
from scheduler_worker.cli.review_next import next_steps


def review_json(review: Review, look: Look | None) -> dict[str, Any]:
    """Return the review; credits are whole, units milli-units."""
    overview = review.overview
    return {
        "epoch": epoch_json(overview.epoch),
        "events": asdict(overview.summary),
        "waiting_events": overview.waiting,
        "due_events": review.due,
        "complete": review.is_complete,
        "streams": [
            {"stream": each.name, "state": each.state.value, "sentence": each.sentence}
            for each in review.streams
        ],
        "people": _people(review),
        "overrides": [
            {
                "user_id": row.user_id,
                "proposed_units": row.proposed_units,
                "final_units": row.final_units,
                "reason": row.override_reason,
                "by": row.override_by,
                "at": time_text(row.override_at),
            }
            for row in review.overrides
        ],
        "judged": {
            "excluded": review.judged.excluded,
            "weighed": review.judged.weighed,
            "newest": [_judged(each) for each in review.judged.newest],
        },
        "late": [asdict(each) for each in review.late],
        "unresolved": [_unresolved(each) for each in review.unresolved],
        "pool": {
            "credits": overview.pool_credits,
            "components": [
                {"component_id": part.component_id, "amount_credits": part.amount_credits}
                for part in overview.components
            ],
        },
        "since_last_look": None if look is None else _since_look(since_look(review, look)),
        "since_last_week": _since_week(review),
        "next": [asdict(step) for step in next_steps(review)],
        "allocation_set_hash": overview.allocation_set_hash,
        "statement_hash": overview.statement_hash,
    }


def _people(review: Review) -> list[dict[str, Any]]:
    paid = {line.user_id: line for line in review.overview.payouts}
    allocations = {str(row.user_id): row for row in review.overview.allocations}
    corrections = review.overview.corrections
    people = []
    for user, units in review.units.items():
        line, row, correction = paid.get(user), allocations.get(user), corrections.get(user)
        people.append(
            {
                "user_id": user,
                "units": units,
                "proposed_units": 0 if row is None else row.proposed_units,
                "final_units": None if row is None else row.final_units,
                "corrected_units": None if correction is None else correction.units,
                "events": 0 if row is None else row.activity_count,
                "share": None if line is None else line.share,
                "credits": 0 if line is None else line.amount_credits,
            }
        )
    return sorted(people, key=lambda each: (-each["units"], each["user_id"]))


def _judged(curated: CuratedFact) -> dict[str, Any]:
    decision = curated.decision
    return {
        "event_id": curated.fact.event_id,
        "user_id": curated.user_id,
        "included": curated.included,
        "weight_override_milli": curated.weight_override_milli,
        "by": None if decision is None else decision.by,
        "at": None if decision is None else time_text(decision.at),
        "reason": None if decision is None else decision.reason,
    }


def _unresolved(found: UnresolvedAccount) -> dict[str, Any]:
    return {
        "provider": found.account.provider,
        "account": found.account.external_id,
        "login": found.account.login,
        "events": found.account.events,
        "suggestions": [_suggestion(each) for each in found.suggestions],
    }


def _suggestion(found: Suggestion) -> dict[str, Any]:
    return {
        "user_id": found.user_id,
        "likeness": found.likeness.name.lower().replace("_", "-"),
        "provider": found.account.provider,
        "account": found.account.external_id,
        "login": found.account.login,
    }


def _changes(changes: Sequence[UnitsChange]) -> list[dict[str, Any]]:
    return [{"user_id": each.user_id, "before": each.before, "after": each.after} for each in changes]


def _since_look(since: SinceLook) -> dict[str, Any]:
    return {
        "at": since.at,
        "allocations_changed": since.has_other_allocations,
        **since.counts,
        "people": None if since.people is None else _changes(since.people),
        "streams": None if since.streams is None else [asdict(each) for each in since.streams],
        "decisions": None if since.decisions is None else [_decision(each) for each in since.decisions],
        "all_decisions": since.is_all,
    }


def _decision(decision: LedgerAction) -> dict[str, Any]:
    return {
        "action": decision.action,
        "subject": decision.subject,
        "actor": decision.context.actor,
        "reason": decision.context.reason,
        "at": time_text(decision.at),
        "sentence": decision_text(decision),
    }


def _since_week(review: Review) -> dict[str, Any] | None:
    if review.last_week is None:
        return None
    epoch_id, units = review.last_week
    return {"epoch_id": epoch_id, "people": _changes(changed_units(units, review.units))}

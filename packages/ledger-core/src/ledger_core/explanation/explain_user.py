"""Explains one person's amount in an epoch, from whatever facts there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ledger_core.domain.allocation import Allocation
from ledger_core.domain.amendment import Correction
from ledger_core.domain.evidence import Decision
from ledger_core.explanation.activity import ActivityExplained, explain_activity
from ledger_core.explanation.amounts import explain_amount
from ledger_core.explanation.facts import EpochFacts
from ledger_core.explanation.reasons import find_reasons
from ledger_core.explanation.refusals import UserNotInEpoch
from ledger_core.explanation.values import UnitsCorrected, UnitsExplained, UserExplanation
from ledger_core.identifiers import UserId, check_identifier

MAX_LOOK_ALIKES: Final = 20
MAX_NEAR: Final = 5
MAX_COMPARED: Final = 20_000  # ids that a near match is looked for among: a second's work


def explain_user(facts: EpochFacts, user_id: str, *, limit: int) -> UserExplanation:
    """Explain a person's amount, and why it is not more; up to limit events of each kind are listed.

    Holds:  sums are exact whatever the limit; memory grows with everybody's units and with the limit.
    Raises: UserNotInEpoch, InvalidValue.
    """
    check_identifier("user id", user_id)
    rows = tuple(facts.allocations())
    pool = facts.pool()
    pool_credits = sum(part.amount_credits for part in pool)
    activity = explain_activity(facts.activity_of_user(user_id), facts.weights, limit=limit)
    look_alikes = facts.unresolved_like((user_id, *activity.logins), limit=MAX_LOOK_ALIKES)
    beyond = facts.beyond(user_id)
    corrections = facts.corrections()
    explained = _units(user_id, rows, corrections, activity)
    is_known = beyond is not None and (beyond.is_known or beyond.history)
    if explained is None and not activity.rules and not look_alikes and not is_known:
        raise UserNotInEpoch(facts.summary.epoch_id, user_id, _near(user_id, rows))
    units = _units_of_all(rows, corrections)
    amount = explain_amount(user_id, units, pool_credits)
    stated = facts.stated_payout(user_id)
    return UserExplanation(
        source=facts.source,
        epoch=facts.summary,
        user_id=user_id,
        amount_credits=0 if amount is None else amount.amount_credits,
        stated=stated,
        amount=amount,
        units=explained,
        rules=activity.rules,
        judged=activity.judged,
        events=activity.events,
        pool_credits=pool_credits,
        pool=pool,
        look_alikes=look_alikes,
        reasons=find_reasons(
            user_id,
            facts.summary,
            facts.weights,
            amount=amount,
            stated=stated,
            units=explained,
            activity=activity,
            pool_credits=pool_credits,
            all_units=sum(units.values()),
            look_alikes=look_alikes,
            beyond=beyond,
        ),
        beyond=beyond,
    )


def _units(
    user_id: str,
    rows: Sequence[Allocation],
    corrections: Mapping[str, Correction],
    activity: ActivityExplained,
) -> UnitsExplained | None:
    corrected = corrections.get(user_id)
    row = next((row for row in rows if row.user_id == user_id), None)
    if row is None and corrected is None:
        return None
    row = row or Allocation(user_id=UserId(user_id), proposed_units=0)
    is_set = row.final_units is not None
    return UnitsExplained(
        units=row.finalized().units if corrected is None else corrected.units,
        correction=None
        if corrected is None
        else UnitsCorrected(
            units=corrected.units,
            decision=Decision(by=corrected.amended_by, at=None, reason=corrected.reason),
        ),
        proposed_units=row.proposed_units,
        final_units=row.final_units,
        decision=Decision(by=row.override_by, at=row.override_at, reason=row.override_reason)
        if is_set
        else None,
        activity_count=row.activity_count,
        units_of_events=activity.units,
    )


def _units_of_all(rows: Sequence[Allocation], corrections: Mapping[str, Correction]) -> dict[str, int]:
    units: dict[str, int] = {row.user_id: row.finalized().units for row in rows}
    return units | {user: made.units for user, made in corrections.items()}


def _near(user_id: str, rows: Sequence[Allocation]) -> list[str]:
    from difflib import get_close_matches  # noqa: PLC0415 - for this refusal alone

    return get_close_matches(user_id, [row.user_id for row in rows[:MAX_COMPARED]], n=MAX_NEAR)

"""Why somebody got nothing, or not all that they might expect: each reason by a stable code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ledger_core.domain.identity import UnresolvedIdentity
from ledger_core.domain.payouts import PayoutLine
from ledger_core.explanation.activity import ActivityExplained
from ledger_core.explanation.elsewhere_reasons import reasons_beyond
from ledger_core.explanation.values import (
    AmountExplained,
    Beyond,
    EpochSummary,
    Reason,
    ReasonCode,
    UnitsExplained,
)
from ledger_core.explanation.wording import decision_text, events_text


def find_reasons(
    user_id: str,
    epoch: EpochSummary,
    weights: Mapping[str, int],
    *,
    amount: AmountExplained | None,
    stated: PayoutLine | None,
    units: UnitsExplained | None,
    activity: ActivityExplained,
    pool_credits: int,
    all_units: int,
    look_alikes: Sequence[UnresolvedIdentity],
    beyond: Beyond | None,
) -> tuple[Reason, ...]:
    """Return what keeps the amount from being more; those for an amount of 0 come first."""
    found: list[Reason] = []
    if amount is None or amount.amount_credits == 0:
        found += _why_nothing(epoch, amount, units, activity, pool_credits, all_units)
    found += _what_does_not_count(activity, weights)
    found += (_unresolved(identity) for identity in look_alikes)
    if beyond is not None:
        found += reasons_beyond(user_id, epoch, beyond, has_activity=activity.count > 0)
    found += _differences(epoch, amount, stated, units, activity)
    return tuple(found)


def _why_nothing(
    epoch: EpochSummary,
    amount: AmountExplained | None,
    units: UnitsExplained | None,
    activity: ActivityExplained,
    pool_credits: int,
    all_units: int,
) -> Iterator[Reason]:
    so_far = " so far" if epoch.is_open else ""
    if pool_credits == 0:
        yield Reason(code=ReasonCode.POOL_EMPTY, sentence=f"the epoch's pool has no credits{so_far}")
    if all_units == 0:
        sentence = f"nobody has units{so_far}, so that nothing is distributed"
        yield Reason(code=ReasonCode.NOBODY_HAS_UNITS, sentence=sentence)
    if units is not None and units.correction is not None and units.correction.units == 0:
        sentence = f"an amendment set the units to 0: {decision_text(units.correction.decision)}"
        yield Reason(code=ReasonCode.FINAL_UNITS_ZERO, sentence=sentence)
    elif units is not None and units.final_units == 0 and units.correction is None:
        sentence = f"an admin set the units to 0: {decision_text(units.decision)}"
        yield Reason(code=ReasonCode.FINAL_UNITS_ZERO, sentence=sentence)
    if amount is not None and amount.units > 0:
        yield Reason(code=ReasonCode.ROUNDING, sentence=_rounding(amount))
    if activity.count == 0 and (units is None or (units.final_units is None and units.correction is None)):
        sentence = f"no event of the epoch counts for the user{so_far}"
        yield Reason(code=ReasonCode.NO_ACTIVITY, sentence=sentence)


def _rounding(amount: AmountExplained) -> str:
    exact = f"the exact share is {amount.remainder}/{amount.total_units} of a credit"
    if amount.last_winner is None:
        return f"{exact}, and no credit is left over"
    return (
        f"{exact}, rank {amount.rank} by remainder; the {amount.spare_credits} left over go to the ranks before,"
        f" the last to {amount.last_winner} with {amount.last_winning_remainder}"
    )


def _what_does_not_count(activity: ActivityExplained, weights: Mapping[str, int]) -> Iterator[Reason]:
    for rule in activity.rules:
        if rule.events and weights.get(rule.rule, 0) == 0:
            why = "names no weight for it" if rule.policy_weight_milli is None else "weighs it 0"
            yield Reason(
                code=ReasonCode.WEIGHT_ZERO,
                sentence=f"{events_text(rule.events)} of {rule.rule}: the policy {why}",
            )
        if rule.reweighted_events and rule.reweighted_units == 0:
            yield Reason(
                code=ReasonCode.WEIGHT_ZERO,
                sentence=f"{events_text(rule.reweighted_events)} of {rule.rule}: an admin set the weight to 0",
            )
    excluded = sum(rule.excluded_events for rule in activity.rules)
    if excluded:
        first = next((line for line in activity.judged.lines if not line.included), None)
        example = "" if first is None else f"; {first.event_id} by {decision_text(first.decision)}"
        yield Reason(code=ReasonCode.EXCLUDED, sentence=f"{events_text(excluded)} excluded{example}")


def _unresolved(identity: UnresolvedIdentity) -> Reason:
    account = identity.external_id or "an account that is gone"
    return Reason(
        code=ReasonCode.UNRESOLVED,
        sentence=(
            f"{events_text(identity.events)} of {identity.provider} {account} (login {identity.login or 'unknown'})"
            " belonged to nobody; its name is like the user's"
        ),
    )


def _differences(
    epoch: EpochSummary,
    amount: AmountExplained | None,
    stated: PayoutLine | None,
    units: UnitsExplained | None,
    activity: ActivityExplained,
) -> Iterator[Reason]:
    if units is not None and (units.proposed_units, units.activity_count) != (activity.units, activity.count):
        sentence = (
            f"the stored proposal is {units.proposed_units} milli-units from {units.activity_count} events, and"
            f" the events give {activity.units} from {activity.count}"
        )
        hint = "the next collection proposes anew" if epoch.is_open else "run `ledger doctor`"
        yield Reason(code=ReasonCode.DIFFERS, sentence=f"{sentence}: {hint}")
    if epoch.is_open:
        return
    expected = None if amount is None else (amount.units, amount.share, amount.amount_credits)
    found = None if stated is None else (stated.total_units, stated.share, stated.amount_credits)
    if expected != found:
        yield Reason(
            code=ReasonCode.DIFFERS,
            sentence=f"the statement says {_line(found)}, and what is stored gives {_line(expected)}: run `ledger doctor`",
        )


def _line(values: tuple[int, str, int] | None) -> str:
    if values is None:
        return "nothing"
    return f"{values[2]} credits for {values[0]} milli-units, a share of {values[1]}"

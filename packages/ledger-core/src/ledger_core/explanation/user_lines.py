"""How an explanation of a person's amount reads, line by line; whoever prints the lines fits them in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ledger_core.domain.instant import instant_text
from ledger_core.explanation.values import (
    AmountExplained,
    EventLine,
    EventLines,
    PoolPart,
    RuleLine,
    Source,
    UserExplanation,
)
from ledger_core.explanation.wording import decision_text, events_text, units_text

CANNOT_TELL = (
    "a bundle holds one epoch: what stands or waits elsewhere, and whose accounts are whose, is not in it"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line; its text may hold anything that a source or an admin wrote."""

    text: str
    indent: int = 0
    is_heading: bool = False


def heading(text: str) -> Line:
    """Return a line that begins a part."""
    return Line(text, is_heading=True)


def user_lines(found: UserExplanation) -> Iterator[Line]:
    """Yield the explanation: amount, units, events, pool, and what kept it from being more."""
    epoch = found.epoch
    would = "would get" if epoch.is_open else "gets"
    yield heading(
        f"{found.user_id} {would} {found.amount_credits} of {found.pool_credits} credits in epoch {epoch.epoch_id}"
    )
    yield Line(f"window     {epoch.window}", 2)
    if epoch.is_open:
        yield Line("statement  none yet: the epoch is open, and this a preview", 2)
    else:
        yield Line(f"statement  {epoch.statement_hash}", 2)
    if found.reasons:
        yield heading("why nothing" if found.amount_credits == 0 else "why not more")
        yield from (Line(f"{reason.code.value}: {reason.sentence}", 2) for reason in found.reasons)
    if found.amount is not None:
        yield heading("amount")
        yield from _amount(found.amount)
    yield from _units(found)
    yield from _events("judged by an admin", found.judged)
    yield from _events("events", found.events)
    yield from _pool(found)
    if found.source is Source.BUNDLE:
        yield Line(CANNOT_TELL)


def table(rows: Sequence[Sequence[str]]) -> Iterable[Line]:
    """Return rows as lines: numbers to the right, the last column as it is."""
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
    for row in rows:
        numbers = [cell.rjust(width) for cell, width in zip(row, widths, strict=False)]
        yield Line("  ".join([*numbers, row[-1]]), 2)


def _amount(amount: AmountExplained) -> Iterator[Line]:
    yield Line(
        f"share      {units_text(amount.units)} of {units_text(amount.total_units)} units = {amount.share}", 2
    )
    yield Line(
        f"whole      {amount.units} * {amount.pool_credits} // {amount.total_units} = {amount.floor_credits}"
        f" credits, remainder {amount.remainder}",
        2,
    )
    if amount.spare_credits == 0:
        yield Line("spare      none: everybody's share is a whole number of credits", 2)
    else:
        tie = f", tied with {amount.tied_users} and ordered by user id" if amount.tied_users else ""
        got = "1 more" if amount.gets_spare_credit else "none"
        yield Line(
            f"spare      {amount.spare_credits} left over, one each to the largest remainders;"
            f" rank {amount.rank} of {amount.people}{tie}: {got}",
            2,
        )
        if not amount.gets_spare_credit:
            yield Line(
                f"           the last went to {amount.last_winner}, remainder {amount.last_winning_remainder}",
                2,
            )
    yield Line(f"amount     {amount.amount_credits} credits", 2)


def _units(found: UserExplanation) -> Iterator[Line]:
    units = found.units
    if units is None and not found.rules:
        return
    yield heading("units")
    if units is not None and units.correction is not None:
        yield Line(
            f"{units_text(units.correction.units)} set when the statement was amended, by"
            f" {decision_text(units.correction.decision)}; before that:",
            2,
        )
    if units is not None and units.final_units is not None:
        yield Line(
            f"{units_text(units.final_units)} set by {decision_text(units.decision)};"
            f" proposed were {units_text(units.proposed_units)}",
            2,
        )
    elif units is not None:
        yield Line(
            f"{units_text(units.proposed_units)} proposed, from {events_text(units.activity_count)}", 2
        )
    if found.rules:
        rows = [("weight", "events", "units", "rule"), *map(_rule_row, found.rules)]
        yield from table(rows)


def _rule_row(rule: RuleLine) -> tuple[str, str, str, str]:
    weight = "none" if rule.policy_weight_milli is None else units_text(rule.policy_weight_milli)
    notes = []
    if rule.reweighted_events:
        notes.append(f"{rule.reweighted_events} reweighted: {units_text(rule.reweighted_units)}")
    if rule.excluded_events:
        notes.append(f"{rule.excluded_events} excluded")
    note = f"  ({', '.join(notes)})" if notes else ""
    events = str(rule.events + rule.reweighted_events)
    return weight, events, units_text(rule.units), f"{rule.rule}{note}"


def _events(title: str, events: EventLines) -> Iterator[Line]:
    if events.total == 0:
        return
    shown = f"{len(events.lines)} of {events.total}" if events.not_shown else str(events.total)
    more = "; --limit shows more" if events.not_shown else ""
    yield heading(f"{title} ({shown}{more})")
    for line in events.lines:
        yield from _event(line)


def _event(line: EventLine) -> Iterator[Line]:
    how = units_text(line.units) if line.included else "excluded"
    late = "" if line.late_from_epoch_id is None else f", late from epoch {line.late_from_epoch_id}"
    yield Line(f"{how}  {line.event_id}", 2)
    yield Line(f"{instant_text(line.event_time)}  {line.rule}{late}", 4)
    if line.artifact_url is not None:
        yield Line(line.artifact_url, 4)
    if not line.included or line.weight_override_milli is not None:
        policy = "none" if line.policy_weight_milli is None else units_text(line.policy_weight_milli)
        yield Line(f"by {decision_text(line.decision)} (the policy's weight: {policy})", 4)


def _pool(found: UserExplanation) -> Iterator[Line]:
    if not found.pool:
        return
    yield heading(f"pool ({found.pool_credits} credits)")
    yield from table(
        [("credits", "component"), *((str(part.amount_credits), _part(part)) for part in found.pool)]
    )


def _part(part: PoolPart) -> str:
    evidence = "" if part.evidence_ref is None else f", evidence {part.evidence_ref}"
    return f"{part.component_id} ({part.algorithm_version}){evidence}"

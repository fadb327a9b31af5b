"""Sums a person's events by rule, and keeps the first of them to show; memory grows with rules only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ledger_core.domain.evidence import CuratedFact
from ledger_core.explanation.values import EventLine, EventLines, RuleLine

MAX_SHOWN_EVENTS: Final = 10_000  # of each kind: a few megabytes, and more than anybody reads
MAX_LOGINS: Final = 100  # that look-alikes are found by; who has more has other problems


@dataclass(slots=True)
class _Shown:
    limit: int
    lines: list[EventLine] = field(default_factory=list)
    total: int = 0

    def add(self, curated: CuratedFact, weights: Mapping[str, int]) -> None:
        self.total += 1
        if len(self.lines) < self.limit:
            self.lines.append(event_line(curated, weights))

    def frozen(self) -> EventLines:
        return EventLines(lines=tuple(self.lines), total=self.total, not_shown=self.total - len(self.lines))


@dataclass(slots=True)
class _RuleSum:
    events: int = 0
    reweighted_events: int = 0
    reweighted_units: int = 0
    excluded_events: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityExplained:
    """A person's events in an epoch: sums by rule, and the first of the judged and of the other events."""

    rules: tuple[RuleLine, ...]
    judged: EventLines
    events: EventLines
    logins: tuple[str, ...]

    @property
    def units(self) -> int:
        """What the events add up to, in milli-units."""
        return sum(rule.units for rule in self.rules)

    @property
    def count(self) -> int:
        """How many events count, also with weight 0."""
        return sum(rule.events + rule.reweighted_events for rule in self.rules)


def explain_activity(
    activity: Iterable[CuratedFact], weights: Mapping[str, int], *, limit: int
) -> ActivityExplained:
    """Return the sums of a person's events, and up to limit of them of each kind.

    Shape: judged events are those that are excluded or have a weight of their own; rules are in order.
    """
    assert 0 <= limit <= MAX_SHOWN_EVENTS
    sums: dict[str, _RuleSum] = {}
    logins: dict[str, None] = {}
    judged, plain = _Shown(limit), _Shown(limit)
    for curated in activity:
        of_rule = sums.setdefault(curated.fact.rule, _RuleSum())
        if not curated.included:
            of_rule.excluded_events += 1
        elif curated.weight_override_milli is not None:
            of_rule.reweighted_events += 1
            of_rule.reweighted_units += curated.weight_override_milli
        else:
            of_rule.events += 1
        is_judged = not curated.included or curated.weight_override_milli is not None
        (judged if is_judged else plain).add(curated, weights)
        if curated.fact.login is not None and len(logins) < MAX_LOGINS:
            logins[curated.fact.login] = None
    return ActivityExplained(
        rules=tuple(_rule_line(rule, sums[rule], weights) for rule in sorted(sums)),
        judged=judged.frozen(),
        events=plain.frozen(),
        logins=tuple(logins),
    )


def event_line(curated: CuratedFact, weights: Mapping[str, int]) -> EventLine:
    """Return an event as it is shown."""
    fact = curated.fact
    return EventLine(
        event_id=fact.event_id,
        rule=fact.rule,
        event_time=fact.event_time,
        artifact_url=fact.artifact_url,
        login=fact.login,
        account=fact.account,
        included=curated.included,
        policy_weight_milli=weights.get(fact.rule),
        weight_override_milli=curated.weight_override_milli,
        units=curated.weight_milli(weights) if curated.included else 0,
        late_from_epoch_id=curated.late_from_epoch_id,
        decision=curated.decision,
    )


def _rule_line(rule: str, summed: _RuleSum, weights: Mapping[str, int]) -> RuleLine:
    return RuleLine(
        rule=rule,
        policy_weight_milli=weights.get(rule),
        events=summed.events,
        reweighted_events=summed.reweighted_events,
        reweighted_units=summed.reweighted_units,
        excluded_events=summed.excluded_events,
        units=weights.get(rule, 0) * summed.events + summed.reweighted_units,
    )

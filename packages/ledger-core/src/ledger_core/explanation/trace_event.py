"""Traces one event into the statement that it is in, or says exactly why it is in none."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ledger_core.domain.evidence import Decision, EventFact
from ledger_core.explanation.facts import HomeWindow, StandingFact, TraceFacts
from ledger_core.explanation.values import EpochSummary, HistoryLine, Source
from ledger_core.explanation.wording import decision_text


class Outcome(StrEnum):
    """What became of an event; stable, for scripts."""

    IN_STATEMENT = "in-statement"  # it counts for somebody in a closed epoch
    IN_OPEN_EPOCH = "in-open-epoch"  # it counts for somebody, if nothing changes before the close
    EXCLUDED = "excluded"
    UNRESOLVED = "unresolved"
    WAITING = "waiting"  # no epoch holds it


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an event stands in one epoch.

    Units: milli-units; units is what the event adds to its user's proposal, and counts for nothing where
           user_final_units is set instead.
    Holds: the statement of a closed epoch pins every event that stands in it, also excluded ones.
    """

    epoch: EpochSummary
    included: bool
    user_id: str | None
    policy_weight_milli: int | None
    weight_override_milli: int | None
    units: int
    user_final_units: int | None
    late_from_epoch_id: int | None
    decision: Decision | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTrace:
    """An event's way: fact -> window -> curation -> user -> units -> statement.

    Holds: statement_hash is set exactly for an event that counts in a closed epoch. bound_to and history
           tell whose the account is now, and since when; history is None from a bundle, which cannot.
    """

    source: Source
    fact: EventFact
    home: HomeWindow | None
    outcome: Outcome
    statement_hash: str | None
    why: str
    standings: tuple[Standing, ...]
    bound_to: str | None
    history: tuple[HistoryLine, ...] | None


def trace_event(facts: TraceFacts) -> EventTrace:
    """Return an event's way into its statement, or to where it is stuck."""
    standings = tuple(_standing(standing) for standing in facts.standings)
    counting = next((each for each in standings if each.included and each.user_id is not None), None)
    outcome, why = _outcome(facts, standings, counting)
    return EventTrace(
        source=facts.source,
        fact=facts.fact,
        home=facts.home,
        outcome=outcome,
        statement_hash=None if counting is None else counting.epoch.statement_hash,
        why=why,
        standings=standings,
        bound_to=facts.bound_to,
        history=facts.history,
    )


def _standing(found: StandingFact) -> Standing:
    curated = found.curated
    counts = curated.included and curated.user_id is not None
    return Standing(
        epoch=found.epoch,
        included=curated.included,
        user_id=curated.user_id,
        policy_weight_milli=found.weights.get(curated.fact.rule),
        weight_override_milli=curated.weight_override_milli,
        units=curated.weight_milli(found.weights) if counts else 0,
        user_final_units=found.user_final_units,
        late_from_epoch_id=curated.late_from_epoch_id,
        decision=curated.decision,
    )


def _outcome(
    facts: TraceFacts, standings: tuple[Standing, ...], counting: Standing | None
) -> tuple[Outcome, str]:
    if counting is not None:
        epoch_id, user = counting.epoch.epoch_id, counting.user_id
        if counting.epoch.is_open:
            return Outcome.IN_OPEN_EPOCH, f"it counts for {user} in epoch {epoch_id}, which is open"
        return Outcome.IN_STATEMENT, f"it counts for {user} in the statement of epoch {epoch_id}"
    if not standings:
        return Outcome.WAITING, _waiting(facts)
    excluded = next((each for each in standings if not each.included), None)
    if excluded is not None:
        return (
            Outcome.EXCLUDED,
            f"it was excluded in epoch {excluded.epoch.epoch_id} by {decision_text(excluded.decision)}",
        )
    return Outcome.UNRESOLVED, _unresolved(facts, standings[-1].epoch)


def _waiting(facts: TraceFacts) -> str:
    if facts.home is not None and facts.home_is_open:
        return f"epoch {facts.home.epoch_id} is its window's, and takes it in when it is next collected"
    if facts.home is not None:
        next_one = "the next one" if facts.open_epoch_id is None else f"epoch {facts.open_epoch_id}"
        return (
            f"its window's epoch {facts.home.epoch_id} closed without it: {next_one} takes it in, marked late"
        )
    if facts.open_epoch_id is not None:
        return (
            f"its window has no epoch yet; epoch {facts.open_epoch_id} is open, and is to be finalized first"
        )
    return "its window has no epoch yet"


def _unresolved(facts: TraceFacts, epoch: EpochSummary) -> str:
    if facts.fact.account is None:
        return "its account is gone, so that it belongs to nobody"
    account = f"{facts.fact.source} {facts.fact.account}"
    if facts.bound_to is None:
        how = "is bound to nobody" if facts.history is not None else "was bound to nobody"
        later = "bound later, it counts in the next open epoch"
        return f"{account} {how}: unresolved in epoch {epoch.epoch_id}; {later}"
    return (
        f"{account} belongs to {facts.bound_to} by now; it was unresolved in epoch {epoch.epoch_id}, and"
        " enters the open epoch when that is next collected"
    )

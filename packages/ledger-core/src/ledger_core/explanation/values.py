"""What an explanation says: a person's amount in an epoch, down to the credit, and why it is what it is.

Texts in it are other people's: whoever prints them makes them printable first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.evidence import Decision
from ledger_core.domain.identity import UnresolvedIdentity
from ledger_core.domain.payouts import PayoutLine
from ledger_core.ports.evidence_reader import ActivityElsewhere


class Source(StrEnum):
    """Where an explanation's facts are from; a bundle knows one epoch, and nothing of bindings."""

    LEDGER = "ledger"
    BUNDLE = "bundle"


class ReasonCode(StrEnum):
    """Why somebody got nothing, or not all that they might expect; stable, for scripts."""

    POOL_EMPTY = "pool-empty"
    NOBODY_HAS_UNITS = "nobody-has-units"
    FINAL_UNITS_ZERO = "final-units-zero"
    ROUNDING = "rounding"
    NO_ACTIVITY = "no-activity"
    WEIGHT_ZERO = "weight-zero"
    EXCLUDED = "excluded"
    UNRESOLVED = "unresolved"
    USER_UNKNOWN = "user-unknown"
    NO_BINDING = "no-binding"
    BOUND_AFTER_CLOSE = "bound-after-close"
    UNBOUND = "unbound"
    COUNTS_FOR_ANOTHER = "counts-for-another"
    COUNTS_ELSEWHERE = "counts-elsewhere"
    WAITING = "waiting"
    OTHER_WINDOW = "other-window"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochSummary:
    """The epoch that is explained; an open one has no statement, and its numbers are a preview."""

    epoch_id: int
    window: EpochWindow
    is_open: bool
    statement_hash: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLine:
    """One event that belongs to the user.

    Units: milli-units; policy_weight_milli is None where the policy does not name the rule, which is 0.
    Holds: units is what the event adds to the proposal: 0 for an excluded one.
    """

    event_id: str
    rule: str
    event_time: datetime
    artifact_url: str | None
    login: str | None
    account: str | None
    included: bool
    policy_weight_milli: int | None
    weight_override_milli: int | None
    units: int
    late_from_epoch_id: int | None
    decision: Decision | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLines:
    """The first of a run of events by id, and how many there are and are not shown."""

    lines: tuple[EventLine, ...]
    total: int
    not_shown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """What one `source:event_type` gives the user; exact however many events are shown.

    Holds: units = weight * events + reweighted_units, where the weight is 0 if the policy names none;
           reweighted events count with a weight of their own, excluded ones not at all.
    """

    rule: str
    policy_weight_milli: int | None
    events: int
    reweighted_events: int
    reweighted_units: int
    excluded_events: int
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsCorrected:
    """What an amendment of the statement set for the user, in milli-units, by whom and why."""

    units: int
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsExplained:
    """What counts for the user: the correction of an amended statement, else final_units where an admin set them
    (0 is a real 0), else the proposal.

    Holds: units_of_events is the sum of the rules; it is proposed_units unless the store contradicts itself.
    """

    units: int
    proposed_units: int
    final_units: int | None
    decision: Decision | None
    activity_count: int
    units_of_events: int
    correction: UnitsCorrected | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountExplained:
    """How units become credits by largest remainder.

    Holds: units * pool_credits = floor_credits * total_units + remainder; the spare_credits people of the
           lowest rank get one credit more; rank counts from 1, by remainder descending, then by user id.
           tied_users have the same remainder; last_winner is who got the last spare credit.
    """

    pool_credits: int
    total_units: int
    people: int
    units: int
    share: str
    floor_credits: int
    remainder: int
    rank: int
    spare_credits: int
    gets_spare_credit: bool
    tied_users: int
    last_winner: str | None
    last_winning_remainder: int | None
    amount_credits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolPart:
    """One component of the pool, with its evidence."""

    component_id: str
    algorithm_version: str
    amount_credits: int
    evidence_ref: str | None
    inputs_hash: str
    computed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """That an identity was bound to a user, or unbound from one."""

    change: str
    provider: str
    external_id: str
    user_id: str
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An identity: `provider` and the id that the account has there."""

    provider: str
    external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Beyond:
    """What only the ledger knows: who is bound to whom, since when, and what stands elsewhere."""

    is_known: bool
    closed_at: datetime | None
    accounts: tuple[Account, ...]
    history: tuple[HistoryLine, ...]
    elsewhere: tuple[ActivityElsewhere, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason why somebody got nothing, or not all; the sentence is for a person."""

    code: ReasonCode
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserExplanation:
    """A person's amount in an epoch: amount -> share -> units -> rules -> events.

    Holds: amount is None where the pool or all units are 0, or the user has no line; stated is the line of
           the statement, None in an open epoch or where there is none. beyond is None from a bundle.
    """

    source: Source
    epoch: EpochSummary
    user_id: str
    amount_credits: int
    stated: PayoutLine | None
    amount: AmountExplained | None
    units: UnitsExplained | None
    rules: tuple[RuleLine, ...]
    judged: EventLines
    events: EventLines
    pool_credits: int
    pool: tuple[PoolPart, ...]
    look_alikes: tuple[UnresolvedIdentity, ...]
    reasons: tuple[Reason, ...]
    beyond: Beyond | None

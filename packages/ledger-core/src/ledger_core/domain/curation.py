"""Curation: that an event counts in an epoch, for whom, and with what weight."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from ledger_core.domain.canonical_json import canonical_json
from ledger_core.errors import InvalidValue
from ledger_core.identifiers import EpochId, EventId, UserId, check_bigint, check_identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class CuratedEvent:
    """One event as it stands in one epoch; user_id None is unresolved and earns nothing.

    Units: weight_override_milli is milli-units, and wins over the policy.
    """

    event_id: EventId
    source: str
    event_type: str
    payload_hash: str
    user_id: UserId | None
    included: bool
    weight_override_milli: int | None = None
    late_from_epoch_id: EpochId | None = None

    def __post_init__(self) -> None:
        check_identifier("event id", self.event_id)
        if self.weight_override_milli is not None:
            check_bigint("weight override", self.weight_override_milli)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurationCounts:
    """What one curation changed in an epoch: rows added, and rows whose user changed."""

    added: int = 0
    added_late: int = 0
    carried: int = 0
    resolved: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CurationSummary:
    """How many events an epoch holds, and how they stand; unresolved counts included ones without a user."""

    events: int
    included: int
    unresolved: int
    late: int


def weight_milli(event: CuratedEvent, weight_config: Mapping[str, int]) -> int:
    """Return the event's milli-units: its override, else the policy's weight, else 0."""
    if event.weight_override_milli is not None:
        return event.weight_override_milli
    return weight_config.get(f"{event.source}:{event.event_type}", 0)


def compute_activity_set_hash(
    ordered_events: Iterable[CuratedEvent], weight_config: Mapping[str, int]
) -> str:
    """Return the SHA-256 hex over one line an event, memory flat however many there are.

    Shape:   lines `[event_id, payload_hash, user_id or null, included, "weight_milli"]`, joined by
             newlines; no events hash the empty string.
    Raises:  InvalidValue when events are not in strict order of their ids (code point).
    """
    digest = sha256()
    previous: str | None = None
    for event in ordered_events:
        if previous is not None:
            if event.event_id <= previous:
                raise InvalidValue("activity set", "must be in order of event ids, each once")
            digest.update(b"\n")
        previous = event.event_id
        weight = str(weight_milli(event, weight_config))
        digest.update(
            canonical_json((event.event_id, event.payload_hash, event.user_id, event.included, weight))
        )
    return digest.hexdigest()

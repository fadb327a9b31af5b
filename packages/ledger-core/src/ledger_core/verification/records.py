"""The lines of a bundle's files: how each record is written, and read back strictly.

Reading refuses every line that is not byte for byte what writing makes of its values.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, NamedTuple

from ledger_core.domain.allocation import Allocation
from ledger_core.domain.canonical_json import JsonValue, canonical_json
from ledger_core.domain.instant import instant_text, parse_instant
from ledger_core.domain.pool import PoolComponent
from ledger_core.errors import InvalidValue
from ledger_core.identifiers import check_identifier, check_name
from ledger_core.ports.curation_store import CuratedActivity
from ledger_core.verification import fields
from ledger_core.verification.canonical_lines import canonical_part, parse_canonical_line

_EVENT: Final = frozenset(
    ("curation", "payload", "payload_hash", "producer", "producer_version", "retrieved_at")
)
_CURATION: Final = frozenset(
    (
        "included",
        "judged_at",
        "judged_by",
        "late_from_epoch_id",
        "note",
        "user_id",
        "weight_override_milli",
    )
)
_PAYLOAD: Final = frozenset(
    (
        "artifact_url",
        "event_time",
        "event_type",
        "id",
        "metadata",
        "platform_login",
        "platform_user_id",
        "source",
    )
)
_ALLOCATION: Final = frozenset(
    (
        "activity_count",
        "final_units",
        "override_at",
        "override_by",
        "override_reason",
        "proposed_units",
        "user_id",
    )
)
_COMPONENT: Final = frozenset(
    ("algorithm_version", "amount_credits", "component_id", "computed_at", "evidence_ref", "inputs")
)


class EventRecord(NamedTuple):
    """What a line of events.jsonl says, as far as it matters; computed_hash is that of its payload.

    Holds: event_time is the text of an instant. A tuple, as making an object costs as much as reading a line.
    """

    event_id: str
    kind: str
    event_time: str
    stated_hash: str
    computed_hash: str
    user_id: str | None
    included: bool
    weight_override_milli: int | None
    late_from_epoch_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationRecord:
    """What a line of allocations.jsonl says, in milli-units."""

    user_id: str
    proposed_units: int
    final_units: int | None
    activity_count: int
    override_reason: str | None
    override_by: str | None
    override_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentRecord:
    """What a line of pool.jsonl says; document is how a statement must repeat it."""

    component_id: str
    amount_credits: int
    computed_at: datetime
    document: dict[str, JsonValue]


def event_line(activity: CuratedActivity) -> bytes:
    """Return an event and its curation as a line, without its end.

    Holds: payload_hash is the one that curation pinned, not one computed for the occasion: if the store
           no longer agrees with itself, the verifier must see it.
    """
    event, curation = activity.event, activity.curation
    return canonical_json(
        {
            "curation": {
                "included": curation.included,
                "judged_at": _optional_instant(activity.judged_at),
                "judged_by": activity.judged_by,
                "late_from_epoch_id": _optional_decimal(curation.late_from_epoch_id),
                "note": activity.note,
                "user_id": curation.user_id,
                "weight_override_milli": _optional_decimal(curation.weight_override_milli),
            },
            "payload": event.payload(),
            "payload_hash": curation.payload_hash,
            "producer": event.producer,
            "producer_version": event.producer_version,
            "retrieved_at": instant_text(event.retrieved_at),
        }
    )


def parse_event(line: bytes) -> EventRecord:
    """Return what a line of events.jsonl says.

    Raises: NotCanonical, InvalidValue.
    """
    return event_record(parse_canonical_line(line))


def event_record(line: Any) -> EventRecord:
    """Return what the value of a line of events.jsonl says.

    Raises: InvalidValue.
    """
    value = fields.record("event", line, _EVENT)
    payload = fields.record("payload", value["payload"], _PAYLOAD)
    curation = fields.record("curation", value["curation"], _CURATION)
    check_identifier("event id", payload["id"])
    check_name("source", payload["source"])
    check_name("event type", payload["event_type"])
    for key in ("artifact_url", "platform_login", "platform_user_id"):
        fields.optional_text(key, payload[key])
    if not isinstance(payload["metadata"], dict):
        raise InvalidValue("metadata", "must be an object")
    for key in ("producer", "producer_version"):
        check_identifier(key, value[key])
    _check_page_time(fields.text("retrieved_at", value["retrieved_at"]))
    for key in ("judged_by", "note"):
        fields.optional_text(key, curation[key])
    optional_instant("judged_at", curation["judged_at"])
    if curation["user_id"] is not None:
        check_identifier("user id", curation["user_id"])
    return EventRecord(
        event_id=payload["id"],
        kind=f"{payload['source']}:{payload['event_type']}",
        event_time=instant_text(parse_instant(fields.text("event_time", payload["event_time"]))),
        stated_hash=fields.sha256_hex("payload_hash", value["payload_hash"]),
        computed_hash=sha256(canonical_part(payload)).hexdigest(),
        user_id=curation["user_id"],
        included=fields.flag("included", curation["included"]),
        weight_override_milli=fields.optional_quantity("weight", curation["weight_override_milli"]),
        late_from_epoch_id=fields.optional_quantity("late_from_epoch_id", curation["late_from_epoch_id"]),
    )


def optional_instant(what: str, value: object) -> datetime | None:
    """Return the instant that a text writes, or None.

    Raises: InvalidValue.
    """
    return None if value is None else parse_instant(fields.text(what, value))


def allocation_line(allocation: Allocation) -> bytes:
    """Return a user's allocation as a line, without its end."""
    return canonical_json(
        {
            "activity_count": allocation.activity_count,
            "final_units": _optional_decimal(allocation.final_units),
            "override_at": _optional_instant(allocation.override_at),
            "override_by": allocation.override_by,
            "override_reason": allocation.override_reason,
            "proposed_units": str(allocation.proposed_units),
            "user_id": allocation.user_id,
        }
    )


def parse_allocation(line: bytes) -> AllocationRecord:
    """Return what a line of allocations.jsonl says.

    Raises: NotCanonical, InvalidValue.
    """
    value = fields.record("allocation", parse_canonical_line(line), _ALLOCATION)
    check_identifier("user id", value["user_id"])
    return AllocationRecord(
        user_id=value["user_id"],
        proposed_units=fields.quantity("proposed_units", value["proposed_units"]),
        final_units=fields.optional_quantity("final_units", value["final_units"]),
        activity_count=fields.count("activity_count", value["activity_count"]),
        override_reason=fields.optional_text("override_reason", value["override_reason"]),
        override_by=fields.optional_text("override_by", value["override_by"]),
        override_at=optional_instant("override_at", value["override_at"]),
    )


def component_line(component: PoolComponent) -> bytes:
    """Return a pool component as a line, without its end."""
    return canonical_json(
        {
            "algorithm_version": component.algorithm_version,
            "amount_credits": str(component.amount_credits),
            "component_id": component.component_id,
            "computed_at": instant_text(component.computed_at),
            "evidence_ref": component.evidence_ref,
            "inputs": component.inputs,
        }
    )


def parse_component(line: bytes) -> ComponentRecord:
    """Return what a line of pool.jsonl says, its inputs_hash computed.

    Raises: NotCanonical, InvalidValue.
    """
    value = fields.record("pool component", parse_canonical_line(line), _COMPONENT)
    check_identifier("component id", value["component_id"])
    check_identifier("algorithm version", value["algorithm_version"])
    if not isinstance(value["inputs"], dict):
        raise InvalidValue("inputs", "must be an object")
    amount = fields.quantity("amount_credits", value["amount_credits"])
    return ComponentRecord(
        component_id=value["component_id"],
        amount_credits=amount,
        computed_at=parse_instant(fields.text("computed_at", value["computed_at"])),
        document={
            "component_id": value["component_id"],
            "algorithm_version": value["algorithm_version"],
            "amount_credits": str(amount),
            "evidence_ref": fields.optional_text("evidence_ref", value["evidence_ref"]),
            "inputs_hash": sha256(canonical_part(value["inputs"])).hexdigest(),
        },
    )


@lru_cache(maxsize=64)
def _check_page_time(text: str) -> None:
    # The events of a page share their time of retrieval, and reading one is worth remembering.
    parse_instant(text)


def _optional_instant(value: datetime | None) -> str | None:
    return None if value is None else instant_text(value)


def _optional_decimal(value: int | None) -> str | None:
    return None if value is None else str(value)

"""A schedule in words, the same for the one that ledger.toml asks for and the one that the server keeps.

Two schedules with the same facts do the same, however the server spells them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from temporalio.api.common.v1 import Payload
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    ScheduleRange,
    ScheduleSpec,
)

from ledger_core.domain.instant import instant_text
from ledger_core.errors import LedgerError
from scheduler_worker.messages import PlanRequest
from scheduler_worker.payload_codec import EncryptionCodec, key_id_of
from scheduler_worker.schedule_policy import UTC, duration_text

_UNREADABLE: Final = "unreadable"


async def facts_of(client: Client, schedule: Schedule) -> dict[str, str]:
    """Return what a schedule does, each fact as a name and a text: when it fires, what it starts, with what."""
    facts = dict(_spec_facts(schedule.spec))
    policy = schedule.policy
    facts["overlap"] = ScheduleOverlapPolicy(policy.overlap).name.lower()
    facts["catch up"] = (
        "the server's" if policy.catchup_window is None else duration_text(policy.catchup_window)
    )
    if policy.pause_on_failure:
        facts["pauses on failure"] = "yes"
    action = schedule.action
    if not isinstance(action, ScheduleActionStartWorkflow):
        return facts | {"starts": type(action).__name__}
    facts["starts"] = f"{action.workflow} as {action.id}"
    facts["task queue"] = action.task_queue
    facts["time-out"] = str(action.execution_timeout)
    return facts | await _request_facts(client, action.args)


def differences(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return (fact, in the file, on the server) wherever two schedules' facts differ; `-` is none."""
    return [
        (name, wanted.get(name, "-"), found.get(name, "-"))
        for name in sorted({*wanted, *found})
        if wanted.get(name) != found.get(name)
    ]


def _spec_facts(spec: ScheduleSpec) -> Iterator[tuple[str, str]]:
    yield (
        "fires",
        "; ".join(sorted([*_intervals(spec), *map(_calendar, spec.calendars), *spec.cron_expressions])),
    )
    yield "jitter", duration_text(spec.jitter or timedelta())
    yield "time zone", spec.time_zone_name or UTC
    if spec.skip:
        yield "skips", "; ".join(sorted(map(_calendar, spec.skip)))
    for name, at in (("not before", spec.start_at), ("not after", spec.end_at)):
        if at is not None:
            yield name, instant_text(at)


def _intervals(spec: ScheduleSpec) -> Iterator[str]:
    for interval in spec.intervals:
        offset = interval.offset or timedelta()
        after = f" and {duration_text(offset)}" if offset else ""
        yield f"every {duration_text(interval.every)} from 1970-01-01{after}"


def _calendar(calendar: ScheduleCalendarSpec) -> str:
    fields = {
        "second": calendar.second,
        "minute": calendar.minute,
        "hour": calendar.hour,
        "day": calendar.day_of_month,
        "month": calendar.month,
        "year": calendar.year,
        "weekday": calendar.day_of_week,
    }
    return " ".join(f"{name} {_numbers(ranges)}" for name, ranges in fields.items() if ranges)


def _numbers(ranges: Sequence[ScheduleRange]) -> str:
    values = sorted({value for found in ranges for value in range(found.start, found.end + 1, found.step)})
    return ",".join(map(str, values))


async def _request_facts(client: Client, arguments: Sequence[Any]) -> dict[str, str]:
    request = await _request(client, arguments)
    if request is None:
        return {"arguments": _UNREADABLE}
    facts = {
        "hidden with key": _key_id(client, arguments[0]),
        "windows": f"{request.length_days} days from {request.anchor}",
        "base issuance": str(request.base_issuance_credits),
    }
    facts |= {f"weight {kind}": str(weight) for kind, weight in request.weight_config.items()}
    facts |= {f"stream {stream}": "collected" for stream in (*request.streams, *request.directories)}
    return facts


def _key_id(client: Client, argument: Any) -> str:
    """Return the key that hides what the server keeps, or would hide what is still to be sent."""
    if isinstance(argument, Payload):
        return key_id_of(argument) or "none"
    codec = client.data_converter.payload_codec
    return codec.key_id if isinstance(codec, EncryptionCodec) else "none"


async def _request(client: Client, arguments: Sequence[Any]) -> PlanRequest | None:
    """Return the planner's request; a server's is decoded first, None where it is of another version."""
    if len(arguments) != 1:
        return None
    if isinstance(arguments[0], PlanRequest):
        return arguments[0]
    payload = arguments[0]
    assert isinstance(payload, Payload)
    try:
        [decoded] = await client.data_converter.decode([payload], [PlanRequest])
    except (LedgerError, TypeError, ValueError, KeyError, RuntimeError, json.JSONDecodeError):
        return None
    return decoded if isinstance(decoded, PlanRequest) else None

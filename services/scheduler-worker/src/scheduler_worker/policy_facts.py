"""What a policy comes to, defaults included: as JSON, as lines for a person, and as one hash."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs

from ledger_core.domain.canonical_json import canonical_json
from scheduler_worker.policy import Policy
from scheduler_worker.schedule_policy import Cron, duration_text


def policy_facts(policy: Policy, *, folder: Path) -> dict[str, Any]:
    """Return the policy with all its defaults, of text, whole numbers, booleans, lists and tables.

    Holds: what makes two policies no different is no fact; paths are relative to the folder of the policy's file, so that the same file means the same elsewhere.
    """
    facts: dict[str, Any] = _plain(policy, folder)
    return facts


def policy_hash(facts: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the facts in canonical JSON: two files with the same hash mean the same."""
    return sha256(canonical_json(facts)).hexdigest()


def policy_lines(facts: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield each fact's name and value, one line each."""
    if isinstance(facts, Mapping):
        for key, value in facts.items():
            yield from policy_lines(value, f"{name}.{key}" if name else str(key))
    elif isinstance(facts, list) and any(isinstance(value, Mapping) for value in facts):
        for number, value in enumerate(facts, start=1):
            yield from policy_lines(value, f"{name}[{number}]")
    else:
        yield name, _text(facts)


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)


def _plain(value: object, folder: Path) -> Any:  # noqa: PLR0911 - a line a kind of value
    if isinstance(value, Cron):
        return {"expression": value.expression, "time_zone": value.time_zone}
    kind = type(value)
    if attrs.has(kind):
        return {
            part.name: _plain(getattr(value, part.name), folder)
            for part in attrs.fields(kind)
            if part.init and part.eq
        }
    if isinstance(value, Mapping):
        return {str(key): _plain(value[key], folder) for key in sorted(value, key=str)}
    if isinstance(value, frozenset | set):
        return sorted(_plain(part, folder) for part in value)
    if isinstance(value, list | tuple):
        return [_plain(part, folder) for part in value]
    if isinstance(value, Path):
        return os.path.relpath(value, folder)
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, Enum):
        return _plain(value.value, folder)
    if value is None or isinstance(value, bool | int | str):
        return value
    return (
        value.isoformat()
        if isinstance(value, date)
        else str(value)
        if isinstance(value, UUID)
        else repr(value)
    )

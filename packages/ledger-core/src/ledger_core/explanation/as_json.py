"""Explanations for programs: the values as JSON, their fields by name."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum

from ledger_core.domain.canonical_json import JsonValue
from ledger_core.domain.instant import instant_text


def explanation_json(value: object) -> JsonValue:
    """Return an explanation, or a trace, as JSON.

    Shape: an object a value, its fields by name; lists, texts and whole numbers (milli-units, credits) as
           they are; times as `2026-11-16T00:00:00Z`; null where there is nothing, or nothing is known.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: explanation_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [explanation_json(each) for each in value]
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, Enum):
        return str(value.value)
    assert value is None or isinstance(value, (bool, int, str)), type(value)
    return value

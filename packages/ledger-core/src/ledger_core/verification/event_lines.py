"""Reads the lines of events.jsonl, which are many and mostly alike, by one regular expression.

The expression describes canonical lines and no others: its keys stand in their order, and what stands between them
is spelled in the one way that is canonical. It holds the metadata of lines that were read in full before,
each with any scalar in a scalar's place. What it does not match is read in full, and refused there if it must be.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any, Final

from ledger_core.verification.canonical_lines import canonical_part, parse_canonical_line
from ledger_core.verification.records import EventRecord, event_record

MAX_SHAPES: Final = 32  # a source has one or two for each of its types; more are read in full, not refused
MAX_SHAPE_CHARACTERS: Final = 16_384  # of an expression: some forty keys

_PLAIN: Final = r'[^"\\\x00-\x1f]*+'
_STRING: Final = rf'"{_PLAIN}(?:\\(?:["\\bfnrt]|u00(?:0[0-7bef]|1[0-9a-f])){_PLAIN})*+"'
_INTEGER: Final = "(?:0|-?+[1-9][0-9]{0,14}+)"  # a sixteenth digit may exceed 2^53-1
_SCALAR: Final = f"(?:{_STRING}|{_INTEGER}|null|true|false)"
_SCALARS: Final = rf"\[(?:{_SCALAR}(?:,{_SCALAR})*+)?+\]"
_OPTIONAL_TEXT: Final = f"(?:null|{_STRING})"
_IDENTIFIER: Final = r'"(?! )([ !#-\[\]-~]{1,255}+)(?<! )"'  # those in ASCII that need no escape
_NAME: Final = '"([a-z][a-z0-9_.-]{0,62}+)"'
_QUANTITY: Final = '(?:null|"(0|[1-9][0-9]{0,17}+)")'  # a nineteenth digit may exceed 2^63-1
_INSTANT: Final = (
    '"(([0-9]{4}-[0-9]{2}-[0-9]{2})'
    r'T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.(?!000000)[0-9]{6})?+Z)"'
)
_CURATION: Final = (
    rf'\{{"included":(true|false),"judged_at":(?:null|{_INSTANT}),"judged_by":{_OPTIONAL_TEXT},'
    rf'"late_from_epoch_id":{_QUANTITY},"note":{_OPTIONAL_TEXT},"user_id":(?:null|{_IDENTIFIER}),'
    rf'"weight_override_milli":{_QUANTITY}\}}'
)
_PAYLOAD: Final = (
    rf'\{{"artifact_url":{_OPTIONAL_TEXT},"event_time":{_INSTANT},"event_type":{_NAME},"id":{_IDENTIFIER},'
    rf'"metadata":(?:%s),"platform_login":{_OPTIONAL_TEXT},"platform_user_id":{_OPTIONAL_TEXT},'
    rf'"source":{_NAME}\}}'
)
_LINE: Final = (
    rf'\{{"curation":{_CURATION},"payload":({_PAYLOAD}),"payload_hash":"([0-9a-f]{{64}})",'
    rf'"producer":{_IDENTIFIER},"producer_version":{_IDENTIFIER},"retrieved_at":{_INSTANT}\}}'
)


class EventLines:
    """Gives what lines of events.jsonl say; each call is as `parse_event` says, a line that is like earlier ones sooner."""

    def __init__(self) -> None:
        self._shapes: list[str] = []
        self._line: re.Pattern[str] | None = None
        self._days: set[str | None] = {None}
        self.read_in_full = 0  # lines so far

    def __call__(self, line: bytes) -> EventRecord:
        """Return what a line says.

        Raises: NotCanonical, InvalidValue, exactly when `parse_event` does.
        """
        if self._line is None:
            return self._read_in_full(line)
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            return self._read_in_full(line)
        match = self._line.fullmatch(text)
        if match is None:
            return self._read_in_full(line)
        (
            included, _, judged_day, late, user_id, override,
            payload, event_time, day, event_type, event_id, source,
            stated_hash, _, _, _, retrieved_day,
        ) = match.groups()  # fmt: skip
        days = self._days
        if day not in days or retrieved_day not in days or judged_day not in days:
            return self._read_in_full(line)
        return EventRecord(
            event_id,
            f"{source}:{event_type}",
            event_time,
            stated_hash,
            sha256(payload.encode("utf-8")).hexdigest(),
            user_id,
            included == "true",
            None if override is None else int(override),
            None if late is None else int(late),
        )

    def _read_in_full(self, line: bytes) -> EventRecord:
        self.read_in_full += 1
        value = parse_canonical_line(line)
        found = event_record(value)
        self._learn(value)
        return found

    def _learn(self, value: Any) -> None:
        for instant in (
            value["payload"]["event_time"],
            value["retrieved_at"],
            value["curation"]["judged_at"],
        ):
            if instant is not None:
                self._days.add(instant[:10])
        if len(self._shapes) == MAX_SHAPES:
            return
        shape = _shape(value["payload"]["metadata"])
        if shape not in self._shapes and len(shape) <= MAX_SHAPE_CHARACTERS:
            self._shapes.append(shape)
            self._line = re.compile(_LINE % "|".join(self._shapes))


def _shape(value: Any) -> str:
    """Return an expression of the canonical texts that have this value's keys, and scalars where it has some."""
    if isinstance(value, dict):
        parts = [re.escape(canonical_part(key).decode("utf-8")) + ":" + _shape(value[key]) for key in value]
        return r"\{" + ",".join(parts) + r"\}"
    if isinstance(value, list):
        if not any(isinstance(item, dict | list) for item in value):
            return _SCALARS
        return r"\[" + ",".join(map(_shape, value)) + r"\]"
    return _SCALAR

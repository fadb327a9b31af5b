"""A line's meaning: one record of work, as an event, or the refusal that names what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.canonical_json import parse_strict_json
from ledger_core.domain.instant import parse_instant
from ledger_core.errors import InvalidValue, NotCanonical
from ledger_core.identifiers import EventId, check_identifier
from scheduler_worker.sources.jsonl.lines import MAX_LINE_BYTES, FileLine
from scheduler_worker.sources.jsonl.refusals import (
    JsonlFieldInvalid,
    JsonlFieldMissing,
    JsonlFieldUnknown,
    JsonlIdRepeated,
    JsonlLineNotJson,
    JsonlLineNotUtf8,
    JsonlLineTooLong,
    quoted,
)

SOURCE: Final = "jsonl"
PRODUCER: Final = "scheduler-worker-jsonl"
PRODUCER_VERSION: Final = "1"  # goes up when the same line would give another event
MAX_NAME_CHARACTERS: Final = 100  # an event id holds it beside the line's own id, within 255
MAX_ID_CHARACTERS: Final = 140
REQUIRED: Final = ("id", "event_type", "event_time", "platform_user_id")
OPTIONAL: Final = ("platform_login", "artifact_url", "metadata")
FIELDS: Final = REQUIRED + OPTIONAL
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_LINKS: Final = ("https://", "http://")


class LineReader:
    """Reads the lines of one file, each once and in order, into events.

    Holds: an event's id is `jsonl:work:<name>:<id>`. The type is no part of it, so that a record whose type was
           changed is the same record with another payload, never a second one.
    """

    def __init__(self, *, name: str, where: str) -> None:
        self._name = name
        self._where = where
        self._lines: dict[str, int] = {}

    def event(self, line: FileLine, *, retrieved_at: datetime) -> ActivityEvent | None:
        """Return the line's event; None for an empty line.

        Raises: JsonlLineTooLong, JsonlLineNotUtf8, JsonlLineNotJson, JsonlFieldMissing, JsonlFieldUnknown,
                JsonlFieldInvalid, JsonlIdRepeated.
        """
        if line.is_cut:
            raise JsonlLineTooLong(self._where, line.number, f"it has more than {MAX_LINE_BYTES} bytes")
        if not line.data.strip(b" \t\r\n"):
            return None
        record = self._record(line)
        event_id = self._id(line, record["id"])
        try:
            event = ActivityEvent(
                id=EventId(f"{SOURCE}:work:{self._name}:{event_id}"),
                source=SOURCE,
                event_type=record["event_type"],
                platform_user_id=record["platform_user_id"],
                platform_login=record.get("platform_login"),
                artifact_url=self._link(line, record),
                event_time=self._time(line, record["event_time"]),
                metadata=self._metadata(line, record),
                producer=PRODUCER,
                producer_version=PRODUCER_VERSION,
                retrieved_at=retrieved_at,
            )
        except InvalidValue as error:
            raise JsonlFieldInvalid(
                self._where, line.number, f"{_field(error.what)} {error.problem}"
            ) from error
        except NotCanonical as error:
            raise JsonlFieldInvalid(self._where, line.number, f"metadata: {error}") from error
        self._lines[event_id] = line.number
        return event

    def _record(self, line: FileLine) -> Mapping[str, Any]:
        if line.data.startswith(_BYTE_ORDER_MARK):
            problem = "it begins with a byte order mark; save the file as UTF-8 without one"
            raise JsonlLineNotUtf8(self._where, line.number, problem)
        try:
            text = line.data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise JsonlLineNotUtf8(self._where, line.number, "it is not in UTF-8") from error
        try:
            record = parse_strict_json(text)
        except NotCanonical as error:
            raise JsonlLineNotJson(self._where, line.number, _json_problem(error)) from error
        if not isinstance(record, dict):
            raise JsonlLineNotJson(self._where, line.number, "it is JSON, but no object")
        for key in record:
            if key not in FIELDS:
                close = get_close_matches(key[:100], FIELDS, n=1)
                hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(FIELDS)}"
                raise JsonlFieldUnknown(self._where, line.number, f"{quoted(key)} is unknown; {hint}")
        for key in REQUIRED:
            if record.get(key) is None:
                raise JsonlFieldMissing(self._where, line.number, f"{key} is missing")
        return record

    def _id(self, line: FileLine, value: object) -> str:
        try:
            check_identifier("id", value)
        except InvalidValue as error:
            raise JsonlFieldInvalid(self._where, line.number, str(error)) from error
        text = str(value)
        if len(text) > MAX_ID_CHARACTERS:
            problem = f"id must have at most {MAX_ID_CHARACTERS} characters"
            raise JsonlFieldInvalid(self._where, line.number, problem)
        if text in self._lines:
            problem = f"its id is that of line {self._lines[text]}; the second would never count"
            raise JsonlIdRepeated(self._where, line.number, problem)
        return text

    def _time(self, line: FileLine, value: object) -> datetime:
        if not isinstance(value, str):
            problem = f"event_time must be text, not {type(value).__name__}"
            raise JsonlFieldInvalid(self._where, line.number, problem)
        try:
            return parse_instant(value)
        except InvalidValue as error:
            raise JsonlFieldInvalid(self._where, line.number, f"event_time {error.problem}") from error

    def _link(self, line: FileLine, record: Mapping[str, Any]) -> Any:
        value = record.get("artifact_url")
        if isinstance(value, str) and not value.startswith(_LINKS):
            raise JsonlFieldInvalid(
                self._where, line.number, "artifact_url must begin with https:// or http://"
            )
        return value

    def _metadata(self, line: FileLine, record: Mapping[str, Any]) -> Mapping[str, Any]:
        value = record.get("metadata")
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise JsonlFieldInvalid(self._where, line.number, "metadata must be an object")
        return value


def _field(what: str) -> str:
    """Return the name that a line uses for what the core speaks of."""
    return "metadata" if what == "event metadata" else what.replace(" ", "_")


def _json_problem(error: NotCanonical) -> str:
    problem = str(error)
    if problem.startswith("the text"):
        return "it is not JSON"
    return problem if problem.startswith("an object") else f"{problem}; write it as text"

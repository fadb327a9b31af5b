"""Event lines read by their likeness to earlier ones say what reading each in full says, refusals included."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_core.domain.canonical_json import canonical_json
from ledger_core.errors import InvalidValue, NotCanonical
from ledger_core.verification.event_lines import MAX_SHAPES, EventLines
from ledger_core.verification.records import EventRecord, parse_event
from tests.property.test_canonical_json import SAFE, TEXTS, trees

TIMES = ("2026-11-16T00:00:00Z", "2026-11-16T23:59:59.000001Z", "2024-02-29T12:00:00Z")


def line_of(metadata: dict[str, Any], *, payload: dict[str, Any] | None = None, **curation: object) -> bytes:
    """A line of events.jsonl with these values, and plain ones otherwise."""
    judgement: dict[str, Any] = {
        "included": True,
        "judged_at": None,
        "judged_by": None,
        "late_from_epoch_id": None,
        "note": None,
        "user_id": "ada",
        "weight_override_milli": None,
    }
    return canonical_json(
        {
            "curation": judgement | curation,
            "payload": {
                "artifact_url": "https://github.example/acme/widgets/1",
                "event_time": TIMES[0],
                "event_type": "pr_merged",
                "id": "github:pr:acme/widgets:1",
                "metadata": metadata,
                "platform_login": "ada-l",
                "platform_user_id": "1001",
                "source": "github",
            }
            | (payload or {}),
            "payload_hash": "a" * 64,
            "producer": "github-adapter",
            "producer_version": "1.0.0",
            "retrieved_at": TIMES[0],
        }
    )


def outcome(read: Callable[[bytes], EventRecord], line: bytes) -> object:
    """What comes of reading a line."""
    try:
        return read(line)
    except (NotCanonical, InvalidValue) as error:
        return type(error), str(error)


LIKE = {"additions": 1, "labels": ["bug"], "nested": {"deep": [{"a": None}]}, "title": "Mend it"}
SCALARS = st.none() | st.booleans() | TEXTS | st.integers(-SAFE, SAFE)
# What an identifier may be, and what it may not.
WORDS = (
    st.text(st.sampled_from('aZ0 :/-"\\\x7f\u00e9\u2028\u3000\U0001f600'), max_size=4)
    | st.sampled_from(["x" * 255, "x" * 256])
    | TEXTS
)
NUMBERS = [
    "0",
    "-0",
    "00",
    "01",
    "-1",
    "+1",
    "1.0",
    "1e3",
    "NaN",
    "null",
    "nul",
    "true",
    "True",
    "[]",
    "{}",
    "[1,2]",
    "[1,]",
    "9007199254740991",
    "9007199254740992",
    "-9007199254740991",
    "100000000000000",
    "1000000000000000",
    "9223372036854775807",
    "9223372036854775808",
]
QUOTED = (
    *(
        r"\u001F",
        r"\u001f",
        r"\u0008",
        r"\b",
        r"\/",
        "/",
        r"\u00e9",
        "\u00e9",
        "\x7f",
        "\t",
        r"\x",
        r"a\"b",
        "",
    ),
    *(
        "9223372036854775807",
        "9223372036854775808",
        "1000000000000000000",
        "0",
        "007",
        "-1",
        " a",
        "a ",
        "A",
        "9a",
    ),
    *("2026-02-29T00:00:00Z", "2024-02-29T24:00:00Z", "2024-02-29T23:59:60Z", "0000-01-01T00:00:00Z"),
    *("2024-02-29T23:59:59.000000Z", "2024-02-29T23:59:59.500000Z", "2024-02-29T23:59:59.5Z"),
    *("2024-02-29t00:00:00Z", "\u0662024-02-29T00:00:00Z", "\ud800", "f" * 64, "F" * 64, "f" * 63),
)
SPELLINGS = [*NUMBERS, "[1, 2]", '{"a":1,"a":1}', '{"b":1,"a":2}', *(f'"{text}"' for text in QUOTED)]


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """A canonical line that is like LIKE, or has any metadata at all."""
    metadata: dict[str, Any]
    if draw(st.booleans()):
        metadata = LIKE | {
            "additions": draw(SCALARS),
            "labels": draw(st.lists(SCALARS, max_size=3)),
            "title": draw(TEXTS),
        }
    else:
        metadata = draw(st.dictionaries(TEXTS, trees(st.integers(-SAFE, SAFE)), max_size=4))
    payload: dict[str, Any] = {
        "artifact_url": draw(st.none() | TEXTS),
        "event_time": draw(st.sampled_from(TIMES)),
        "id": draw(WORDS),
        "platform_login": draw(st.none() | TEXTS),
    }
    return line_of(
        metadata,
        payload=payload,
        included=draw(st.booleans()),
        user_id=draw(st.none() | WORDS),
        note=draw(st.none() | TEXTS),
        judged_at=draw(st.none() | st.sampled_from(TIMES)),
        weight_override_milli=draw(st.none() | st.integers(0, 2**64).map(str)),
        late_from_epoch_id=draw(st.none() | st.integers(0, 99).map(str)),
    )


def drawn_line(data: st.DataObject) -> bytes:
    """A line as `lines` gives it; where the draw can't be written at all (lone surrogates), a plain one."""
    try:
        return data.draw(lines())
    except NotCanonical:
        return line_of(LIKE)


@given(data=st.data())
def test_a_line_that_is_like_others_says_what_it_says_in_full(data: st.DataObject) -> None:
    read = EventLines()
    outcome(read, line_of(LIKE))
    outcome(read, drawn_line(data))
    line = drawn_line(data)

    assert outcome(parse_event, line) == outcome(read, line)


JUDGED = line_of(
    LIKE, judged_at=TIMES[1], judged_by="grace", note="a \u00e9 \U0001f600", late_from_epoch_id="3"
)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_value_may_be_spelled_otherwise_than_in_full(spelling: str) -> None:
    """Whatever is put where a value was: it is read as in full, or refused in the same words."""
    text = JUDGED.decode()
    for start in [at + 1 for at, letter in enumerate(text) if letter in ":,["]:
        end = next(at for at in range(start, len(text)) if text[at] in ",}]")
        spoiled = (text[:start] + spelling + text[end:]).encode("utf-8", "surrogatepass")
        read = EventLines()
        read(JUDGED)

        assert outcome(parse_event, spoiled) == outcome(read, spoiled), spoiled


@given(data=st.data())
def test_a_line_with_other_bytes_anywhere_is_refused_as_in_full(data: st.DataObject) -> None:
    """Bytes are taken out, or put in."""
    start = data.draw(st.integers(0, len(JUDGED)))
    end = start + data.draw(st.integers(0, 3))
    put_in = data.draw(st.sampled_from([b"", b" ", b"\n", b",", b'"', b"0", b"\0", b"\xff"]))
    spoiled = JUDGED[:start] + put_in + JUDGED[end:]
    read = EventLines()
    read(JUDGED)

    assert outcome(parse_event, spoiled) == outcome(read, spoiled)


@pytest.mark.parametrize("spelled", [b"\xed\xa0\x80", b"\xff", b"\xc0\xaf", b"\xe9", b"\xf5\x80\x80\x80"])
def test_what_is_no_utf_8_is_refused_wherever_it_stands(spelled: bytes) -> None:
    line = line_of(LIKE)
    read = EventLines()
    read(line)
    spoiled = line.replace(b"Mend it", spelled)

    assert (NotCanonical, "the text is not JSON in UTF-8") == outcome(read, spoiled)


def test_lines_that_are_alike_are_read_in_full_once() -> None:
    """The gain: a bundle of a million events reads a few dozen in full."""
    read = EventLines()
    day = datetime(2026, 11, 16, tzinfo=UTC)
    for number in range(50):
        title = f'Mend "{number}" \u00e9 \U0001f600'
        for metadata in (LIKE | {"title": title, "labels": ["a"] * number}, {"sha": f"{number:040x}"}):
            read(
                line_of(
                    metadata,
                    payload={
                        "id": f"github:pr:{number}",
                        "event_time": f"{day:%Y-%m-%d}T10:00:{number:02d}Z",
                    },
                    user_id=f"user-{number}" if number % 3 else None,
                    included=number % 5 > 0,
                    weight_override_milli=str(number) if number % 7 == 0 else None,
                )
            )

    assert read.read_in_full == 2


def test_lists_of_lists_and_objects_are_alike_by_what_stands_in_each_place() -> None:
    read = EventLines()
    first = line_of({"files": [{"name": "a"}, {"name": "b", "lines": 1}, [1, 2]]})
    alike = line_of({"files": [{"name": "c"}, {"name": None, "lines": 20}, []]})
    shorter = line_of({"files": [{"name": "a"}, [1, 2]]})
    found = [read(line) for line in (first, alike)]

    assert read.read_in_full == 1
    assert [*found, read(shorter)] == [parse_event(line) for line in (first, alike, shorter)]
    assert read.read_in_full == 2


def test_more_shapes_than_are_kept_are_read_all_the_same() -> None:
    read = EventLines()
    wanted = [line_of({f"key{number}": number}) for number in range(MAX_SHAPES + 8)] * 2

    assert [parse_event(line) for line in wanted] == [read(line) for line in wanted]
    assert read.read_in_full == MAX_SHAPES + 8 + 8


def test_a_large_shape_is_not_kept() -> None:
    read = EventLines()
    line = line_of({f"key{number:04d}": number for number in range(500)})

    assert read(line) == read(line)
    assert read.read_in_full == 2
    assert json.loads(line)["payload"]["metadata"]["key0499"] == 499

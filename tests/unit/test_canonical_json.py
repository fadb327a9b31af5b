"""Canonical JSON: one text for each value, and a refusal for what readers disagree on."""

from __future__ import annotations

from typing import Any

import pytest

from ledger_core import NotCanonical, canonical_json, parse_canonical_json
from ledger_core.domain.canonical_json import MAX_DEPTH, parse_strict_json

SAFE = 2**53 - 1

EXAMPLES: list[tuple[Any, str]] = [
    (None, "null"),
    (True, "true"),
    (False, "false"),
    (0, "0"),
    (-1, "-1"),
    (SAFE, "9007199254740991"),
    (-SAFE, "-9007199254740991"),
    ("", '""'),
    ("é/<>&\u2028", '"é/<>&\u2028"'),
    ('"\\', '"\\"\\\\"'),
    ("\b\t\n\f\r", '"\\b\\t\\n\\f\\r"'),
    ("\x00\x1f\x7f", '"\\u0000\\u001f\x7f"'),
    ("\U0001f600", '"\U0001f600"'),
    ([], "[]"),
    ((1, [2, ()], "3"), '[1,[2,[]],"3"]'),
    ({}, "{}"),
    ({"b": 1, "a": {"d": [], "c": None}, "": 0}, '{"":0,"a":{"c":null,"d":[]},"b":1}'),
    ({"10": 1, "9": 2, "a": 3, "B": 4}, '{"10":1,"9":2,"B":4,"a":3}'),
]

REFUSED_VALUES: dict[str, Any] = {
    "float": 1.5,
    "whole float": 1.0,
    "not a number": float("nan"),
    "integer above 2^53-1": SAFE + 1,
    "integer below -(2^53-1)": -SAFE - 1,
    "lone surrogate": "\ud83d",
    "surrogate in a key": {"\ude00": 1},
    "surrogate in one of two keys": {"a": 1, "\ud83d": 2},
    "number as key": {1: "a"},
    "null as key": {None: "a"},
    "bytes": b"a",
    "set": {1},
    "object": object(),
    "float deep inside": {"a": [{"b": [0, 0.5]}]},
}

REFUSED_TEXTS: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "two values": b"1 2",
    "white space": b'{"a": 1}',
    "leading white space": b" 1",
    "trailing newline": b"1\n",
    "keys out of order": b'{"b":1,"a":2}',
    "repeated key": b'{"a":1,"a":1}',
    "repeated key deep inside": b'[{"x":{"a":1,"a":2}}]',
    "needless escape": b'"\\u0061"',
    "escaped slash": b'"\\/"',
    "upper-case escape": b'"\\u001F"',
    "escaped surrogate pair": b'"\\ud83d\\ude00"',
    "lone surrogate": b'"\\ud83d"',
    "float": b"1.0",
    "exponent": b"1e3",
    "minus zero": b"-0",
    "leading zero": b"01",
    "integer above 2^53-1": b"9007199254740992",
    "integer below -(2^53-1)": b"-9007199254740992",
    "very long integer": b"9" * 5000,
    "not a number": b"NaN",
    "infinity": b"-Infinity",
    "byte order mark": b"\xef\xbb\xbf1",
    "not UTF-8": b'"\xff"',
    "UTF-16": '"a"'.encode("utf-16"),
    "control character": b'"\x01"',
}


def nested(levels: int) -> Any:
    value: Any = 0
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


@pytest.mark.parametrize(("value", "text"), EXAMPLES, ids=[text for _, text in EXAMPLES])
def test_a_value_has_one_text(value: Any, text: str) -> None:
    """PAYOUT_DETERMINISTIC: the same bytes on every machine."""
    assert canonical_json(value) == text.encode()


@pytest.mark.parametrize(("value", "text"), EXAMPLES, ids=[text for _, text in EXAMPLES])
def test_a_text_gives_its_value_back(value: Any, text: str) -> None:
    assert canonical_json(parse_canonical_json(text.encode())) == text.encode()
    assert parse_canonical_json(text.encode()) == value or isinstance(value, tuple)


def test_keys_are_ordered_by_utf_16_and_not_by_code_point() -> None:
    """U+1F600 is D83D DE00 in UTF-16, so it stands before U+FB00, though its code point is greater."""
    keys = ["\ufb00", "\U0001f600", "a", "\u00e9", "\ud7ff"]

    text = canonical_json(dict.fromkeys(keys, 0))

    assert text.decode() == '{"a":0,"\u00e9":0,"\ud7ff":0,"\U0001f600":0,"\ufb00":0}'


def test_keys_of_the_rfc_are_ordered_as_in_the_rfc() -> None:
    """The sorting example of RFC 8785, section 3.2.3."""
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]

    ordered = list(parse_canonical_json(canonical_json(dict.fromkeys(keys, 0))))

    assert ordered == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


@pytest.mark.parametrize("value", REFUSED_VALUES.values(), ids=REFUSED_VALUES)
def test_a_value_without_a_canonical_form_is_refused(value: Any) -> None:
    """WEIGHTS_INTEGER_ONLY, ALL_MATH_BIGINT: nothing that a reader may round gets into a hash."""
    with pytest.raises(NotCanonical):
        canonical_json(value)


@pytest.mark.parametrize("text", REFUSED_TEXTS.values(), ids=REFUSED_TEXTS)
def test_another_spelling_is_refused(text: bytes) -> None:
    with pytest.raises(NotCanonical):
        parse_canonical_json(text)


def test_a_value_is_nested_as_deep_as_the_limit_and_no_deeper() -> None:
    assert canonical_json(nested(MAX_DEPTH)).count(b"[") == MAX_DEPTH // 2
    with pytest.raises(NotCanonical):
        canonical_json(nested(MAX_DEPTH + 1))


def test_a_text_nested_without_end_is_refused() -> None:
    with pytest.raises(NotCanonical):
        parse_strict_json(b"[" * 100_000)


def test_a_value_that_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(NotCanonical):
        canonical_json(endless)


def test_a_strict_text_may_be_spaced_and_ordered_freely() -> None:
    assert parse_strict_json('\n{"b": [1, 2],\t"a": "\\u0061"}') == {"b": [1, 2], "a": "a"}


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', "1.0", "1e3", "9007199254740992", "NaN", "{"])
def test_a_strict_text_stays_within_the_canonical_types(text: str) -> None:
    with pytest.raises(NotCanonical):
        parse_strict_json(text)

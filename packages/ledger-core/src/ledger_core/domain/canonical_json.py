"""Canonical JSON: RFC 8785 restricted to what every JSON reader agrees on.

Null, booleans, strings, arrays, objects, and integers within +-(2^53-1). Whatever else is an error:
larger integers travel as decimal strings, and floats do not travel at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn, TypeAlias

from ledger_core.errors import NotCanonical

JsonValue: TypeAlias = (
    "None | bool | int | str | list[JsonValue] | tuple[JsonValue, ...] | Mapping[str, JsonValue]"
)

MAX_SAFE_INTEGER: Final = 2**53 - 1  # the largest integer every IEEE double reader keeps exactly
MAX_DEPTH: Final = 64  # far above any payload; far below the interpreter's recursion limit


def canonical_json(value: JsonValue) -> bytes:
    """Return the one UTF-8 text of value: keys in UTF-16 order, no white space, shortest escapes.

    Holds:   equal values give equal bytes on every machine; parse_canonical_json undoes it.
    Raises:  NotCanonical for floats, integers beyond +-(2^53-1), lone surrogates, keys that are no
             strings, other types, or more than 64 levels.
    Source:  RFC 8785.
    """
    text = json.dumps(_ordered(value, 0), ensure_ascii=False, separators=(",", ":"), check_circular=False)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise NotCanonical("a string holds a lone surrogate, which UTF-8 cannot carry") from error


def parse_canonical_json(data: bytes) -> Any:
    """Return the value of a canonical text, refusing every other spelling of it.

    Raises: NotCanonical when data is no JSON, repeats a key, or is not byte for byte canonical.
    """
    value = parse_strict_json(data)
    if canonical_json(value) != data:
        raise NotCanonical("the text is JSON, but not in canonical form")
    return value


def parse_strict_json(data: bytes | str) -> Any:
    """Return the value of any JSON text that stays within the canonical types, however it is spaced.

    Raises: NotCanonical for no JSON, a repeated key, a float, or an integer beyond +-(2^53-1).
    """
    try:
        return json.loads(
            data,
            object_pairs_hook=_object_without_repeats,
            parse_float=_refuse_float,
            parse_constant=_refuse_float,
            parse_int=_safe_integer,
        )
    except (ValueError, RecursionError) as error:
        raise NotCanonical("the text is not JSON in UTF-8") from error


def _ordered(value: object, depth: int) -> object:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
            return value
        raise NotCanonical("an integer lies beyond +-(2^53-1); write it as a decimal string")
    if depth >= MAX_DEPTH:
        raise NotCanonical(f"the value is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        keys = _ordered_keys(value)
        return {key: _ordered(value[key], depth + 1) for key in keys}
    if isinstance(value, list | tuple):
        return [_ordered(item, depth + 1) for item in value]
    raise NotCanonical(f"a value of type {type(value).__name__} has no canonical JSON form")


def _ordered_keys(mapping: Mapping[Any, object]) -> list[str]:
    keys = list(mapping)
    for key in keys:
        if not isinstance(key, str):
            raise NotCanonical("an object's keys must be strings")
    if all(map(str.isascii, keys)):
        keys.sort()
        return keys
    # RFC 8785 orders by UTF-16 code units, which differs from code points beyond the BMP.
    try:
        keys.sort(key=lambda key: key.encode("utf-16-be"))
    except UnicodeEncodeError as error:
        raise NotCanonical("a key holds a lone surrogate, which UTF-8 cannot carry") from error
    return keys


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotCanonical("an object repeats a key")
    return found


def _refuse_float(_text: str) -> NoReturn:
    raise NotCanonical("a number is not an integer")


def _safe_integer(text: str) -> int:
    if len(text) > len(str(-MAX_SAFE_INTEGER)) or abs(int(text)) > MAX_SAFE_INTEGER:
        raise NotCanonical("an integer lies beyond +-(2^53-1)")
    return int(text)

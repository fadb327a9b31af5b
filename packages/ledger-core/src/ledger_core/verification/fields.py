"""Takes parsed JSON apart, refusing every field that is missing, additional or of another type.

Quantities that may exceed 2^53 (units, credits, weights, epoch ids) are decimal strings.
"""

from __future__ import annotations

import re
from typing import Any, Final

from ledger_core.errors import InvalidValue
from ledger_core.identifiers import MAX_BIGINT

_QUANTITY: Final = re.compile("0|[1-9][0-9]{0,18}", re.ASCII)
_SHA256: Final = re.compile("[0-9a-f]{64}", re.ASCII)


def record(what: str, value: object, names: frozenset[str]) -> dict[str, Any]:
    """Return value as an object that has exactly these fields.

    Raises: InvalidValue.
    """
    if not isinstance(value, dict) or value.keys() != names:
        raise InvalidValue(what, f"must be an object of exactly {', '.join(sorted(names))}")
    return value


def text(what: str, value: object) -> str:
    """Return value as text.

    Raises: InvalidValue.
    """
    if not isinstance(value, str):
        raise InvalidValue(what, f"must be text, not {type(value).__name__}")
    return value


def optional_text(what: str, value: object) -> str | None:
    """Return value as text or None.

    Raises: InvalidValue.
    """
    return None if value is None else text(what, value)


def quantity(what: str, value: object) -> int:
    """Return the number that a decimal string from 0 to 2^63-1 writes.

    Raises: InvalidValue.
    """
    if not isinstance(value, str) or _QUANTITY.fullmatch(value) is None or int(value) > MAX_BIGINT:
        raise InvalidValue(what, "must be a decimal string from 0 to 2^63-1, without leading zeros")
    return int(value)


def optional_quantity(what: str, value: object) -> int | None:
    """Return the number that a decimal string writes, or None.

    Raises: InvalidValue.
    """
    return None if value is None else quantity(what, value)


def count(what: str, value: object) -> int:
    """Return value as an integer >= 0; JSON itself bounds it by 2^53-1.

    Raises: InvalidValue.
    """
    if type(value) is not int or value < 0:
        raise InvalidValue(what, "must be an integer that is not negative")
    return value


def flag(what: str, value: object) -> bool:
    """Return value as true or false.

    Raises: InvalidValue.
    """
    if not isinstance(value, bool):
        raise InvalidValue(what, "must be true or false")
    return value


def sha256_hex(what: str, value: object) -> str:
    """Return value as 64 lower-case hexadecimal digits.

    Raises: InvalidValue.
    """
    if not isinstance(value, str) or _SHA256.fullmatch(value) is None:
        raise InvalidValue(what, "must be 64 lower-case hexadecimal digits")
    return value

"""Reading a platform's answers field by field: each has the kind that is documented, or the answer is refused whole."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Self, TypeVar

from ledger_core.errors import LedgerError

_INSTANT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
_Kind = TypeVar("_Kind")


class AnswerFields(ABC):
    """An object of an answer, and where in the answer it stands."""

    __slots__ = ("_values", "where")

    def __init__(self, values: object, where: str) -> None:
        """Take a JSON object.

        Raises: the platform's refusal, as every method does where a field is not of its kind.
        """
        if not isinstance(values, Mapping):
            raise self.refusal(where, "is no object")
        self._values: Mapping[str, Any] = values
        self.where = where

    @staticmethod
    @abstractmethod
    def refusal(where: str, problem: str) -> LedgerError:
        """Return the platform's own refusal of an answer, by where in it something is wrong, and what."""

    def text(self, name: str) -> str:
        """Return a string."""
        return self._of(name, str)

    def find_text(self, name: str) -> str | None:
        """Return a string or None."""
        return None if self._values.get(name) is None else self.text(name)

    def flag(self, name: str) -> bool:
        """Return true or false."""
        return self._of(name, bool)

    def whole(self, name: str) -> int:
        """Return a whole number from 0 to 2^63-1."""
        value = self._values.get(name)
        if type(value) is not int or not 0 <= value < 2**63:
            raise self.unreadable(name, "is no whole number")
        return value

    def find_whole(self, name: str) -> int | None:
        """Return a whole number or None."""
        return None if self._values.get(name) is None else self.whole(name)

    def instant(self, name: str) -> datetime:
        """Return a time in UTC."""
        found = _INSTANT.fullmatch(self.text(name))
        if found is None:
            raise self.unreadable(name, "is no time")
        zone = "+00:00" if found[3] == "Z" else found[3]
        try:
            return (
                datetime.fromisoformat(found[1] + zone)
                .astimezone(UTC)
                .replace(microsecond=int((found[2] or ".")[1:].ljust(6, "0")))
            )
        except (ValueError, OverflowError):
            raise self.unreadable(name, "is no time") from None

    def find_instant(self, name: str) -> datetime | None:
        """Return a time or None."""
        return None if self._values.get(name) is None else self.instant(name)

    def fields(self, name: str) -> Self:
        """Return an object."""
        return type(self)(self._values.get(name), f"{self.where}.{name}")

    def find_fields(self, name: str) -> Self | None:
        """Return an object or None."""
        return None if self._values.get(name) is None else self.fields(name)

    def unreadable(self, name: str, problem: str) -> LedgerError:
        """Return the refusal of one field."""
        return self.refusal(f"{self.where}.{name}", problem)

    def _of(self, name: str, kind: type[_Kind]) -> _Kind:
        value = self._values.get(name)
        if not isinstance(value, kind):
            raise self.unreadable(name, "is missing, or of another kind")
        return value

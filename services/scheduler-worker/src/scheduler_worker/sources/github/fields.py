"""Reading answers field by field: each has the kind that GitHub documents, or the answer is refused whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from scheduler_worker.sources.github.refusals import GithubAnswerUnreadable

_INSTANT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
_DIGITS: Final = re.compile("[0-9]{1,19}", re.ASCII)

_Kind = TypeVar("_Kind")


class Fields:
    """An object of an answer, and where in the answer it stands."""

    __slots__ = ("_values", "where")

    def __init__(self, values: object, where: str) -> None:
        """Take a JSON object.

        Raises: GithubAnswerUnreadable, as every method does where a field is not of its kind.
        """
        if not isinstance(values, Mapping):
            raise GithubAnswerUnreadable(where, "is no object")
        self._values: Mapping[str, Any] = values
        self.where = where

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
        """Return a whole number from 0 to 2^63-1, also of GitHub's BigInt, which travels as digits."""
        value = self._values.get(name)
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            value = int(value)
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
            return datetime.fromisoformat(found[1] + (found[2] or "") + zone).astimezone(UTC)
        except (ValueError, OverflowError):
            raise self.unreadable(name, "is no time") from None

    def find_instant(self, name: str) -> datetime | None:
        """Return a time or None."""
        return None if self._values.get(name) is None else self.instant(name)

    def fields(self, name: str) -> Fields:
        """Return an object."""
        return Fields(self._values.get(name), f"{self.where}.{name}")

    def find_fields(self, name: str) -> Fields | None:
        """Return an object or None."""
        return None if self._values.get(name) is None else self.fields(name)

    def each(self, name: str) -> Iterator[Fields]:
        """Yield the objects of a list; a hole in it is refused, as something was left out there."""
        values = self._values.get(name)
        if not isinstance(values, list):
            raise self.unreadable(name, "is no list")
        for number, value in enumerate(values):
            yield Fields(value, f"{self.where}.{name}[{number}]")

    def holding(self, name: str, *nodes: Fields) -> Fields:
        """Return the object with a connection of this name that has these nodes and no more."""
        connection = {
            "totalCount": len(nodes),
            "pageInfo": {"hasNextPage": False, "endCursor": None},
            "nodes": [node._values for node in nodes],  # noqa: SLF001 - of this class
        }
        return Fields({**self._values, name: connection}, self.where)

    def raw(self, name: str) -> object:
        """Return whatever stands there."""
        return self._values.get(name)

    def unreadable(self, name: str, problem: str) -> GithubAnswerUnreadable:
        """Return the refusal of one field."""
        return GithubAnswerUnreadable(f"{self.where}.{name}", problem)

    def _of(self, name: str, kind: type[_Kind]) -> _Kind:
        value = self._values.get(name)
        if not isinstance(value, kind):
            raise self.unreadable(name, "is missing, or of another kind")
        return value

"""Reading GitHub's answers field by field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from scheduler_worker.sources.answer_fields import AnswerFields
from scheduler_worker.sources.github.refusals import GithubAnswerUnreadable

_DIGITS: Final = re.compile("[0-9]{1,19}", re.ASCII)


class Fields(AnswerFields):
    """An object of GitHub's answer."""

    __slots__ = ()

    @staticmethod
    def refusal(where: str, problem: str) -> GithubAnswerUnreadable:
        """Return the refusal of what can't be read."""
        return GithubAnswerUnreadable(where, problem)

    def whole(self, name: str) -> int:
        """Return a whole number from 0 to 2^63-1, also of GitHub's BigInt, which travels as digits."""
        value = self._values.get(name)
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            return Fields({name: int(value)}, self.where).whole(name)
        return super().whole(name)

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

"""Reading GitLab's answers field by field."""

from __future__ import annotations

from scheduler_worker.sources.answer_fields import AnswerFields
from scheduler_worker.sources.gitlab.refusals import GitlabAnswerUnreadable


class Fields(AnswerFields):
    """An object of GitLab's answer."""

    __slots__ = ()

    @staticmethod
    def refusal(where: str, problem: str) -> GitlabAnswerUnreadable:
        """Return the refusal of what can't be read."""
        return GitlabAnswerUnreadable(where, problem)

    def flag(self, name: str) -> bool:
        """Return true or false; GitLab's null is false."""
        return self._values.get(name) is not None and self._of(name, bool)

    def texts(self, name: str) -> list[str]:
        """Return a list of strings."""
        values = self._of(name, list)
        if not all(isinstance(value, str) for value in values):
            raise self.unreadable(name, "is no list of texts")
        return values


def objects(values: object, where: str) -> list[Fields]:
    """Return the objects of a list; a hole in it is refused, as something was left out there.

    Raises: GitlabAnswerUnreadable.
    """
    if not isinstance(values, list):
        raise GitlabAnswerUnreadable(where, "is no list")
    return [Fields(value, f"{where}[{number}]") for number, value in enumerate(values)]

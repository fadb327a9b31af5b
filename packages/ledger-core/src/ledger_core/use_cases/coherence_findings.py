"""Collects what a check of coherence finds, by check, and no more of each than a person reads."""

from __future__ import annotations

from typing import Final

from ledger_core.domain.finding import CHECKS, Finding

MAX_FINDINGS_A_CHECK: Final = 100  # more of one kind have one cause, and would bury the others
MAX_TEXT_CHARACTERS: Final = 300  # room for an identifier of 255, and for four hashes


class Findings:
    """Collects findings; of each check the first hundred, and how many more there were."""

    def __init__(self) -> None:
        self._found: dict[str, list[Finding]] = {name: [] for name in CHECKS}
        self._more = dict.fromkeys(CHECKS, 0)
        self._unchecked: list[Finding] = []

    def unchecked(self, check: str, subject: str, *, expected: object, found: object) -> None:
        """Note what could not be looked at, beside the findings and whatever their number."""
        self._unchecked.append(
            Finding(
                check=check,
                subject=_cut(subject),
                expected=_cut(expected),
                found=_cut(found),
                is_unchecked=True,
            )
        )

    def add(self, check: str, subject: str, *, expected: object, found: object) -> None:
        """Note what does not fit."""
        if len(self._found[check]) == MAX_FINDINGS_A_CHECK:
            self._more[check] += 1
            return
        self._found[check].append(
            Finding(check=check, subject=_cut(subject), expected=_cut(expected), found=_cut(found))
        )

    def compare(self, check: str, subject: str, *, expected: object, found: object) -> None:
        """Note a difference if there is one."""
        if expected != found:
            self.add(check, subject, expected=expected, found=found)

    def all(self) -> tuple[Finding, ...]:
        """Return the findings in the order of their checks; a check's last one may stand for more."""
        listed: list[Finding] = []
        for check, found in self._found.items():
            listed += found
            listed += [one for one in self._unchecked if one.check == check]
            if self._more[check]:
                more = f"{self._more[check]} more"
                listed.append(Finding(check=check, subject="further findings", expected="none", found=more))
        return tuple(listed)


def _cut(value: object) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= MAX_TEXT_CHARACTERS else text[:MAX_TEXT_CHARACTERS] + "..."

"""An amendment: what a statement that supersedes another sets right, by whom and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from ledger_core.domain.allocation import FinalizedAllocation
from ledger_core.domain.canonical_json import JsonValue
from ledger_core.domain.ledger_action import MAX_REASON_CHARACTERS
from ledger_core.errors import InvalidValue
from ledger_core.identifiers import (
    MAX_BIGINT,
    MAX_IDENTIFIER_CHARACTERS,
    check_bigint,
    check_identifier,
    check_text,
)

MAX_CORRECTIONS: Final = 1_000  # made by hand, each with a reason
_SHA256: Final = re.compile("[0-9a-f]{64}", re.ASCII)
_QUANTITY: Final = re.compile("0|[1-9][0-9]{0,18}", re.ASCII)
_FIELDS: Final = {"supersedes", "reason", "amended_by", "corrections"}
_CORRECTION_FIELDS: Final = {"user_id", "units", "reason", "amended_by"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """The units that a person is paid by instead of what the epoch's allocations say.

    Units:  milli-units; 0 is a real 0.
    Raises: InvalidValue.
    """

    user_id: str
    units: int
    reason: str
    amended_by: str

    def __post_init__(self) -> None:
        check_identifier("user id", self.user_id)
        check_bigint("units", self.units)
        _check_decision(self.reason, self.amended_by)

    def document(self) -> dict[str, JsonValue]:
        """Return the correction as it stands in a statement document."""
        return {
            "user_id": self.user_id,
            "units": str(self.units),
            "reason": self.reason,
            "amended_by": self.amended_by,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """Which statement is superseded, why and by whom, and every correction that stands from now on.

    Shape:  corrections are ordered by user id (code point), at most MAX_CORRECTIONS. They are all that stand,
            those of an earlier amendment too: what is left out counts as the epoch's allocations have it.
    Raises: InvalidValue.
    """

    supersedes: str
    reason: str
    amended_by: str
    corrections: tuple[Correction, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.supersedes, str) or _SHA256.fullmatch(self.supersedes) is None:
            raise InvalidValue("superseded statement", "must be 64 lower-case hexadecimal digits")
        _check_decision(self.reason, self.amended_by)
        if len(self.corrections) > MAX_CORRECTIONS:
            raise InvalidValue("amendment", f"must have at most {MAX_CORRECTIONS} corrections")
        users = [correction.user_id for correction in self.corrections]
        if any(following <= earlier for earlier, following in pairwise(users)):
            raise InvalidValue("amendment", "must correct each user once, in order")

    def document(self) -> dict[str, JsonValue]:
        """Return the amendment as it stands in a statement document."""
        return {
            "supersedes": self.supersedes,
            "reason": self.reason,
            "amended_by": self.amended_by,
            "corrections": [correction.document() for correction in self.corrections],
        }

    def applied_to(self, allocations: Iterable[FinalizedAllocation]) -> tuple[FinalizedAllocation, ...]:
        """Return who is paid by how many units once the corrections are made, ordered by user id."""
        units = {each.user_id: each for each in allocations}
        for correction in self.corrections:
            units[correction.user_id] = FinalizedAllocation(correction.user_id, correction.units)
        return tuple(units[user] for user in sorted(units))


def parse_amendment(document: object) -> Amendment:
    """Return what the amendment in a statement document states; it may be of another's making.

    Raises: InvalidValue.
    """
    if not isinstance(document, Mapping) or set(document) != _FIELDS:
        raise InvalidValue("amendment", f"must have exactly the fields {', '.join(sorted(_FIELDS))}")
    corrections = document["corrections"]
    if not isinstance(corrections, list):
        raise InvalidValue("corrections", "must be a list")
    return Amendment(
        supersedes=document["supersedes"],
        reason=document["reason"],
        amended_by=document["amended_by"],
        corrections=tuple(parse_correction(entry) for entry in corrections),
    )


def parse_correction(document: object) -> Correction:
    """Return what a correction in an amendment states.

    Raises: InvalidValue.
    """
    if not isinstance(document, Mapping) or set(document) != _CORRECTION_FIELDS:
        raise InvalidValue(
            "correction", f"must have exactly the fields {', '.join(sorted(_CORRECTION_FIELDS))}"
        )
    units = document["units"]
    if not isinstance(units, str) or _QUANTITY.fullmatch(units) is None or int(units) > MAX_BIGINT:
        raise InvalidValue("units", "must be a decimal string from 0 to 2^63-1, without leading zeros")
    return Correction(
        user_id=document["user_id"],
        units=int(units),
        reason=document["reason"],
        amended_by=document["amended_by"],
    )


def _check_decision(reason: object, actor: object) -> None:
    check_text("reason", reason, most_characters=MAX_REASON_CHARACTERS)
    check_text("actor", actor, most_characters=MAX_IDENTIFIER_CHARACTERS)

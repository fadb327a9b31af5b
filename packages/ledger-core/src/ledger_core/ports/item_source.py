"""One thing of a source, asked for by the platform's own id: where a hint from outside leads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.errors import InvalidValue
from ledger_core.identifiers import StreamRef, check_identifier

MOST_SCOPE: Final = 2**63 - 1  # of GitHub's numbers, and of a bigint


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemHint:
    """Where to look: a thing by its id on the platform, and the stream that it would be read in.

    Holds:  a hint says nothing of the thing itself, and is believed in nothing: what is there now is asked of
            the platform. `scope` is the stable number of what the stream is of, a repository say.
    Raises: InvalidValue.
    """

    stream: StreamRef
    scope: int
    item: str

    def __post_init__(self) -> None:
        check_identifier("item", self.item)
        if not 0 <= self.scope <= MOST_SCOPE:
            raise InvalidValue("scope", "is no number of a repository")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundItem:
    """What a hint led to: the thing's events as a reading of its stream makes them, and what is none, by reason."""

    events: tuple[ActivityEvent, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)


@runtime_checkable
class ItemSource(Protocol):
    """A source whose things can be asked for one by one."""

    def find_item(self, hint: ItemHint) -> FoundItem:
        """Return the thing's events as it is now; a thing that is gone, or elsewhere by now, has none.

        Holds:  each event is the one that a reading of the stream at this moment would give.
        Raises: InvalidValue for a foreign stream; a LedgerError when the source refuses; SourceUnavailable when
                trying again may help.
        """

"""Where activity comes from: a source yields pages of events, each with the cursor after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.completeness import CompletenessCertificate
from ledger_core.identifiers import StreamRef


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityPage:
    """A bounded run of events and the cursor that stands after them.

    Holds: every event between the cursor it was asked with and `cursor` is in `events`, or is counted
           in `skipped` under its reason; nothing else was passed over. A source that can count what it
           read by a second route says so on the last page of a reading: `certificate` belongs to the
           cursor, and is stored with it or not at all.
    """

    events: tuple[ActivityEvent, ...]
    cursor: str
    retrieved_at: datetime
    skipped: Mapping[str, int] = field(default_factory=dict)
    certificate: CompletenessCertificate | None = None


class ActivitySource(Protocol):
    """One source_ref of one source, read stream by stream."""

    def streams(self) -> tuple[StreamRef, ...]:
        """Return the streams that this source serves, in a fixed order."""

    def pages(self, stream: StreamRef, cursor: str | None, *, until: datetime) -> Iterator[ActivityPage]:
        """Yield what came after `cursor` (None: everything), page by page, memory bounded by a page.

        Holds:   when the iterator ends, everything that the source had at the call, up to `until`, was
                 yielded; an iterator that ends early raises. Events after `until` may be among them.
        Raises:  a LedgerError when the source refuses; SourceUnavailable when trying again may help.
        """


@runtime_checkable
class CertifyingSource(Protocol):
    """A source whose readings end with a certificate; it says so by having this method.

    A try of its collection that fails is a gap of the window, as one whose counts differ is.
    """

    def certifies(self, stream: StreamRef) -> bool:
        """Say whether every reading of the stream that comes to its end has a certificate on its last page."""


class SourceDirectory(Protocol):
    """Sources that only the platform can list: each repository of an organisation, as it is now."""

    def list_streams(self) -> tuple[StreamRef, ...]:
        """Ask the platform, and return the streams that there are, in order.

        Raises: a LedgerError when it refuses; SourceUnavailable when trying again may help.
        """

    def find_source(self, stream: StreamRef) -> ActivitySource | None:
        """Return the source that serves a listed stream, asking nobody; None if none of these would."""

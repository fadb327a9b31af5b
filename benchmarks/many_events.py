"""A source that makes up its events as it is read: any number of them, in flat memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from ledger_core import ActivityEvent, ActivityPage, StreamRef, UserId
from ledger_core.domain.identity import IdentityBinding
from ledger_core.testing import MONDAY, make_event

PAGE: Final = 5_000
PEOPLE: Final = 10_000
WEEK_SECONDS: Final = 7 * 24 * 3600
RETRIEVED_AT: Final = MONDAY + timedelta(days=8)


class MadeUpSource:
    """Streams of events of about 600 bytes as they are stored; the cursor counts those that were told."""

    def __init__(self, *, streams: int, events: int) -> None:
        """Spread so many events over the streams, the first streams taking what is left over."""
        self._sizes = {
            StreamRef(source="github", source_ref=f"acme/widgets-{number:03d}", stream="pull_requests"): len(
                range(number, events, streams)
            )
            for number in range(streams)
        }

    def streams(self) -> tuple[StreamRef, ...]:
        """Return the streams."""
        return tuple(self._sizes)

    def pages(self, stream: StreamRef, cursor: str | None, *, until: datetime) -> Iterator[ActivityPage]:  # noqa: ARG002 - all lies in the window
        """Yield what was not told yet, 5,000 events a page."""
        size = self._sizes[stream]
        for start in range(int(cursor or 0), size, PAGE):
            end = min(size, start + PAGE)
            events = tuple(made_up_event(stream.source_ref, number) for number in range(start, end))
            yield ActivityPage(events=events, cursor=str(end), retrieved_at=RETRIEVED_AT)


def made_up_event(repository: str, number: int) -> ActivityEvent:
    """Return one of a repository's pull requests, merged at some second of the first week by one of 10,000 people."""
    person = (number * 7_919 + len(repository)) % PEOPLE
    return make_event(
        at=MONDAY + timedelta(seconds=number * 31 % WEEK_SECONDS),
        event_id=f"github:pr:{repository}:{number:08d}",
        account=str(1_000_000 + person),
        login=f"login-{person}",
        metadata={
            "additions": number % 977,
            "deletions": number % 89,
            "labels": ["bug", "good first issue"],
            "title": f"Mend what was wrong with widget {number} of {repository}",
        },
        retrieved_at=RETRIEVED_AT,
    )


def bindings() -> list[IdentityBinding]:
    """Return the accounts of everybody, each of a user of their own."""
    return [
        IdentityBinding(
            provider="github", external_id=str(1_000_000 + person), user_id=UserId(f"user-{person:05d}")
        )
        for person in range(PEOPLE)
    ]

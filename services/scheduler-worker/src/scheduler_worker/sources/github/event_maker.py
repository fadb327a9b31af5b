"""From facts to events: ids by the repository's number, people by theirs, text made harmless."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from attrs import field, frozen

from ledger_core.domain.activity_event import MAX_URL_CHARACTERS, ActivityEvent
from ledger_core.domain.canonical_json import JsonValue
from ledger_core.identifiers import EventId
from scheduler_worker.sources.github.actors import USER, Actor, skip_reason
from scheduler_worker.sources.github.fields import Fields

PRODUCER: Final = "scheduler-worker-github"
PRODUCER_VERSION: Final = "1"  # goes up when the same fact would give another event
MAX_TEXT_CHARACTERS: Final = 500
MAX_SKIPPED_ACTORS: Final = 1_000  # listed by name in one reading; more are counted together
OTHERS: Final = "others"
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@frozen(kw_only=True)
class Tally:
    """What was read and is no event: how often by reason, and whose it was."""

    skipped: Counter[str] = field(factory=Counter)
    actors: Counter[str] = field(factory=Counter)

    def skip(self, reason: str, actor: Actor | None = None) -> None:
        """Count one thing that is no event."""
        self.skipped[reason] += 1
        if actor is not None and actor.login is not None:
            name = f"{reason}:{actor.login}"
            self.actors[name if name in self.actors or len(self.actors) < MAX_SKIPPED_ACTORS else OTHERS] += 1

    def add(self, other: Tally) -> None:
        """Add another tally to this one."""
        self.skipped.update(other.skipped)
        for name, count in other.actors.items():
            room = name in self.actors or len(self.actors) < MAX_SKIPPED_ACTORS
            self.actors[name if room else OTHERS] += count


@frozen(kw_only=True)
class EventMaker:
    """Makes the events of one repository; the same fact always gives the same payload."""

    source: str
    repository_id: int
    machine_users: frozenset[str]
    retrieved_at: datetime

    def make(
        self,
        event_type: str,
        *,
        key: str,
        actor: Actor,
        at: datetime,
        url: str | None,
        metadata: Mapping[str, JsonValue],
        tally: Tally,
    ) -> list[ActivityEvent]:
        """Return the event in a list, or an empty one when its actor's doings are none; those are tallied.

        `key` is the id's middle and end: `pr` and `42`, with `{}` where the repository's number goes.

        Raises: InvalidValue, NotCanonical.
        """
        reason = skip_reason(actor, self.machine_users)
        if reason is not None:
            tally.skip(reason, actor)
            return []
        kind: dict[str, JsonValue] = {} if actor.kind == USER else {"actor_kind": actor.kind}
        return [
            ActivityEvent(
                id=EventId(f"{self.source}:{key.format(self.repository_id)}"),
                source=self.source,
                event_type=event_type,
                platform_user_id=actor.user_id,
                platform_login=actor.login,
                artifact_url=None if url is None else link(url),
                event_time=at,
                metadata={**metadata, **kind},
                producer=PRODUCER,
                producer_version=PRODUCER_VERSION,
                retrieved_at=self.retrieved_at,
            )
        ]


def link(url: str) -> str | None:
    """Return a web address, or None for what is none."""
    is_link = url.startswith(("https://", "http://")) and _UNPRINTABLE.search(url) is None
    return url if is_link and len(url) <= MAX_URL_CHARACTERS else None


def line(text: str | None, most_characters: int = MAX_TEXT_CHARACTERS) -> str | None:
    """Return text as one short line, control characters replaced."""
    return None if text is None else _UNPRINTABLE.sub("\ufffd", text[:most_characters])


def item_metadata(item: Fields) -> dict[str, JsonValue]:
    """Return what every item has: its number and title."""
    return {"number": item.whole("number"), "title": line(item.text("title"))}


def label_names(item: Fields) -> list[JsonValue]:
    """Return the labels by name, in code point order, so that their order on GitHub changes no hash."""
    connection = item.find_fields("labels")
    if connection is None:
        return []
    return [*sorted(line(label.text("name")) or "" for label in connection.each("nodes"))]

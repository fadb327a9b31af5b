"""From what GitLab lists to events: ids by the project's number, people by theirs, text made harmless."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from attrs import field, frozen

from ledger_core.domain.activity_event import MAX_URL_CHARACTERS, ActivityEvent
from ledger_core.domain.canonical_json import JsonValue
from ledger_core.identifiers import EventId, is_identifier
from scheduler_worker.sources.gitlab.fields import Fields

PRODUCER: Final = "scheduler-worker-gitlab"
PRODUCER_VERSION: Final = "1"  # goes up when the same fact would give another event
MAX_TEXT_CHARACTERS: Final = 500
MAX_LABELS: Final = 100

BOT: Final = "bot"
MACHINE_USER: Final = "machine-user"
SYSTEM_NOTE: Final = "system-note"  # GitLab's own record of an act
MOVED_ISSUE: Final = "moved-issue"  # a move closes the issue here and opens it elsewhere
MERGE_TIME_UNKNOWN: Final = "merge-time-unknown"

# How GitLab names the users of project and group access tokens; the lists say of nobody else that it is a bot.
_TOKEN_USER: Final = re.compile(r"(?:project|group)_[0-9]+_bot(?:[0-9]*|_[0-9a-z]+)", re.ASCII)
_GHOST: Final = "ghost"  # to whom GitLab gives what deleted accounts did
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@frozen(kw_only=True)
class Person:
    """Whose doing something is; `kind` only where it is no account of today."""

    user_id: str | None
    login: str | None
    kind: str | None = None


@frozen(kw_only=True)
class EventMaker:
    """Makes the events of one project; the same fact always gives the same payload, and what is none is counted."""

    source: str
    project: int
    machine_users: frozenset[str]
    retrieved_at: datetime
    skipped: Counter[str] = field(factory=Counter)

    def merge_request(self, item: Fields) -> list[ActivityEvent]:
        """Return the merge, its author's; `item` was listed as merged."""
        merged_at = item.find_instant("merged_at")
        if merged_at is None:
            self.skipped[MERGE_TIME_UNKNOWN] += 1
            return []
        merger = item.find_fields("merge_user") or item.find_fields("merged_by")
        metadata: dict[str, JsonValue] = {
            **_item_metadata(item),
            "merged_by": None if merger is None else _line(merger.text("username")),
            "target_branch": _line(item.text("target_branch")),
        }
        return self._make(
            "mr_merged",
            f"mr:{self.project}:{item.whole('iid')}",
            person=_person(item.find_fields("author")),
            at=merged_at,
            url=item.find_text("web_url"),
            metadata=metadata,
        )

    def issue(self, item: Fields) -> list[ActivityEvent]:
        """Return the opening, its author's, and the closing that it has now, whoever's that is."""
        number, url = item.whole("iid"), item.find_text("web_url")
        metadata = _item_metadata(item)
        opened = self._make(
            "issue_opened",
            f"issue_opened:{self.project}:{number}",
            person=_person(item.find_fields("author")),
            at=item.instant("created_at"),
            url=url,
            metadata=metadata,
        )
        closed_at = item.find_instant("closed_at")
        if closed_at is None or item.text("state") != "closed":
            return opened
        if item.find_whole("moved_to_id") is not None:
            self.skipped[MOVED_ISSUE] += 1
            return opened
        return opened + self._make(
            "issue_closed",
            f"issue_closed:{self.project}:{number}",
            person=_person(item.find_fields("closed_by")),
            at=closed_at,
            url=url,
            metadata=metadata,
        )

    def note(self, event_type: str, item: Fields, note: Fields) -> list[ActivityEvent]:
        """Return a comment on an item; what GitLab noted itself is none."""
        if note.flag("system"):
            self.skipped[SYSTEM_NOTE] += 1
            return []
        number, url = note.whole("id"), item.find_text("web_url")
        return self._make(
            event_type,
            f"note:{self.project}:{number}",
            person=_person(note.find_fields("author")),
            at=note.instant("created_at"),
            url=None if url is None else f"{url}#note_{number}",
            metadata={
                "number": item.whole("iid"),
                "internal": note.flag("internal"),
                "on": "merge request" if event_type.startswith("mr_") else "issue",
            },
        )

    def _make(
        self,
        event_type: str,
        key: str,
        *,
        person: Person,
        at: datetime,
        url: str | None,
        metadata: Mapping[str, JsonValue],
    ) -> list[ActivityEvent]:
        reason = self._reason_to_skip(person)
        if reason is not None:
            self.skipped[reason] += 1
            return []
        kind: dict[str, JsonValue] = {} if person.kind is None else {"actor_kind": person.kind}
        return [
            ActivityEvent(
                id=EventId(f"{self.source}:{key}"),
                source=self.source,
                event_type=event_type,
                platform_user_id=person.user_id,
                platform_login=person.login,
                artifact_url=None if url is None else _link(url),
                event_time=at,
                metadata={**metadata, **kind},
                producer=PRODUCER,
                producer_version=PRODUCER_VERSION,
                retrieved_at=self.retrieved_at,
            )
        ]

    def _reason_to_skip(self, person: Person) -> str | None:
        if person.login is None:
            return None
        if _TOKEN_USER.fullmatch(person.login):
            return BOT
        return MACHINE_USER if person.login.casefold() in self.machine_users else None


def _person(account: Fields | None) -> Person:
    if account is None:
        return Person(user_id=None, login=None, kind="no account")
    login = account.text("username")
    if login == _GHOST:
        return Person(user_id=None, login=None, kind="deleted account")
    return Person(user_id=str(account.whole("id")), login=login if is_identifier(login) else None)


def _item_metadata(item: Fields) -> dict[str, JsonValue]:
    labels = sorted(_line(label) for label in item.texts("labels"))
    return {
        "labels": [*labels[:MAX_LABELS]],
        "number": item.whole("iid"),
        "title": _line(item.text("title")),
    }


def _line(text: str) -> str:
    return _UNPRINTABLE.sub("\ufffd", text[:MAX_TEXT_CHARACTERS])


def _link(url: str) -> str | None:
    is_link = url.startswith(("https://", "http://")) and _UNPRINTABLE.search(url) is None
    return url if is_link and len(url) <= MAX_URL_CHARACTERS else None

"""What a commit is worth telling: its author's event, and one for each co-author.

People are named by their e-mail addresses as written; who that is, the ledger's bindings say.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.canonical_json import JsonValue
from ledger_core.identifiers import MAX_IDENTIFIER_CHARACTERS, EventId, is_identifier
from scheduler_worker.sources.git.commit_reader import Commit

SOURCE: Final = "git"
PRODUCER: Final = "scheduler-worker-git"

INVALID_DATE: Final = "invalid-commit-date"
COAUTHOR_WITHOUT_EMAIL: Final = "coauthor-without-email"
COAUTHOR_BEYOND_LIMIT: Final = "coauthor-beyond-limit"

MAX_COAUTHORS: Final = 1_000  # of one commit, so that one can't fill a page; real squash merges have dozens
MAX_SUBJECT_CHARACTERS: Final = 500
MAX_LISTED_PARENTS: Final = 64  # the largest octopus in the Linux kernel has 66; `parent_count` is exact

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECOND: Final = 253_402_300_799  # 9999-12-31T23:59:59Z, the last that a datetime can tell
_SECONDS: Final = re.compile(rb"[0-9]{1,15}")
# What no identifier may hold, as the core defines it; none of it belongs in a name or a subject either.
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_REPLACEMENT: Final = "\ufffd"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitEvents:
    """The events of one commit, and why others that it mentions are none (one entry for each)."""

    events: tuple[ActivityEvent, ...]
    skipped: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A co-author: the name as written and the e-mail address, both in bytes and trimmed."""

    name: bytes
    email: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMaker:
    """Turns commits of one repository into events; the same commit always gives the same payloads."""

    source_ref: str
    commit_url: str | None
    producer_version: str

    def events(self, commit: Commit, *, retrieved_at: datetime) -> CommitEvents:
        """Return the author's event and the co-authors', each person once.

        Holds: event times are the committer's; a commit without a usable date gives no event.
        """
        seconds = commit_seconds(commit.committer_time)
        if seconds is None:
            return CommitEvents(events=(), skipped=(INVALID_DATE,))
        event_time = _EPOCH + timedelta(seconds=seconds)
        metadata = _metadata(commit)
        author = self._event(
            event_id=f"git:commit:{self.source_ref}:{commit.sha}",
            event_type="commit_merged" if len(commit.parents) > 1 else "commit_authored",
            sha=commit.sha,
            person=Person(name=commit.author_name, email=commit.author_email),
            metadata=metadata,
            event_time=event_time,
            retrieved_at=retrieved_at,
        )
        if not commit.trailers and not commit.trailers_cut:
            return CommitEvents(events=(author,), skipped=())
        coauthors, skipped = _coauthors(commit)
        events = (
            self._event(
                event_id=f"git:coauthor:{self.source_ref}:{commit.sha}:{_email_hash(person.email)}",
                event_type="commit_coauthored",
                sha=commit.sha,
                person=person,
                metadata={
                    **metadata,
                    "coauthor_email": _text(person.email, MAX_IDENTIFIER_CHARACTERS),
                    "coauthor_name": _text(person.name, MAX_IDENTIFIER_CHARACTERS),
                },
                event_time=event_time,
                retrieved_at=retrieved_at,
            )
            for person in coauthors
        )
        return CommitEvents(events=(author, *events), skipped=tuple(skipped))

    def _event(
        self,
        *,
        event_id: str,
        event_type: str,
        sha: str,
        person: Person,
        metadata: dict[str, JsonValue],
        event_time: datetime,
        retrieved_at: datetime,
    ) -> ActivityEvent:
        return ActivityEvent(
            id=EventId(event_id),
            source=SOURCE,
            event_type=event_type,
            platform_user_id=email_identity(person.email),
            platform_login=_login(person.name),
            artifact_url=None if self.commit_url is None else self.commit_url + sha,
            event_time=event_time,
            metadata=metadata,
            producer=PRODUCER,
            producer_version=self.producer_version,
            retrieved_at=retrieved_at,
        )


def commit_seconds(field: bytes) -> int | None:
    """Return git's seconds since 1970, or None when absent, 0 (git's own word for none) or after 9999."""
    if _SECONDS.fullmatch(field) is None:
        return None
    seconds = int(field)
    return seconds if 0 < seconds <= _LAST_SECOND else None


def email_identity(email: bytes) -> str | None:
    """Return the e-mail address in lower case, or None when there is none that can be an identifier.

    Only ASCII letters are lowered: what Unicode calls lower case depends on the Python.
    """
    try:
        text = email.lower().decode("utf-8")
    except UnicodeDecodeError:
        return None  # two addresses that differ in such a byte would look like one
    return text if is_identifier(text) else None


def parse_coauthor(value: bytes) -> Person | None:
    """Return the person of `Name <email>`, or None where no e-mail stands in the last angle brackets."""
    name, opening, rest = value.rpartition(b"<")
    email, closing, _ = rest.partition(b">")
    email = email.strip()
    if not opening or not closing or email_identity(email) is None:
        return None
    return Person(name=name.strip(), email=email)


def _coauthors(commit: Commit) -> tuple[list[Person], list[str]]:
    skipped = [COAUTHOR_BEYOND_LIMIT] if commit.trailers_cut else []
    seen = {email_identity(commit.author_email)}
    people: list[Person] = []
    for value in commit.trailers:
        person = parse_coauthor(value)
        if person is None:
            skipped.append(COAUTHOR_WITHOUT_EMAIL)
            continue
        identity = email_identity(person.email)
        if identity in seen:
            continue
        if len(people) == MAX_COAUTHORS:
            skipped.append(COAUTHOR_BEYOND_LIMIT)
            continue
        seen.add(identity)
        people.append(person)
    return people, skipped


def _metadata(commit: Commit) -> dict[str, JsonValue]:
    return {
        "author_email": _text(commit.author_email, MAX_IDENTIFIER_CHARACTERS),
        "author_name": _text(commit.author_name, MAX_IDENTIFIER_CHARACTERS),
        "author_time": commit_seconds(commit.author_time),
        "committer_email": _text(commit.committer_email, MAX_IDENTIFIER_CHARACTERS),
        "committer_name": _text(commit.committer_name, MAX_IDENTIFIER_CHARACTERS),
        "parent_count": len(commit.parents),
        "parents": commit.parents[:MAX_LISTED_PARENTS],
        "sha": commit.sha,
        "subject": _text(commit.subject, MAX_SUBJECT_CHARACTERS),
    }


def _text(data: bytes, most_characters: int) -> str:
    text = data[: 4 * most_characters].decode("utf-8", "replace")  # no character takes more than 4 bytes
    return _UNPRINTABLE.sub(_REPLACEMENT, text[:most_characters])


def _login(name: bytes) -> str | None:
    login = _text(name, MAX_IDENTIFIER_CHARACTERS).strip()
    return login if is_identifier(login) else None


def _email_hash(email: bytes) -> str:
    identity = email_identity(email)
    assert identity is not None, "a co-author has an e-mail"
    return hashlib.sha256(identity.encode("utf-8")).hexdigest()[:16]

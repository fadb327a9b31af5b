"""What a commit of the default branch is worth telling: its author's event, and one for each co-author."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.canonical_json import JsonValue
from scheduler_worker.sources.github import queries
from scheduler_worker.sources.github.actors import ACCOUNTLESS, BOT, Actor, read_actor
from scheduler_worker.sources.github.client import Reading
from scheduler_worker.sources.github.connections import read_children
from scheduler_worker.sources.github.event_maker import EventMaker, Tally, line
from scheduler_worker.sources.github.fields import Fields

# GitHub gives a bot's commits no account: only their name and address tell (`dependabot[bot]`).
_BOT_NAME: Final = "[bot]"
_BOT_ADDRESS: Final = re.compile(r"(?:[0-9]+\+)?[^@\s]+\[bot\]@users\.noreply\..+", re.ASCII)
_HASH_CHARACTERS: Final = 16
MAX_NAME_CHARACTERS: Final = 255
AUTHORS_DIFFER: Final = "authors-unread"


def commit_events(
    reading: Reading, maker: EventMaker, commit: Fields, *, tally: Tally
) -> list[ActivityEvent]:
    """Return the author's event and the co-authors', each person once; at the committer's time.

    Holds:   a co-author's event is named by the address, which stays, not by the account it leads to, which
             GitHub may find later.
    Raises:  SourceUnavailable, GithubRefusals.
    """
    authors = read_children(reading, commit, queries.MORE_AUTHORS, what="authors")
    for _missing in range(len(authors.nodes), authors.total):
        tally.skip(AUTHORS_DIFFER)
    oid = commit.text("oid")
    events: list[ActivityEvent] = []
    seen: set[str] = set()
    for number, author in enumerate(authors.nodes):
        actor = _commit_actor(author)
        address = _address_hash(author)
        if address in seen or (actor.user_id is not None and actor.user_id in seen):
            continue
        seen.update(name for name in (address, actor.user_id) if name is not None)
        is_merge = commit.fields("parents").whole("totalCount") > 1
        event_type = "commit_coauthored" if number else "commit_merged" if is_merge else "commit_authored"
        events += maker.make(
            event_type,
            key=f"coauthor:{{}}:{oid}:{address}" if number else f"commit:{{}}:{oid}",
            actor=actor,
            at=commit.instant("committedDate"),
            url=commit.text("url"),
            metadata=_metadata(commit, author),
            tally=tally,
        )
    return events


def _metadata(commit: Fields, author: Fields) -> dict[str, JsonValue]:
    return {
        "author_email": line(author.find_text("email"), MAX_NAME_CHARACTERS),
        "author_name": line(author.find_text("name"), MAX_NAME_CHARACTERS),
        "parent_count": commit.fields("parents").whole("totalCount"),
        "sha": commit.text("oid"),
        "subject": line(commit.text("messageHeadline")),
    }


def _commit_actor(author: Fields) -> Actor:
    user = author.find_fields("user")
    if user is not None:
        return read_actor(user)
    name, address = author.find_text("name") or "", author.find_text("email") or ""
    if name.endswith(_BOT_NAME) or _BOT_ADDRESS.fullmatch(address):
        return Actor(kind=BOT, user_id=None, login=line(name, MAX_NAME_CHARACTERS))
    return ACCOUNTLESS


def _address_hash(author: Fields) -> str:
    named = author.find_text("email") or author.find_text("name") or ""
    return hashlib.sha256(named.casefold().encode("utf-8", "replace")).hexdigest()[:_HASH_CHARACTERS]

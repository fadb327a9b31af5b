"""Pages of a branch's history and what is made of them, whichever way they are walked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.completeness import CompletenessCertificate, CompletenessCount
from scheduler_worker.sources.github import queries
from scheduler_worker.sources.github.client import Reading
from scheduler_worker.sources.github.commit_events import commit_events
from scheduler_worker.sources.github.connections import Page, read_page
from scheduler_worker.sources.github.cursors import CommitCursor
from scheduler_worker.sources.github.event_maker import EventMaker, Tally
from scheduler_worker.sources.github.fields import Fields
from scheduler_worker.sources.github.refusals import GithubCommitGone, GithubCountDiffers
from scheduler_worker.sources.github.repository import RepositoryFacts, found_node

WHAT: Final = "commits"
_OID: Final = re.compile("[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)


@frozen(kw_only=True)
class CommitPages:
    """The history of one repository, a page of it at a time."""

    label: str
    repository: RepositoryFacts
    reading: Reading
    source: str
    machine_users: frozenset[str]
    clock: Callable[[], datetime]
    page_items: int

    def ask(self, head: str, after: str | None) -> Page:
        """Return a page of what a commit reaches, itself first.

        Raises: GithubCommitGone, GithubPageCursorRefused; SourceUnavailable, GithubRefusals.
        """
        data = self.reading.page(
            queries.COMMITS,
            most=self.page_items,
            what=self.repository.name,
            repository=self.repository.node,
            head=head,
            after=after,
        )
        commit = found_node(data, self.repository).find_fields("object")
        if commit is None:
            raise GithubCommitGone(head)
        return read_page(commit.fields("items"), after=after)

    def events(self, nodes: Iterable[Fields], *, retrieved_at: datetime, tally: Tally) -> list[ActivityEvent]:
        """Return the events of listed commits."""
        maker = EventMaker(
            source=self.source,
            repository_id=self.repository.number,
            machine_users=self.machine_users,
            retrieved_at=retrieved_at,
        )
        return [event for node in nodes for event in commit_events(self.reading, maker, node, tally=tally)]

    def refuse_difference(self, certificate: CompletenessCertificate) -> None:
        """Raise GithubCountDiffers where a certificate's counts do."""
        for count in certificate.differing:
            raise GithubCountDiffers(self.label, what=WHAT, seen=count.seen, independent=count.independent)


def oid_of(commit: Fields) -> str:
    """Return a commit's id.

    Raises: GithubAnswerUnreadable.
    """
    oid = commit.text("oid")
    if not is_oid(oid):
        raise commit.unreadable("oid", "is no commit's id")
    return oid


def is_oid(text: str) -> bool:
    """Say whether a text has the form of a commit's id."""
    return _OID.fullmatch(text) is not None


def parents_of(commit: Fields) -> list[str]:
    """Return the ids of a commit's parents, all of them.

    Raises: GithubAnswerUnreadable.
    """
    parents = commit.fields("parents")
    found = [oid_of(parent) for parent in parents.each("nodes")]
    if len(found) != parents.whole("totalCount"):
        raise commit.unreadable("parents", "are more than a hundred")
    return found


def after_page(cursor: CommitCursor, listed: Page, tally: Tally) -> CommitCursor:
    """Return the cursor after a page, with the page counted."""
    total = Tally(skipped=cursor.skipped.copy(), actors=cursor.actors.copy())
    total.add(tally)
    return evolve(
        cursor,
        after=listed.next,
        pages=cursor.pages + 1,
        seen=cursor.seen + len(listed.nodes),
        skipped=total.skipped,
        actors=total.actors,
    )


def certificate_of(
    cursor: CommitCursor, *, begins: str | None, ends: str | None, counts: Iterable[CompletenessCount] = ()
) -> CompletenessCertificate:
    """Return the certificate of a reading that ends with the cursor."""
    return CompletenessCertificate(
        begins=begins,
        ends=ends,
        pages=cursor.pages,
        counts=tuple(counts),
        skipped=dict(cursor.skipped),
        skipped_actors=dict(cursor.actors),
    )

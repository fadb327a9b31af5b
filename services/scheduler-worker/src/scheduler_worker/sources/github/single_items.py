"""One thing that somebody named, read by its node id: the same fields and the same events as a walk's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from attrs import frozen

from ledger_core.ports.item_source import FoundItem, ItemHint
from scheduler_worker.sources.github import discussion_events, item_events, item_queries, stream_names
from scheduler_worker.sources.github.client import Reading
from scheduler_worker.sources.github.commit_events import commit_events
from scheduler_worker.sources.github.event_maker import EventMaker
from scheduler_worker.sources.github.fields import Fields
from scheduler_worker.sources.github.item_events import ItemEvents, ReadItem
from scheduler_worker.sources.github.refusals import GithubNotFound

GONE: Final = "gone"  # deleted, or invisible to these credentials
ELSEWHERE: Final = "in-another-repository"
OTHER_KIND: Final = "of-another-kind"
COMMITS_AT_ONCE: Final = 100  # what a page holds; a reading of the stream finds the rest
# What a message names may be newer than the replica that answers.
READ_AGAIN_AFTER_SECONDS: Final = (2, 5)


@frozen(kw_only=True)
class SingleItem:
    """How a stream's things are asked for, what GitHub calls their kind, and what is made of one."""

    query: str
    kind: str
    read: ReadItem


def read_single_item(
    reading: Reading,
    hint: ItemHint,
    *,
    source: str,
    machine_users: frozenset[str],
    clock: Callable[[], datetime],
) -> FoundItem:
    """Return the events of the thing that a hint names; of commits, those of the branch's newest hundred.

    Holds:   whatever the hint says, a thing of another repository, or of another kind, gives none. The last part of
             the hourly limit is left to readings of whole streams, which need fewer requests for more.
    Raises:  SourceUnavailable, GithubRefusals.
    """
    reading.leave_reserve()
    single = SINGLE_ITEMS[hint.stream.stream]
    node = _find(reading, single, hint)
    if node is None:
        return FoundItem(skipped={GONE: 1})
    if node.text("__typename") != single.kind:
        return FoundItem(skipped={OTHER_KIND: 1})
    if _repository_of(node, single) != hint.scope:
        return FoundItem(skipped={ELSEWHERE: 1})
    maker = EventMaker(
        source=source, repository_id=hint.scope, machine_users=machine_users, retrieved_at=clock()
    )
    made = single.read(reading, maker, node)
    return FoundItem(events=tuple(made.events), skipped=dict(made.tally.skipped))


def _repository_of(node: Fields, single: SingleItem) -> int | None:
    """Return the number of the thing's repository; None where it is of none any more."""
    if single.kind == "Repository":
        return node.whole("databaseId")
    above = node.find_fields("parent") if single.kind == "DiscussionComment" else node
    return None if above is None else above.fields("repository").whole("databaseId")


def _find(reading: Reading, single: SingleItem, hint: ItemHint) -> Fields | None:
    for wait_seconds in (0, *READ_AGAIN_AFTER_SECONDS):
        if wait_seconds:
            reading.wait_a_moment(wait_seconds, "it does not show yet what it told of")
        try:
            return _ask(reading, single, hint).find_fields("node")
        except GithubNotFound:
            continue
    return None


def _ask(reading: Reading, single: SingleItem, hint: ItemHint) -> Fields:
    what = f"a thing of {hint.stream}"
    if single.query == item_queries.NEWEST_COMMITS:
        return reading.page(single.query, most=COMMITS_AT_ONCE, what=what, node=hint.item)
    return reading.query(single.query, what=what, node=hint.item)


def _below(read: ReadItem) -> ReadItem:
    """Read a thing below an item as if it were all that the item has."""

    def read_one(reading: Reading, maker: EventMaker, node: Fields) -> ItemEvents:
        parent = node.find_fields("parent")
        if parent is None:  # a comment of an issue, where one of a pull request was named
            made = ItemEvents()
            made.tally.skip(OTHER_KIND)
            return made
        return read(reading, maker, parent.holding("children", node))

    return read_one


def _review_comment(reading: Reading, maker: EventMaker, node: Fields) -> ItemEvents:
    """Read a comment as if it were the only one of the only thread."""
    thread = node.holding("children", node)
    return item_events.review_comments(reading, maker, node.fields("parent").holding("children", thread))


def _discussion_comment(reading: Reading, maker: EventMaker, node: Fields) -> ItemEvents:
    """Read a comment as if it were the only one; a reply with the one that it replies to."""
    answered = node.find_fields("replyTo")
    comment = node.holding("children") if answered is None else answered.holding("children", node)
    return discussion_events.discussion_comments(
        reading, maker, node.fields("parent").holding("children", comment)
    )


def _release(_: Reading, maker: EventMaker, node: Fields) -> ItemEvents:
    made = ItemEvents()
    made.events.extend(item_events.release(maker, node, tally=made.tally))
    return made


def _newest_commits(reading: Reading, maker: EventMaker, node: Fields) -> ItemEvents:
    made = ItemEvents()
    branch = node.find_fields("defaultBranchRef")
    target = None if branch is None else branch.find_fields("target")
    if target is not None:
        for commit in target.fields("history").each("nodes"):
            made.events.extend(commit_events(reading, maker, commit, tally=made.tally))
    return made


SINGLE_ITEMS: Final = {
    stream_names.PULL_REQUESTS: SingleItem(
        query=item_queries.ONE_PULL_REQUEST, kind="PullRequest", read=item_events.merged_pull_request
    ),
    stream_names.REVIEWS: SingleItem(
        query=item_queries.ONE_REVIEW, kind="PullRequestReview", read=_below(item_events.reviews)
    ),
    stream_names.REVIEW_COMMENTS: SingleItem(
        query=item_queries.ONE_REVIEW_COMMENT, kind="PullRequestReviewComment", read=_review_comment
    ),
    stream_names.PULL_REQUEST_COMMENTS: SingleItem(
        query=item_queries.ONE_PULL_REQUEST_COMMENT,
        kind="IssueComment",
        read=_below(item_events.pull_request_comments),
    ),
    stream_names.ISSUES: SingleItem(query=item_queries.ONE_ISSUE, kind="Issue", read=item_events.issue),
    stream_names.ISSUE_COMMENTS: SingleItem(
        query=item_queries.ONE_ISSUE_COMMENT, kind="IssueComment", read=_below(item_events.issue_comments)
    ),
    stream_names.DISCUSSIONS: SingleItem(
        query=item_queries.ONE_DISCUSSION, kind="Discussion", read=item_events.discussion
    ),
    stream_names.DISCUSSION_COMMENTS: SingleItem(
        query=item_queries.ONE_DISCUSSION_COMMENT, kind="DiscussionComment", read=_discussion_comment
    ),
    stream_names.RELEASES: SingleItem(query=item_queries.ONE_RELEASE, kind="Release", read=_release),
    stream_names.COMMITS: SingleItem(
        query=item_queries.NEWEST_COMMITS, kind="Repository", read=_newest_commits
    ),
}

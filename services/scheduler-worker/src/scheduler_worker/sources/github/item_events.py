"""What each kind of item is worth telling: functions from an item of a page to its events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final

from attrs import field, frozen

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.canonical_json import JsonValue
from scheduler_worker.sources.github import queries
from scheduler_worker.sources.github.actors import ACCOUNTLESS, read_actor
from scheduler_worker.sources.github.client import Reading
from scheduler_worker.sources.github.connections import Children, read_children
from scheduler_worker.sources.github.event_maker import EventMaker, Tally, item_metadata, label_names, line
from scheduler_worker.sources.github.fields import Fields

PENDING_REVIEW: Final = "review-not-submitted"
CLOSED_AGAIN: Final = "issue-closed-again"
TRANSFERRED: Final = "transferred"  # it was done in the repository that the issue came from
CLOSING_UNTOLD: Final = "closing-untold"  # it is closed, and its history has no closing: an import, say
ANSWER_DELETED: Final = "answer-deleted"


@frozen(kw_only=True)
class ItemEvents:
    """The events of one item, what was skipped, and its children counted twice."""

    events: list[ActivityEvent] = field(factory=list)
    tally: Tally = field(factory=Tally)
    children_seen: int = 0
    children_total: int = 0


ReadItem = Callable[[Reading, EventMaker, Fields], ItemEvents]


def merged_pull_request(_: Reading, maker: EventMaker, item: Fields) -> ItemEvents:
    """Return the event of a merged pull request: its author's, at the time of the merge."""
    merged_at = item.find_instant("mergedAt")
    made = ItemEvents()
    if merged_at is None:
        return made
    commit = item.find_fields("mergeCommit")
    metadata: dict[str, JsonValue] = {
        **item_metadata(item),
        "additions": item.whole("additions"),
        "base": line(item.text("baseRefName")),
        "changed_files": item.whole("changedFiles"),
        "deletions": item.whole("deletions"),
        "labels": label_names(item),
        "merge_commit": None if commit is None else line(commit.text("oid")),
        "merged_by": read_actor(item.find_fields("mergedBy")).login,
    }
    made.events.extend(
        maker.make(
            "pr_merged",
            key=f"pr:{{}}:{item.whole('number')}",
            actor=read_actor(item.find_fields("author")),
            at=merged_at,
            url=item.text("url"),
            metadata=metadata,
            tally=made.tally,
        )
    )
    return made


def reviews(reading: Reading, maker: EventMaker, item: Fields) -> ItemEvents:
    """Return the events of a pull request's submitted reviews."""
    children = read_children(reading, item, queries.MORE_REVIEWS, what="reviews")
    made = _counted(children)
    for review in children.nodes:
        submitted_at = review.find_instant("submittedAt")
        if submitted_at is None:  # the reader's own draft; everybody else's is not shown
            made.tally.skip(PENDING_REVIEW)
            continue
        made.events.extend(
            maker.make(
                "review_submitted",
                key=f"review:{{}}:{review.whole('fullDatabaseId')}",
                actor=read_actor(review.find_fields("author")),
                at=submitted_at,
                url=review.text("url"),
                metadata={**item_metadata(item), "state": line(review.text("state"))},
                tally=made.tally,
            )
        )
    return made


def review_comments(reading: Reading, maker: EventMaker, item: Fields) -> ItemEvents:
    """Return the events of the comments on a pull request's lines, thread by thread."""
    threads = read_children(reading, item, queries.MORE_REVIEW_THREADS, what="review threads")
    events: list[ActivityEvent] = []
    tally = Tally()
    seen, total = len(threads.nodes), threads.total
    for thread in threads.nodes:
        children = read_children(reading, thread, queries.MORE_REVIEW_COMMENTS, what="review comments")
        seen, total = seen + len(children.nodes), total + children.total
        events += _comments(maker, item, children.nodes, "review_comment", tally=tally)
    return ItemEvents(events=events, tally=tally, children_seen=seen, children_total=total)


def pull_request_comments(reading: Reading, maker: EventMaker, item: Fields) -> ItemEvents:
    """Return the events of the comments below a pull request."""
    children = read_children(reading, item, queries.MORE_PULL_REQUEST_COMMENTS, what="comments")
    made = _counted(children)
    made.events.extend(_comments(maker, item, children.nodes, "pr_comment", tally=made.tally))
    return made


def issue_comments(reading: Reading, maker: EventMaker, item: Fields) -> ItemEvents:
    """Return the events of the comments below an issue."""
    children = read_children(reading, item, queries.MORE_ISSUE_COMMENTS, what="comments")
    made = _counted(children)
    here: list[Fields] = []
    moved_at = _moved_at(item)
    for comment in children.nodes:
        if moved_at is not None and comment.instant("createdAt") <= moved_at:
            made.tally.skip(TRANSFERRED, read_actor(comment.find_fields("author")))
        else:
            here.append(comment)
    made.events.extend(_comments(maker, item, here, "issue_comment", tally=made.tally))
    return made


def issue(_: Reading, maker: EventMaker, item: Fields) -> ItemEvents:
    """Return the events of an issue: its opening, and its first closing by whoever closed it.

    Only the first closing is one: who closes and opens again would be paid each time. Further ones are counted.
    What was done before the issue came from another repository is that one's: docs/decisions/0009 says why.
    """
    made = ItemEvents()
    moved_at = _moved_at(item)
    metadata: dict[str, JsonValue] = {
        **item_metadata(item),
        "labels": label_names(item),
        "transferred": moved_at is not None,
    }
    if moved_at is not None:
        made.tally.skip(TRANSFERRED, read_actor(item.find_fields("author")))
    else:
        made.events.extend(
            maker.make(
                "issue_opened",
                key=f"issue_opened:{{}}:{item.whole('number')}",
                actor=read_actor(item.find_fields("author")),
                at=item.instant("createdAt"),
                url=item.text("url"),
                metadata=metadata,
                tally=made.tally,
            )
        )
    closings = item.fields("closings")
    for closing in closings.each("nodes"):
        if moved_at is not None and closing.instant("createdAt") <= moved_at:
            made.tally.skip(TRANSFERRED, read_actor(closing.find_fields("actor")))
        else:
            made.events.extend(_closed(maker, item, closing, metadata, tally=made.tally))
    if item.find_instant("closedAt") is not None and not closings.whole("totalCount"):
        made.tally.skip(CLOSING_UNTOLD)
    for _again in range(1, closings.whole("totalCount")):
        made.tally.skip(CLOSED_AGAIN)
    return made


def _closed(
    maker: EventMaker, item: Fields, closing: Fields, metadata: Mapping[str, JsonValue], *, tally: Tally
) -> list[ActivityEvent]:
    return maker.make(
        "issue_closed",
        key=f"issue_closed:{{}}:{item.whole('number')}",
        actor=read_actor(closing.find_fields("actor")),
        at=closing.instant("createdAt"),
        url=item.text("url"),
        metadata={
            **metadata,
            "closed_by": _closer(closing.find_fields("closer")),
            "state_reason": line(closing.find_text("stateReason")),
        },
        tally=tally,
    )


def discussion(_: Reading, maker: EventMaker, item: Fields) -> ItemEvents:
    """Return the events of a discussion: its start, and its answer by whoever wrote it, when it was chosen."""
    made = ItemEvents()
    number = item.whole("number")
    category = item.fields("category")
    metadata: dict[str, JsonValue] = {**item_metadata(item), "category": line(category.text("name"))}
    made.events.extend(
        maker.make(
            "discussion_started",
            key=f"discussion:{{}}:{number}",
            actor=read_actor(item.find_fields("author")),
            at=item.instant("createdAt"),
            url=item.text("url"),
            metadata=metadata,
            tally=made.tally,
        )
    )
    chosen_at = item.find_instant("answerChosenAt")
    answer = item.find_fields("answer")
    if chosen_at is not None and answer is None:
        made.tally.skip(ANSWER_DELETED)
    if chosen_at is not None and answer is not None:
        made.events.extend(
            maker.make(
                "discussion_answered",
                key=f"discussion_answer:{{}}:{number}",
                actor=read_actor(answer.find_fields("author")),
                at=chosen_at,
                url=answer.text("url"),
                metadata={
                    **metadata,
                    "chosen_by": read_actor(item.find_fields("answerChosenBy")).login,
                    "comment": answer.whole("databaseId"),
                },
                tally=made.tally,
            )
        )
    return made


def release(maker: EventMaker, item: Fields, *, tally: Tally) -> list[ActivityEvent]:
    """Return the event of a published release; a draft has none yet.

    GitHub names only users as authors: a bot's release and a deleted account's look the same here.
    """
    published_at = item.find_instant("publishedAt")
    if item.flag("isDraft") or published_at is None:
        return []
    author = item.find_fields("author")
    return maker.make(
        "release_published",
        key=f"release:{{}}:{item.whole('databaseId')}",
        actor=ACCOUNTLESS if author is None else read_actor(author),
        at=published_at,
        url=item.text("url"),
        metadata={
            "name": line(item.find_text("name")),
            "prerelease": item.flag("isPrerelease"),
            "tag": line(item.text("tagName")),
        },
        tally=tally,
    )


def _moved_at(issue: Fields) -> datetime | None:
    """Return when an issue last came from another repository, or None if it began in this one."""
    return max((moved.instant("createdAt") for moved in issue.fields("moves").each("nodes")), default=None)


def _counted(children: Children) -> ItemEvents:
    return ItemEvents(children_seen=len(children.nodes), children_total=children.total)


def _comments(
    maker: EventMaker, item: Fields, nodes: Iterable[Fields], name: str, *, tally: Tally
) -> list[ActivityEvent]:
    """Return the events of comments: `review_comment:7:99` of type `review_comment_created`."""
    events: list[ActivityEvent] = []
    for comment in nodes:
        path = comment.find_text("path")
        metadata = item_metadata(item) | ({} if path is None else {"path": line(path)})
        events += maker.make(
            f"{name}_created",
            key=f"{name}:{{}}:{comment.whole('fullDatabaseId')}",
            actor=read_actor(comment.find_fields("author")),
            at=comment.instant("createdAt"),
            url=comment.text("url"),
            metadata=metadata,
            tally=tally,
        )
    return events


def _closer(closer: Fields | None) -> str | None:
    """Return what closed an issue by itself: a pull request's number, or a commit."""
    if closer is None:
        return None
    kind = closer.text("__typename")
    if kind == "PullRequest":
        return f"pull request {closer.whole('number')}"
    return f"commit {line(closer.text('oid'), 64)}" if kind == "Commit" else line(kind)

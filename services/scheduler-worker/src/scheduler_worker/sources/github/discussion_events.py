"""What is said below a discussion: its comments, and the replies to each."""

from __future__ import annotations

from typing import Final

from ledger_core.domain.activity_event import ActivityEvent
from scheduler_worker.sources.github import queries
from scheduler_worker.sources.github.actors import read_actor
from scheduler_worker.sources.github.client import Reading
from scheduler_worker.sources.github.connections import read_children
from scheduler_worker.sources.github.event_maker import EventMaker, Tally, item_metadata
from scheduler_worker.sources.github.fields import Fields
from scheduler_worker.sources.github.item_events import ItemEvents

COMMENT_DELETED: Final = "comment-deleted"  # it had replies, so that its place is kept


def discussion_comments(reading: Reading, maker: EventMaker, item: Fields) -> ItemEvents:
    """Return the events of a discussion's comments, each followed by the replies to it."""
    comments = read_children(reading, item, queries.MORE_DISCUSSION_COMMENTS, what="comments")
    events: list[ActivityEvent] = []
    tally = Tally()
    seen, total = len(comments.nodes), comments.total
    for comment in comments.nodes:
        replies = read_children(reading, comment, queries.MORE_DISCUSSION_REPLIES, what="replies")
        seen, total = seen + len(replies.nodes), total + replies.total
        events += _said(maker, item, comment, reply_to=None, tally=tally)
        for reply in replies.nodes:
            events += _said(maker, item, reply, reply_to=comment.whole("databaseId"), tally=tally)
    return ItemEvents(events=events, tally=tally, children_seen=seen, children_total=total)


def _said(
    maker: EventMaker, item: Fields, comment: Fields, *, reply_to: int | None, tally: Tally
) -> list[ActivityEvent]:
    """Return the event of one comment or reply; GitHub gives them no number of 64 bits."""
    if comment.find_instant("deletedAt") is not None:
        tally.skip(COMMENT_DELETED)
        return []
    return maker.make(
        "discussion_comment_created",
        key=f"discussion_comment:{{}}:{comment.whole('databaseId')}",
        actor=read_actor(comment.find_fields("author")),
        at=comment.instant("createdAt"),
        url=comment.text("url"),
        metadata={**item_metadata(item), "reply_to": reply_to},
        tally=tally,
    )

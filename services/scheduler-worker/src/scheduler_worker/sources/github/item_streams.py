"""The streams whose items are listed by their last update: which query, which events, which second count."""

from __future__ import annotations

from typing import Final, TypedDict

from attrs import frozen

from scheduler_worker.sources.github import discussion_events, item_events, queries, stream_names
from scheduler_worker.sources.github.item_events import ReadItem


@frozen(kw_only=True)
class ItemCount:
    """How items are counted: at the instant `at` of each, and by GitHub's search between two of `search_key`."""

    what: str
    at: str
    search: str
    search_key: str


@frozen(kw_only=True)
class ItemStream:
    """A stream of items of a repository.

    Holds: an item counts at its instant `counted_at`, which never changes once it is set; GitHub's search
           counts the same items with `search`, between two instants of `search_key`. `changing` is a second count
           of that kind, by an instant that may change or cease.
    """

    name: str
    query: str
    page_items: int
    page_points: int  # what a page costs of the hourly limit
    read: ReadItem
    what: str
    counted_at: str
    search: str
    search_key: str
    search_type: str = "ISSUE"
    changing: ItemCount | None = None
    children: str | None = None  # what the items' children are called, where they are counted too


class _Counted(TypedDict):
    counted_at: str
    search: str
    search_key: str
    what: str


_PULL: Final[_Counted] = {
    "counted_at": "createdAt",
    "search": "is:pr",
    "search_key": "created",
    "what": "pull requests",
}

PULL_REQUESTS: Final = ItemStream(
    name=stream_names.PULL_REQUESTS,
    query=queries.PULL_REQUESTS,
    page_items=50,
    page_points=1,
    read=item_events.merged_pull_request,
    what="merged pull requests",
    counted_at="mergedAt",
    search="is:pr is:merged",
    search_key="merged",
)
REVIEWS: Final = ItemStream(
    name=stream_names.REVIEWS,
    query=queries.REVIEWS,
    page_items=50,
    page_points=1,
    read=item_events.reviews,
    children="reviews",
    **_PULL,
)
REVIEW_COMMENTS: Final = ItemStream(
    name=stream_names.REVIEW_COMMENTS,
    query=queries.REVIEW_COMMENTS,
    page_items=20,
    page_points=4,
    read=item_events.review_comments,
    children="review threads and their comments",
    **_PULL,
)
PULL_REQUEST_COMMENTS: Final = ItemStream(
    name=stream_names.PULL_REQUEST_COMMENTS,
    query=queries.PULL_REQUEST_COMMENTS,
    page_items=50,
    page_points=1,
    read=item_events.pull_request_comments,
    children="comments",
    **_PULL,
)
ISSUES: Final = ItemStream(
    name=stream_names.ISSUES,
    query=queries.ISSUES,
    page_items=50,
    page_points=2,
    read=item_events.issue,
    what="issues",
    counted_at="createdAt",
    search="is:issue",
    search_key="created",
    # Of an issue that is open again, neither the field nor the search tells that it was closed once.
    changing=ItemCount(what="closed issues", at="closedAt", search="is:issue is:closed", search_key="closed"),
)
ISSUE_COMMENTS: Final = ItemStream(
    name=stream_names.ISSUE_COMMENTS,
    query=queries.ISSUE_COMMENTS,
    page_items=50,
    page_points=1,
    read=item_events.issue_comments,
    what="issues",
    counted_at="createdAt",
    search="is:issue",
    search_key="created",
    children="comments",
)
DISCUSSIONS: Final = ItemStream(
    name=stream_names.DISCUSSIONS,
    query=queries.DISCUSSIONS,
    page_items=50,
    page_points=1,
    read=item_events.discussion,
    what="discussions",
    counted_at="createdAt",
    search="",
    search_key="created",
    search_type="DISCUSSION",
)
DISCUSSION_COMMENTS: Final = ItemStream(
    name=stream_names.DISCUSSION_COMMENTS,
    query=queries.DISCUSSION_COMMENTS,
    page_items=20,
    page_points=4,
    read=discussion_events.discussion_comments,
    what="discussions",
    counted_at="createdAt",
    search="",
    search_key="created",
    search_type="DISCUSSION",
    children="comments and their replies",
)

ITEM_STREAMS: Final = {
    stream.name: stream
    for stream in (
        PULL_REQUESTS,
        REVIEWS,
        REVIEW_COMMENTS,
        PULL_REQUEST_COMMENTS,
        ISSUES,
        ISSUE_COMMENTS,
        DISCUSSIONS,
        DISCUSSION_COMMENTS,
    )
}

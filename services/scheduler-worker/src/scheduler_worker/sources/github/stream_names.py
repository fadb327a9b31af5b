"""The names of a repository's streams, for whoever only needs these."""

from __future__ import annotations

from typing import Final

PULL_REQUESTS: Final = "pull_requests"
REVIEWS: Final = "reviews"
REVIEW_COMMENTS: Final = "review_comments"
PULL_REQUEST_COMMENTS: Final = "pull_request_comments"
ISSUES: Final = "issues"
ISSUE_COMMENTS: Final = "issue_comments"
DISCUSSIONS: Final = "discussions"
DISCUSSION_COMMENTS: Final = "discussion_comments"
RELEASES: Final = "releases"
COMMITS: Final = "commits"

STREAM_NAMES: Final = (
    PULL_REQUESTS,
    REVIEWS,
    REVIEW_COMMENTS,
    PULL_REQUEST_COMMENTS,
    ISSUES,
    ISSUE_COMMENTS,
    DISCUSSIONS,
    DISCUSSION_COMMENTS,
    RELEASES,
    COMMITS,
)

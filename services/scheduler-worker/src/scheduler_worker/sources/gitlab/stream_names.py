"""The names of a project's streams, for whoever only needs these."""

from __future__ import annotations

from typing import Final

MERGE_REQUESTS: Final = "merge_requests"
MERGE_REQUEST_NOTES: Final = "merge_request_notes"
ISSUES: Final = "issues"
ISSUE_NOTES: Final = "issue_notes"

STREAM_NAMES: Final = (MERGE_REQUESTS, MERGE_REQUEST_NOTES, ISSUES, ISSUE_NOTES)

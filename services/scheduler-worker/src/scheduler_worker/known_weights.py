"""What the ledger's own sources are weighed by, as an editor offers it."""

from __future__ import annotations

from typing import Final

KNOWN_WEIGHTS: Final = (
    *(f"git:{name}" for name in ("commit_authored", "commit_coauthored", "commit_merged")),
    *(
        f"github:{name}"
        for name in (
            "pr_merged", "review_submitted", "review_comment_created", "pr_comment_created", "issue_opened",
            "issue_closed", "issue_comment_created", "discussion_started", "discussion_answered",
            "discussion_comment_created", "release_published", "commit_authored", "commit_merged",
            "commit_coauthored",
        )
    ),
    *(
        f"gitlab:{name}"
        for name in ("mr_merged", "mr_note_created", "issue_opened", "issue_closed", "issue_note_created")
    ),
)  # fmt: skip
"""What sources of this project's own are weighed by; others and renamed ones have keys of their own."""

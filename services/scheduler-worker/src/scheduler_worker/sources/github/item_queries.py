"""The queries of single things by their node ids, with the same fields as the pages that list them."""

from __future__ import annotations

from typing import Final

from scheduler_worker.sources.github import queries
from scheduler_worker.sources.github.queries import BUDGET, COMMENT, ITEM, WHO

_REPOSITORY: Final = "repository { databaseId }"


def _one(kind: str, fields: str) -> str:
    """Return the query of one thing, and of whose repository it is."""
    return f"""
query One{kind}($node: ID!) {{
  node(id: $node) {{ __typename ... on {kind} {{ {_REPOSITORY} {fields} }} }}
  {BUDGET}
}}
{WHO}"""


def _below(kind: str, fields: str, parent: str, *, item: str = ITEM, name: str | None = None) -> str:
    """Return the query of one thing below an item, and of the item."""
    return _one(kind, f"{fields} parent: {parent} {{ {item} }}").replace(f"One{kind}", f"One{name or kind}")


ONE_PULL_REQUEST: Final = _one("PullRequest", queries.PULL_REQUEST)
ONE_REVIEW: Final = _below("PullRequestReview", queries.REVIEW, "pullRequest")
ONE_REVIEW_COMMENT: Final = _below("PullRequestReviewComment", queries.REVIEW_COMMENT, "pullRequest")
ONE_PULL_REQUEST_COMMENT: Final = _below("IssueComment", COMMENT, "pullRequest", name="PullRequestComment")
ONE_ISSUE_COMMENT: Final = _below("IssueComment", COMMENT, "issue", item=queries.ISSUE_ITEM)
ONE_ISSUE: Final = _one("Issue", queries.ISSUE)
ONE_DISCUSSION: Final = _one("Discussion", queries.DISCUSSION)
# A discussion's comment tells its repository through the discussion only.
ONE_DISCUSSION_COMMENT: Final = f"""
query OneDiscussionComment($node: ID!) {{
  node(id: $node) {{
    __typename
    ... on DiscussionComment {{
      {queries.DISCUSSION_REPLY}
      replyTo {{ id {queries.DISCUSSION_REPLY} }}
      parent: discussion {{ {_REPOSITORY} {ITEM} }}
    }}
  }}
  {BUDGET}
}}
{WHO}"""
ONE_RELEASE: Final = _one("Release", queries.RELEASE)

NEWEST_COMMITS: Final = f"""
query NewestCommits($node: ID!, $first: Int!) {{
  node(id: $node) {{
    __typename
    ... on Repository {{
      databaseId
      defaultBranchRef {{
        target {{ ... on Commit {{ history(first: $first) {{ nodes {{ {queries.COMMIT} }} }} }} }}
      }}
    }}
  }}
  {BUDGET}
}}
{WHO}"""

ITEM_QUERIES: Final = (
    ONE_PULL_REQUEST,
    ONE_REVIEW,
    ONE_REVIEW_COMMENT,
    ONE_PULL_REQUEST_COMMENT,
    ONE_ISSUE_COMMENT,
    ONE_ISSUE,
    ONE_DISCUSSION,
    ONE_DISCUSSION_COMMENT,
    ONE_RELEASE,
    NEWEST_COMMITS,
)

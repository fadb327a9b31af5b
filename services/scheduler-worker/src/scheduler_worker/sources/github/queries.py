"""Every query that is sent to GitHub, as text. Each is checked against the published schema (see docs).

A page's connection is always called `items`, and one within an item `children`, so that one walk reads them all.
Costs stand in docs/sources-github.md, as the server counts them.
"""

from __future__ import annotations

from typing import Final

BUDGET: Final = "rateLimit { cost limit remaining resetAt }"
PAGE_INFO: Final = "pageInfo { hasNextPage endCursor }"

WHO: Final = """
fragment who on Actor {
  __typename
  login
  ... on User { databaseId }
  ... on Bot { databaseId }
  ... on Mannequin { databaseId }
  ... on Organization { databaseId }
  ... on EnterpriseUserAccount { user { databaseId login } }
}
"""


def _items(name: str, connection: str, fields: str, *fragments: str) -> str:
    """Return the query of one page of a repository's connection; the repository is named by its node id."""
    return f"""
query {name}($repository: ID!, $first: Int!, $after: String) {{
  node(id: $repository) {{
    ... on Repository {{
      databaseId
      nameWithOwner
      items: {connection} {{ totalCount {PAGE_INFO} nodes {{ {fields} }} }}
    }}
  }}
  {BUDGET}
}}
{"".join(fragments)}"""


def _children(name: str, parent: str, connection: str, fields: str, *fragments: str) -> str:
    """Return the query of a further page of a connection within one item."""
    return f"""
query {name}($parent: ID!, $first: Int!, $after: String) {{
  node(id: $parent) {{
    ... on {parent} {{ children: {connection} {{ totalCount {PAGE_INFO} nodes {{ {fields} }} }} }}
  }}
  {BUDGET}
}}
{"".join(fragments)}"""


def _within(connection: str, first: int, fields: str) -> str:
    return f"children: {connection}(first: {first}) {{ totalCount {PAGE_INFO} nodes {{ {fields} }} }}"


_BY_UPDATE: Final = "(first: $first, after: $after, orderBy: {field: UPDATED_AT, direction: DESC})"
_FURTHER: Final = "(first: $first, after: $after)"
ITEM: Final = "id number title url createdAt updatedAt author { ...who }"
# An issue, and when it last came from another repository.
ISSUE_ITEM: Final = (
    f"{ITEM} moves: timelineItems(last: 1, itemTypes: [TRANSFERRED_EVENT])"
    " { nodes { ... on TransferredEvent { createdAt } } }"
)
_LABELS: Final = "labels(first: 100) { totalCount nodes { name } }"  # GitHub allows a hundred
COMMENT: Final = "fullDatabaseId createdAt url author { ...who }"
REVIEW: Final = "fullDatabaseId state submittedAt url author { ...who }"
REVIEW_COMMENT: Final = f"{COMMENT} path"
_THREAD: Final = f"id path {_within('comments', 20, REVIEW_COMMENT)}"
DISCUSSION_REPLY: Final = "databaseId createdAt deletedAt url author { ...who }"
DISCUSSION_COMMENT: Final = f"id {DISCUSSION_REPLY} {_within('replies', 20, DISCUSSION_REPLY)}"
_AUTHOR: Final = "name email user { ...who }"

REPOSITORY: Final = f"""
query Repository($owner: String!, $name: String!) {{
  repository(owner: $owner, name: $name, followRenames: true) {{
    id databaseId nameWithOwner isArchived isFork isPrivate hasDiscussionsEnabled
  }}
  {BUDGET}
}}
"""

REPOSITORY_NAME: Final = f"""
query RepositoryName($repository: ID!) {{
  node(id: $repository) {{ ... on Repository {{ databaseId nameWithOwner }} }}
  {BUDGET}
}}
"""

REPOSITORIES: Final = f"""
query Repositories($owner: String!, $first: Int!, $after: String) {{
  repositoryOwner(login: $owner) {{
    items: repositories(
      first: $first, after: $after, ownerAffiliations: [OWNER], orderBy: {{field: CREATED_AT, direction: ASC}}
    ) {{
      totalCount {PAGE_INFO}
      nodes {{ id databaseId nameWithOwner isArchived isFork isPrivate hasDiscussionsEnabled }}
    }}
  }}
  {BUDGET}
}}
"""

VOLUME: Final = f"""
query Volume($repository: ID!) {{
  node(id: $repository) {{
    ... on Repository {{
      databaseId
      nameWithOwner
      pullRequests {{ totalCount }}
      issues {{ totalCount }}
      discussions {{ totalCount }}
      releases {{ totalCount }}
      defaultBranchRef {{ name target {{ ... on Commit {{ history {{ totalCount }} }} }} }}
    }}
  }}
  {BUDGET}
}}
"""

COUNT: Final = f"""
query Count($search: String!, $type: SearchType!) {{
  search(query: $search, type: $type, first: 1) {{ issueCount discussionCount }}
  {BUDGET}
}}
"""

TOUCHED: Final = f"""
query Touched($pulls: String!, $issues: String!, $discussions: String!) {{
  pulls: search(query: $pulls, type: ISSUE, first: 1) {{ issueCount }}
  issues: search(query: $issues, type: ISSUE, first: 1) {{ issueCount }}
  discussions: search(query: $discussions, type: DISCUSSION, first: 1) {{ discussionCount }}
  {BUDGET}
}}
"""

PULL_REQUEST: Final = (
    f"{ITEM} mergedAt mergedBy {{ ...who }} additions deletions changedFiles baseRefName {_LABELS}"
    " mergeCommit { oid }"
)
PULL_REQUESTS: Final = _items("PullRequests", f"pullRequests{_BY_UPDATE}", PULL_REQUEST, WHO)
REVIEWS: Final = _items(
    "Reviews", f"pullRequests{_BY_UPDATE}", f"{ITEM} {_within('reviews', 50, REVIEW)}", WHO
)
MORE_REVIEWS: Final = _children("MoreReviews", "PullRequest", f"reviews{_FURTHER}", REVIEW, WHO)

REVIEW_COMMENTS: Final = _items(
    "ReviewComments", f"pullRequests{_BY_UPDATE}", f"{ITEM} {_within('reviewThreads', 20, _THREAD)}", WHO
)
MORE_REVIEW_THREADS: Final = _children(
    "MoreReviewThreads", "PullRequest", f"reviewThreads{_FURTHER}", _THREAD, WHO
)
MORE_REVIEW_COMMENTS: Final = _children(
    "MoreReviewComments", "PullRequestReviewThread", f"comments{_FURTHER}", REVIEW_COMMENT, WHO
)

PULL_REQUEST_COMMENTS: Final = _items(
    "PullRequestComments", f"pullRequests{_BY_UPDATE}", f"{ITEM} {_within('comments', 50, COMMENT)}", WHO
)
MORE_PULL_REQUEST_COMMENTS: Final = _children(
    "MorePullRequestComments", "PullRequest", f"comments{_FURTHER}", COMMENT, WHO
)

ISSUE_COMMENTS: Final = _items(
    "IssueComments", f"issues{_BY_UPDATE}", f"{ISSUE_ITEM} {_within('comments', 50, COMMENT)}", WHO
)
MORE_ISSUE_COMMENTS: Final = _children("MoreIssueComments", "Issue", f"comments{_FURTHER}", COMMENT, WHO)

ISSUE: Final = (
    f"{ISSUE_ITEM} closedAt {_LABELS}"
    " closings: timelineItems(first: 1, itemTypes: [CLOSED_EVENT]) {"
    "   totalCount nodes { ... on ClosedEvent {"
    "     createdAt stateReason actor { ...who }"
    "     closer { __typename ... on PullRequest { number } ... on Commit { oid } }"
    " } } }"
)
ISSUES: Final = _items("Issues", f"issues{_BY_UPDATE}", ISSUE, WHO)

DISCUSSION: Final = (
    f"{ITEM} category {{ name }} answerChosenAt answerChosenBy {{ ...who }}"
    " answer { databaseId createdAt url author { ...who } }"
)
DISCUSSIONS: Final = _items("Discussions", f"discussions{_BY_UPDATE}", DISCUSSION, WHO)

DISCUSSION_COMMENTS: Final = _items(
    "DiscussionComments",
    f"discussions{_BY_UPDATE}",
    f"{ITEM} {_within('comments', 20, DISCUSSION_COMMENT)}",
    WHO,
)
MORE_DISCUSSION_COMMENTS: Final = _children(
    "MoreDiscussionComments", "Discussion", f"comments{_FURTHER}", DISCUSSION_COMMENT, WHO
)
MORE_DISCUSSION_REPLIES: Final = _children(
    "MoreDiscussionReplies", "DiscussionComment", f"replies{_FURTHER}", DISCUSSION_REPLY, WHO
)

RELEASE: Final = "databaseId name tagName url isDraft isPrerelease publishedAt author { ...who }"
RELEASES: Final = _items(
    "Releases",
    "releases(first: $first, after: $after, orderBy: {field: CREATED_AT, direction: ASC})",
    RELEASE,
    WHO,
)

HEAD: Final = f"""
query Head($repository: ID!) {{
  node(id: $repository) {{
    ... on Repository {{
      databaseId
      nameWithOwner
      defaultBranchRef {{ name target {{ oid ... on Commit {{ history {{ totalCount }} }} }} }}
    }}
  }}
  {BUDGET}
}}
"""

COMMIT: Final = (
    "id oid url messageHeadline committedDate authoredDate parents(first: 100) { totalCount nodes { oid } }"
    f" {_within('authors', 10, _AUTHOR)}"
)
COMMITS: Final = f"""
query Commits($repository: ID!, $head: GitObjectID!, $first: Int!, $after: String) {{
  node(id: $repository) {{
    ... on Repository {{
      databaseId
      nameWithOwner
      object(oid: $head) {{
        ... on Commit {{
          items: history(first: $first, after: $after) {{ totalCount {PAGE_INFO} nodes {{ {COMMIT} }} }}
        }}
      }}
    }}
  }}
  {BUDGET}
}}
{WHO}"""
MORE_AUTHORS: Final = _children("MoreAuthors", "Commit", f"authors{_FURTHER}", _AUTHOR, WHO)

ALL_QUERIES: Final = (
    REPOSITORY,
    REPOSITORY_NAME,
    REPOSITORIES,
    VOLUME,
    COUNT,
    TOUCHED,
    PULL_REQUESTS,
    REVIEWS,
    MORE_REVIEWS,
    REVIEW_COMMENTS,
    MORE_REVIEW_THREADS,
    MORE_REVIEW_COMMENTS,
    PULL_REQUEST_COMMENTS,
    MORE_PULL_REQUEST_COMMENTS,
    ISSUE_COMMENTS,
    MORE_ISSUE_COMMENTS,
    ISSUES,
    DISCUSSIONS,
    DISCUSSION_COMMENTS,
    MORE_DISCUSSION_COMMENTS,
    MORE_DISCUSSION_REPLIES,
    RELEASES,
    HEAD,
    COMMITS,
    MORE_AUTHORS,
)

"""The world as GraphQL sees it: each thing as its fields, connections as functions of their arguments."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo

from tests.github_world.rules import connection
from tests.github_world.world import (
    Account,
    Comment,
    Commit,
    CommitAuthor,
    Item,
    Release,
    Repository,
    Review,
    Thread,
    World,
    text_of,
)

View = dict[str, Any]
Info = GraphQLResolveInfo[Any]
KINDS = {"pull": "PullRequest", "issue": "Issue", "discussion": "Discussion"}
PATHS = {"pull": "pull", "issue": "issues", "discussion": "discussions"}


def not_found(what: str) -> GraphQLError:
    return GraphQLError(f"Could not resolve to {what}.", extensions={"type": "NOT_FOUND"})


class Views:
    """The root of a query by one set of credentials."""

    def __init__(self, world: World, sees: Callable[[Repository], bool], budget: View) -> None:
        self._world = world
        self._sees = sees
        self._visible = [found for found in world.repositories if sees(found)]
        self.rateLimit = budget

    # --- roots

    def repository(
        self,
        _info: Info,
        owner: str,
        name: str,
        followRenames: bool,  # noqa: FBT001, N803 - GitHub's name
    ) -> View | None:
        found = self._world.find(f"{owner}/{name}")
        is_old = found is not None and found.name.casefold() != f"{owner}/{name}".casefold()
        if found is None or not self._sees(found) or (is_old and not followRenames):
            raise not_found(f"a Repository with the name '{owner}/{name}'")
        return self._repository(found)

    def repositoryOwner(self, _info: Info, login: str) -> View | None:  # noqa: N802 - GitHub's name
        owned = [found for found in self._visible if found.owner.casefold() == login.casefold()]
        if not owned and all(account.login != login for account in self._world.accounts):
            return None
        return {
            "__typename": "Organization",
            "login": login,
            "repositories": pages(owned, key=lambda found: (found.id,), view=self._repository),
        }

    def node(self, _info: Info, id: str) -> View | None:  # noqa: A002 - GitHub's name
        for repository in self._visible:
            found = self._in_repository(repository, id)
            if found is not None:
                return found
        raise not_found(f"a node with the global id of '{id}'")

    def _in_repository(self, repository: Repository, node: str) -> View | None:
        if node == f"R_{repository.id}":
            return self._repository(repository)
        for item in repository.items:
            if node == f"I_{item.id}":
                return self._item(repository, item)
            if part := self._part(repository, item, node):
                above = {"pull": "pullRequest", "issue": "issue", "discussion": "discussion"}[item.kind]
                return part | {
                    "repository": lambda _info: self._repository(repository),
                    above: lambda _info: self._item(repository, item),  # noqa: B023 - it is returned at once
                }
        for release in repository.releases:
            if node == f"RE_{release.id}":
                return self._release(repository, release)
        commit = repository.commits.get(node.removeprefix("C_"))
        return None if commit is None else self._commit(repository, commit)

    def _part(self, repository: Repository, item: Item, node: str) -> View | None:
        """What stands below an item under a node id of its own."""
        url = item_url(repository, item)
        for review in item.reviews:
            if node == f"PRR_{review.id}":
                return review_view(review, url) | {"__typename": "PullRequestReview"}
        for thread in item.threads:
            if node == f"T_{thread.id}":
                return self._thread(repository, item, thread)
            for comment in thread.comments:
                if node == f"PRRC_{comment.id}":
                    shown = comment_view(comment, url, path=thread.path)
                    return shown | {"__typename": "PullRequestReviewComment"}
        return self._said(item, node, url)

    def _said(self, item: Item, node: str, url: str) -> View | None:
        for comment in item.comments:
            if item.kind != "discussion":
                if node == f"IC_{comment.id}":
                    return comment_view(comment, url) | {"__typename": "IssueComment"}
                continue
            shown = discussion_comment_view(comment, url)
            if node == shown["id"]:
                return shown | {"replyTo": None}
            for reply in comment.replies:
                if node == f"D_{reply.id}":
                    return discussion_comment_view(reply, url) | {"replyTo": shown}
        return None

    def search(self, _info: Info, query: str, type: str, first: int) -> View:  # noqa: A002, ARG002
        counts = {"issueCount": 0, "discussionCount": 0}
        counts["discussionCount" if type == "DISCUSSION" else "issueCount"] = self._count(query, type)
        return counts

    def _count(self, query: str, kind: str) -> int:
        words = dict(
            re.findall(
                r"(repo|is|created|merged|updated|closed):(\S+)", re.sub("is:(merged|closed)", "", query)
            )
        )
        name = words["repo"]
        repository = next((found for found in self._visible if found.name == name), None)
        if repository is None:
            return 0  # the real one refuses unknown repositories, or finds nothing
        wanted = "discussion" if kind == "DISCUSSION" else {"pr": "pull", "issue": "issue"}[words["is"]]
        key = next(key for key in ("merged", "created", "updated", "closed") if key in words)
        lowest, highest, is_open_ended = _span(words[key])
        indexed_until = self._world.now - self._world.search_lag
        found = 0
        for item in repository.of_kind(wanted):
            at = {
                "merged": item.merged_at,
                "created": item.created_at,
                "updated": item.updated_at,
                "closed": item.closed_at,
            }[key]
            if at is None or (self._world.search_lag and at > indexed_until):
                continue
            is_in = at < highest if is_open_ended else lowest <= at <= highest
            found += is_in
        return found

    # --- things

    def _repository(self, repository: Repository) -> View:
        items = {
            name: pages(
                repository.of_kind(kind),
                key=lambda item: (text_of(item.updated_at), item.id),
                view=lambda item: self._item(repository, item),
                by_order=True,
            )
            for name, kind in (("pullRequests", "pull"), ("issues", "issue"), ("discussions", "discussion"))
        }
        head = repository.head
        return {
            "__typename": "Repository",
            "id": f"R_{repository.id}",
            "databaseId": repository.id,
            "nameWithOwner": repository.name,
            "isArchived": repository.is_archived,
            "isFork": repository.is_fork,
            "isPrivate": repository.is_private,
            "hasDiscussionsEnabled": True,
            **items,
            "releases": pages(
                repository.releases,
                key=lambda release: (text_of(release.created_at), release.id),
                view=lambda release: self._release(repository, release),
            ),
            "defaultBranchRef": None
            if head is None
            else {
                "__typename": "Ref",
                "name": repository.branch,
                "target": lambda _info: self._commit(repository, repository.commits[head]),
            },
            "object": lambda _info, oid: self._find_commit(repository, oid),
        }

    def _release(self, repository: Repository, release: Release) -> View:
        return release_view(repository, release) | {
            "__typename": "Release",
            "repository": lambda _info: self._repository(repository),
        }

    def _item(self, repository: Repository, item: Item) -> View:
        url = item_url(repository, item)
        common: View = {
            "__typename": KINDS[item.kind],
            "id": f"I_{item.id}",
            "number": item.number,
            "title": item.title,
            "url": url,
            "createdAt": text_of(item.created_at),
            "updatedAt": text_of(item.updated_at),
            "author": actor(item.author),
            "labels": pages(item.labels, key=lambda name: (name,), view=lambda name: {"name": name}),
            "comments": comments(item.comments, url),
            "repository": lambda _info: self._repository(repository),
        }
        if item.kind == "pull":
            return common | self._pull(repository, item, url)
        if item.kind == "issue":
            return common | {"timelineItems": timeline(item), "closedAt": maybe(item.closed_at)}
        return common | {
            "category": {"name": "Q&A"},
            "answer": None if item.answer is None else discussion_comment_view(item.answer, url),
            "answerChosenAt": maybe(item.answered_at),
            "answerChosenBy": None,
            "comments": discussion_comments(item.comments, url),
        }

    def _pull(self, repository: Repository, item: Item, url: str) -> View:
        shown = [review for review in item.reviews if not review.is_pending]
        return {
            "mergedAt": maybe(item.merged_at),
            "mergedBy": actor(item.merged_by),
            "additions": 10 * item.number,
            "deletions": item.number,
            "changedFiles": 1,
            "baseRefName": repository.branch,
            "mergeCommit": None,
            "reviews": pages(
                shown, key=lambda review: (review.id,), view=lambda review: review_view(review, url)
            ),
            "reviewThreads": pages(
                item.threads,
                key=lambda thread: (thread.id,),
                view=lambda thread: self._thread(repository, item, thread),
            ),
        }

    def _thread(self, repository: Repository, item: Item, thread: Thread) -> View:
        url = f"https://github.com/{repository.name}/pull/{item.number}"
        return {
            "__typename": "PullRequestReviewThread",
            "id": f"T_{thread.id}",
            "path": thread.path,
            "comments": comments(thread.comments, url, path=thread.path),
        }

    def _find_commit(self, repository: Repository, oid: str) -> View | None:
        commit = repository.commits.get(oid)
        return None if commit is None else self._commit(repository, commit)

    def _commit(self, repository: Repository, commit: Commit) -> View:
        def history(info: Info, **arguments: Any) -> View:
            # Listed by date, as git does; a later page begins after the commit that the cursor names.
            return connection(
                repository.ancestors(commit.oid),
                info,
                arguments,
                key=lambda found: (text_of(found.at), found.oid),
                view=lambda found: self._commit(repository, found),
                is_descending=True,
            )

        return {
            "__typename": "Commit",
            "id": f"C_{commit.oid}",
            "oid": commit.oid,
            "url": f"https://github.com/{repository.name}/commit/{commit.oid}",
            "messageHeadline": commit.headline,
            "committedDate": text_of(commit.at),
            "authoredDate": text_of(commit.at),
            "parents": pages(commit.parents, key=lambda oid: (oid,), view=lambda oid: {"oid": oid}),
            "authors": pages(
                list(enumerate(commit.authors)),
                key=lambda pair: (pair[0],),
                view=lambda pair: git_actor(pair[1]),
            ),
            "history": history,
        }


def pages(
    things: Sequence[Any],
    *,
    key: Callable[[Any], tuple[Any, ...]],
    view: Callable[[Any], Any],
    by_order: bool = False,
) -> Callable[..., View]:
    """A connection's resolver: ascending, or in the direction that the query asks for."""

    def resolve(info: Info, **arguments: Any) -> View:
        order = arguments.get("orderBy")
        if by_order:
            assert order is None or order["field"] == "UPDATED_AT", "the world keeps no other order"
        return connection(
            things,
            info,
            arguments,
            key=key,
            view=view,
            is_descending=by_order and order is not None and order["direction"] == "DESC",
        )

    return resolve


def item_url(repository: Repository, item: Item) -> str:
    return f"https://github.com/{repository.name}/{PATHS[item.kind]}/{item.number}"


def comments(things: Sequence[Comment], url: str, *, path: str | None = None) -> Callable[..., View]:
    return pages(
        things, key=lambda comment: (comment.id,), view=lambda comment: comment_view(comment, url, path=path)
    )


def discussion_comments(things: Sequence[Comment], url: str) -> Callable[..., View]:
    return pages(
        things,
        key=lambda comment: (comment.id,),
        view=lambda comment: discussion_comment_view(comment, url),
    )


def discussion_comment_view(comment: Comment, url: str) -> View:
    return comment_view(comment, url) | {
        "__typename": "DiscussionComment",
        "id": f"D_{comment.id}",
        "databaseId": comment.id % 2**31,  # a GraphQL Int
        "deletedAt": maybe(comment.deleted_at),
        "replies": discussion_comments(comment.replies, url),
    }


def comment_view(comment: Comment, url: str, *, path: str | None = None) -> View:
    return {
        "fullDatabaseId": str(comment.id),
        "createdAt": text_of(comment.at),
        "url": f"{url}#comment-{comment.id}",
        "author": actor(comment.author),
        "path": path,
    }


def review_view(review: Review, url: str) -> View:
    return {
        "fullDatabaseId": str(review.id),
        "state": review.state,
        "submittedAt": text_of(review.at),
        "url": f"{url}#review-{review.id}",
        "author": actor(review.author),
    }


def release_view(repository: Repository, release: Release) -> View:
    return {
        "databaseId": release.id,
        "name": f"Release {release.tag}",
        "tagName": release.tag,
        "url": f"https://github.com/{repository.name}/releases/{release.tag}",
        "isDraft": release.published_at is None,
        "isPrerelease": False,
        "publishedAt": maybe(release.published_at),
        # A release's author is a User in the schema: who is none is null there.
        "author": actor(release.author if release.author and release.author.kind == "User" else None),
    }


def timeline(item: Item) -> Callable[..., View]:
    def resolve(info: Info, itemTypes: list[str], **arguments: Any) -> View:  # noqa: N803 - GitHub's
        if itemTypes == ["TRANSFERRED_EVENT"]:
            events: list[View] = [
                {"__typename": "TransferredEvent", "createdAt": text_of(moved_at)}
                for moved_at in item.moved_at
            ]
        else:
            events = [
                {
                    "__typename": "ClosedEvent",
                    "createdAt": text_of(closing.at),
                    "stateReason": "COMPLETED",
                    "actor": actor(closing.actor),
                    "closer": None,
                }
                for closing in (() if item.is_imported else item.closings)
            ]
        numbered = list(enumerate(events))
        return connection(
            numbered,
            info,
            arguments,
            key=lambda pair: (pair[0],),
            view=lambda pair: pair[1],
        )

    return resolve


def actor(account: Account | None) -> View | None:
    if account is None:
        return None
    return {"__typename": account.kind, "login": account.login, "databaseId": account.id}


def git_actor(author: CommitAuthor) -> View:
    return {"name": author.name, "email": author.email, "user": actor(author.account)}


def maybe(instant: datetime | None) -> str | None:
    return None if instant is None else text_of(instant)


def _span(text: str) -> tuple[datetime, datetime, bool]:
    """Return a search's bounds: `<B` is open at its end, `A..B` holds both its ends."""
    if text.startswith(">="):
        return _instant(text[2:]), datetime.max.replace(tzinfo=UTC), False
    if text.startswith("<"):
        end = _instant(text[1:])
        return datetime.min.replace(tzinfo=UTC), end, True
    lowest, _, highest = text.partition("..")
    return _instant(lowest), _instant(highest), False


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)

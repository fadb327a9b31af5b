"""What GitHub's webhooks would send of a world: bodies with the fields of its REST objects, signed."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from tests.github_world.views import item_url
from tests.github_world.world import Comment, Item, Release, Repository, World, text_of

SECRET = "the secret of a webhook that only tests know"
_NAMESPACE = UUID(int=7)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery: the event's name, and the body."""

    event: str
    body: bytes

    def headers(self, *, secret: str = SECRET) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/044aadd",
            "X-GitHub-Delivery": str(uuid5(_NAMESPACE, hashlib.sha256(self.body).hexdigest())),
            "X-GitHub-Event": self.event,
            "X-GitHub-Hook-ID": "292430182",
            "X-Hub-Signature-256": signature(self.body, secret=secret),
        }


def signature(body: bytes, *, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def deliveries_of(world: World) -> list[Delivery]:
    """Everything that is there now, told as it was told when it happened, in the order of the world."""
    return [told for repository in world.repositories for told in _of_repository(repository)]


def delivery(event: str, action: str | None, repository: Repository, **more: Any) -> Delivery:
    """One delivery about a repository; it holds much that is nobody's business here, as GitHub's do."""
    told: dict[str, Any] = {} if action is None else {"action": action}
    told |= more
    told |= {
        "repository": {
            "id": repository.id,
            "node_id": f"R_{repository.id}",
            "full_name": repository.name,
            "private": repository.is_private,
            "fork": repository.is_fork,
            "archived": repository.is_archived,
            "default_branch": repository.branch,
        },
        "sender": {"login": "somebody", "id": 1},
    }
    return Delivery(event, json.dumps(told).encode())


def item_told(repository: Repository, item: Item) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": item.id,
        "node_id": f"I_{item.id}",
        "number": item.number,
        "title": item.title,
        "html_url": item_url(repository, item),
        "updated_at": text_of(item.updated_at),
    }
    if item.kind == "pull":
        told["merged"] = item.merged_at is not None
    return told


def issue_told(repository: Repository, item: Item) -> dict[str, Any]:
    """An issue as REST has it: a pull request is one too, and says so."""
    told = item_told(repository, item)
    return told | ({"pull_request": {"url": told["html_url"]}} if item.kind == "pull" else {})


def push(repository: Repository, *, ref: str | None = None, after: str | None = None) -> Delivery:
    head = after or repository.head or "0" * 40
    return delivery(
        "push",
        None,
        repository,
        ref=ref or f"refs/heads/{repository.branch}",
        before="0" * 40,
        after=head,
        deleted=head == "0" * 40,
        commits=[{"id": head, "message": "told, and not believed"}],
    )


def release_told(repository: Repository, release: Release) -> Delivery:
    told = {"id": release.id, "node_id": f"RE_{release.id}", "tag_name": release.tag, "draft": False}
    return delivery("release", "published", repository, release=told)


def comment_told(repository: Repository, item: Item, comment: Comment) -> Delivery:
    prefix = "D" if item.kind == "discussion" else "IC"
    told = {"id": comment.id, "node_id": f"{prefix}_{comment.id}", "body": "a comment"}
    if item.kind == "discussion":
        return delivery(
            "discussion_comment", "created", repository, comment=told, discussion=item_told(repository, item)
        )
    return delivery("issue_comment", "created", repository, comment=told, issue=issue_told(repository, item))


def _of_repository(repository: Repository) -> Iterator[Delivery]:
    for item in repository.items:
        yield from _of_item(repository, item)
    for release in repository.releases:
        if release.published_at is not None:
            yield release_told(repository, release)
    if repository.head is not None:
        yield push(repository)


def _of_item(repository: Repository, item: Item) -> Iterator[Delivery]:
    told = item_told(repository, item)
    if item.kind == "pull":
        yield from _of_pull(repository, item, told)
    elif item.kind == "issue":
        yield delivery("issues", "opened", repository, issue=told)
        if item.closings:
            yield delivery("issues", "closed", repository, issue=told)
    else:
        yield delivery("discussion", "created", repository, discussion=told)
        if item.answer is not None:
            yield delivery("discussion", "answered", repository, discussion=told)
    for comment in item.comments:
        for said in (comment, *comment.replies):
            if said.deleted_at is None:
                yield comment_told(repository, item, said)


def _of_pull(repository: Repository, item: Item, told: dict[str, Any]) -> Iterator[Delivery]:
    if item.merged_at is not None:
        yield delivery("pull_request", "closed", repository, pull_request=told)
    for review in item.reviews:
        if not review.is_pending:
            of_review = {"id": review.id, "node_id": f"PRR_{review.id}", "state": "approved"}
            yield delivery(
                "pull_request_review", "submitted", repository, review=of_review, pull_request=told
            )
    for thread in item.threads:
        for comment in thread.comments:
            of_line = {"id": comment.id, "node_id": f"PRRC_{comment.id}", "path": thread.path}
            yield delivery(
                "pull_request_review_comment", "created", repository, comment=of_line, pull_request=told
            )

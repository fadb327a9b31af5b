"""What a webhook's delivery names: a thing by its node id, and the stream that it would be read in.

A delivery lacks fields that events are made of, and may be late, doubled or out of order. So it is a hint only
(DELIVERY_IS_A_HINT): nothing that it says of the thing itself is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from attrs import frozen

from ledger_core.errors import LedgerError
from scheduler_worker.sources.github import stream_names
from scheduler_worker.sources.github.fields import Fields
from scheduler_worker.sources.github.refusals import GithubAnswerUnreadable, quoted
from scheduler_worker.sources.github.repository import read_name
from scheduler_worker.sources.json_body import parse_json

PING: Final = "ping"
EVENT_NOT_READ: Final = "event-not-read"
ACTION_NOT_READ: Final = "action-not-read"
NOT_MERGED: Final = "not-merged"
NOT_DEFAULT_BRANCH: Final = "not-the-default-branch"
BRANCH_DELETED: Final = "branch-deleted"
_NODE: Final = re.compile(r"[A-Za-z0-9_=+/-]{1,200}", re.ASCII)


class GithubDeliveryUnreadable(LedgerError):
    """A delivery whose signature is right is not what GitHub documents."""

    code = "github-delivery-unreadable"

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"the delivery can't be read: {quoted(where)} {problem}")
        self.where = where
        self.problem = problem


@frozen(kw_only=True)
class NamedThing:
    """What a delivery names: `node` is the thing's id, and the repository's own for a push."""

    stream: str
    node: str
    repository: str
    repository_id: int
    is_archived: bool
    is_fork: bool


def read_delivery(event: str, body: bytes) -> NamedThing | str:
    """Return what a delivery of a kind of event names, or why it names nothing that is read.

    Raises: GithubDeliveryUnreadable.
    """
    kind = _KINDS.get(event)
    if kind is None:
        return EVENT_NOT_READ
    try:
        told = Fields(parse_json(body), "delivery")
        reason = kind.reason_against(told)
        return reason or _named(told, kind)
    except GithubAnswerUnreadable as error:
        raise GithubDeliveryUnreadable(error.where, error.problem) from None
    except ValueError:
        raise GithubDeliveryUnreadable("delivery", "is no JSON") from None


@frozen(kw_only=True)
class _Kind:
    """A kind of event: the object that is the thing, its stream, and the actions after which it is looked at."""

    thing: str
    stream: Callable[[Fields], str]
    actions: frozenset[str] = frozenset()
    other_reason: Callable[[Fields], str | None] = lambda _: None

    def reason_against(self, told: Fields) -> str | None:
        if self.actions and told.text("action") not in self.actions:
            return ACTION_NOT_READ
        return self.other_reason(told)


def _named(told: Fields, kind: _Kind) -> NamedThing:
    repository, thing = told.fields("repository"), told.fields(kind.thing)
    node = thing.text("node_id")
    if _NODE.fullmatch(node) is None:
        raise thing.unreadable("node_id", "is no node's id")
    return NamedThing(
        stream=kind.stream(told),
        node=node,
        repository=read_name(repository, "full_name"),
        repository_id=repository.whole("id"),
        is_archived=repository.flag("archived"),
        is_fork=repository.flag("fork"),
    )


def _in(stream: str) -> Callable[[Fields], str]:
    return lambda _: stream


def _comment_stream(told: Fields) -> str:
    """A pull request is an issue too, which tells by a field of its own."""
    is_pull = told.fields("issue").find_fields("pull_request") is not None
    return stream_names.PULL_REQUEST_COMMENTS if is_pull else stream_names.ISSUE_COMMENTS


def _not_merged(told: Fields) -> str | None:
    return None if told.fields("pull_request").flag("merged") else NOT_MERGED


def _other_branch(told: Fields) -> str | None:
    branch = told.fields("repository").text("default_branch")
    if told.text("ref") != f"refs/heads/{branch}":
        return NOT_DEFAULT_BRANCH
    return BRANCH_DELETED if told.flag("deleted") else None


_KINDS: Final = {
    "pull_request": _Kind(
        thing="pull_request",
        stream=_in(stream_names.PULL_REQUESTS),
        actions=frozenset({"closed"}),
        other_reason=_not_merged,
    ),
    "pull_request_review": _Kind(
        thing="review", stream=_in(stream_names.REVIEWS), actions=frozenset({"submitted"})
    ),
    "pull_request_review_comment": _Kind(
        thing="comment", stream=_in(stream_names.REVIEW_COMMENTS), actions=frozenset({"created"})
    ),
    "issue_comment": _Kind(thing="comment", stream=_comment_stream, actions=frozenset({"created"})),
    "issues": _Kind(thing="issue", stream=_in(stream_names.ISSUES), actions=frozenset({"opened", "closed"})),
    "discussion": _Kind(
        thing="discussion",
        stream=_in(stream_names.DISCUSSIONS),
        actions=frozenset({"created", "answered"}),
    ),
    "discussion_comment": _Kind(
        thing="comment", stream=_in(stream_names.DISCUSSION_COMMENTS), actions=frozenset({"created"})
    ),
    "release": _Kind(thing="release", stream=_in(stream_names.RELEASES), actions=frozenset({"published"})),
    "push": _Kind(thing="repository", stream=_in(stream_names.COMMITS), other_reason=_other_branch),
}
EVENTS: Final = tuple(_KINDS)

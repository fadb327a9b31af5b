"""Which of the policy's streams a delivery is about, if any: the same choice as collection makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger_core.identifiers import StreamRef
from scheduler_worker.bootstrap_github import choice_of
from scheduler_worker.github_policy import GithubSourcePolicy
from scheduler_worker.sources.github.deliveries import NamedThing

REPOSITORY_NOT_COLLECTED: Final = "repository-not-collected"
STREAM_NOT_COLLECTED: Final = "stream-not-collected"


def collected_stream(policies: Sequence[GithubSourcePolicy], named: NamedThing) -> StreamRef | str:
    """Return the stream that a thing would be read in, or why it would not be read; case of names is nothing.

    A repository that was renamed is known by its new name only once the policy says so; its old name leads a
    collection there all the same.
    """
    reason = REPOSITORY_NOT_COLLECTED
    for policy in policies:
        name = _collected_name(policy, named)
        if name is None:
            continue
        if named.stream in policy.streams:
            return StreamRef(source=policy.source, source_ref=name, stream=named.stream)
        reason = STREAM_NOT_COLLECTED
    return reason


def _collected_name(policy: GithubSourcePolicy, named: NamedThing) -> str | None:
    """Return the repository as the policy's streams call it."""
    for name in policy.repos:
        if name.casefold() == named.repository.casefold():
            return name
    is_left_out = (named.is_archived and not policy.archived) or (named.is_fork and not policy.forks)
    is_meant = any(choice_of(policy, pattern).covers(named.repository) for pattern in policy.patterns)
    return named.repository if is_meant and not is_left_out else None

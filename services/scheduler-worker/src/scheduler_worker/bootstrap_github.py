"""The composition root's part for GitHub: from the policy to clients, sources and directories."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache, partial

from ledger_core.identifiers import StreamRef
from ledger_core.ports.activity_source import SourceDirectory
from ledger_core.ports.watcher import Watcher
from scheduler_worker.github_policy import GithubAccess, GithubSourcePolicy
from scheduler_worker.sources.github.check import CheckReport, check_github
from scheduler_worker.sources.github.client import GithubClient
from scheduler_worker.sources.github.credentials import AppInstallations, PersonalToken
from scheduler_worker.sources.github.directory import Choice, GithubDirectory
from scheduler_worker.sources.github.github_source import GithubSource
from scheduler_worker.sources.http import HttpConnections
from scheduler_worker.sources.server_clock import ServerClock

Clock = Callable[[], datetime]
REPOSITORIES = "repositories"  # the stream's name of a directory, in reports


@cache
def github_client(access: GithubAccess, clock: Clock) -> GithubClient:
    """Return the process's one client for a server and its credentials, which share a limit.

    The environment is read when a request needs it, so that whoever only names streams needs no secret.
    """
    server_clock = ServerClock(clock)
    credentials: AppInstallations | PersonalToken
    if access.app_id is None:
        credentials = PersonalToken(os.environ, access.token_variable)
    else:
        credentials = AppInstallations(
            os.environ, app_id=access.app_id, key_variable=access.app_key_variable, clock=server_clock
        )
    return GithubClient(
        http=HttpConnections(), base_url=access.base_url, credentials=credentials, clock=server_clock
    )


def github_sources(policy: GithubSourcePolicy, clock: Clock) -> Iterator[GithubSource]:
    """Yield the sources of the repositories that the policy names."""
    for repository in policy.repos:
        yield _source(policy, clock, repository)


def github_directories(policy: GithubSourcePolicy, clock: Clock) -> Mapping[StreamRef, SourceDirectory]:
    """Return the directories of the policy's patterns, by how a report names them."""
    return {
        directory_ref(policy, pattern): GithubDirectory(
            client=github_client(policy.access, clock),
            source=policy.source,
            choice=choice_of(policy, pattern),
            streams=policy.streams,
            make_source=partial(_source, policy, clock),
        )
        for pattern in policy.patterns
    }


def check_source(
    policy: GithubSourcePolicy, clock: Clock, *, window_start: datetime, watcher: Watcher
) -> CheckReport:
    """Return what the policy's credentials see, and what reading it will cost; nothing is collected."""
    return check_github(
        github_client(policy.access, clock),
        repos=policy.repos,
        choices=[choice_of(policy, pattern) for pattern in policy.patterns],
        streams=policy.streams,
        window_start=window_start,
        watcher=watcher,
    )


def directory_ref(policy: GithubSourcePolicy, pattern: str) -> StreamRef:
    """Return how a report names a pattern."""
    return StreamRef(source=policy.source, source_ref=pattern, stream=REPOSITORIES)


def choice_of(policy: GithubSourcePolicy, pattern: str) -> Choice:
    """Return which of an owner's repositories the policy means by a pattern."""
    return Choice(
        pattern=pattern,
        exclude=policy.exclude,
        archived=policy.archived,
        forks=policy.forks,
        named_elsewhere=policy.repos,
    )


def _source(policy: GithubSourcePolicy, clock: Clock, repository: str) -> GithubSource:
    return GithubSource(
        client=github_client(policy.access, clock),
        repository=repository,
        clock=clock,
        source=policy.source,
        streams=policy.streams,
        machine_users=policy.machine_users,
        accept_rewrites=policy.accept_rewrites,
    )

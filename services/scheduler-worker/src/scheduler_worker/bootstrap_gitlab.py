"""The composition root's part for GitLab: from the policy to clients and sources."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cache

from ledger_core.ports.watcher import Watcher
from scheduler_worker.gitlab_policy import GitlabAccess, GitlabSourcePolicy
from scheduler_worker.sources.gitlab.check import CheckedProject, check_gitlab
from scheduler_worker.sources.gitlab.client import CREDENTIAL_HEADER, GitlabClient
from scheduler_worker.sources.gitlab.gitlab_source import GitlabSource
from scheduler_worker.sources.http import HttpConnections

Clock = Callable[[], datetime]


@cache
def gitlab_client(access: GitlabAccess, clock: Clock) -> GitlabClient:
    """Return the process's one client for a server and its token.

    The environment is read when a request needs it, so that whoever only names streams needs no secret.
    """
    return GitlabClient(
        http=HttpConnections(accept="application/json", credential_header=CREDENTIAL_HEADER),
        base_url=access.base_url,
        environment=os.environ,
        token_variable=access.token_variable,
        clock=clock,
    )


def gitlab_sources(policy: GitlabSourcePolicy, clock: Clock) -> Iterator[GitlabSource]:
    """Yield the sources of the projects that the policy names."""
    for project in policy.projects:
        yield GitlabSource(
            client=gitlab_client(policy.access, clock),
            project=project,
            clock=clock,
            source=policy.source,
            streams=policy.streams,
            machine_users=policy.machine_users,
        )


def check_projects(policy: GitlabSourcePolicy, clock: Clock, *, watcher: Watcher) -> Sequence[CheckedProject]:
    """Return what the policy's token sees; nothing is collected."""
    return check_gitlab(gitlab_client(policy.access, clock), policy.projects, policy.streams, watcher=watcher)

"""The composition root's part for sources: from the policy to what reads; a kind that is not named is not imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from ledger_core.ports.activity_source import ActivitySource
from scheduler_worker.policy import Policy
from scheduler_worker.sources.git.git_source import GitSource
from scheduler_worker.sources.jsonl.jsonl_source import JsonlSource

Clock = Callable[[], datetime]


def policy_sources(policy: Policy, clock: Clock) -> Iterator[ActivitySource]:
    """Yield every source that the policy names.

    Raises: SourcePackageBroken, PolicyInvalid.
    """
    for git in policy.git_sources:
        yield GitSource(
            name=git.name,
            path=git.path,
            branch=git.branch,
            accept_rewrites=git.accept_rewrites,
            commit_url=git.commit_url,
            clock=clock,
        )
    for jsonl in policy.jsonl_sources:
        yield JsonlSource(name=jsonl.name, path=jsonl.path, clock=clock)
    if policy.github_sources:
        from scheduler_worker.bootstrap_github import github_sources  # noqa: PLC0415 - a quarter of a second

        for github in policy.github_sources:
            yield from github_sources(github, clock)
    if policy.gitlab_sources:
        from scheduler_worker.bootstrap_gitlab import gitlab_sources  # noqa: PLC0415 - a quarter of a second

        for gitlab in policy.gitlab_sources:
            yield from gitlab_sources(gitlab, clock)
    if policy.plugin_sources:
        from scheduler_worker.bootstrap_plugins import plugin_sources  # noqa: PLC0415 - rarely needed

        for plugin in policy.plugin_sources:
            yield from plugin_sources(plugin, clock)

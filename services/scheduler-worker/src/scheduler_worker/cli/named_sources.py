"""The sources of a policy that a command names."""

from __future__ import annotations

from ledger_core.errors import LedgerError
from scheduler_worker.github_policy import GithubSourcePolicy
from scheduler_worker.policy import Policy


class SourceNotConfigured(LedgerError):
    """The policy has no source of that name that can be checked."""

    code = "source-not-configured"

    def __init__(self, name: str) -> None:
        super().__init__(f"ledger.toml has no [[sources.github]] with source {name}")
        self.name = name


def github_sources_of(policy: Policy, name: str) -> tuple[GithubSourcePolicy, ...]:
    """Return the tables of `[[sources.github]]` with this source's name.

    Raises: SourceNotConfigured when there is none.
    """
    chosen = tuple(found for found in policy.github_sources if found.source == name)
    if not chosen:
        raise SourceNotConfigured(name)
    return chosen

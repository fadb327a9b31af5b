"""The repositories of an owner, as GitHub lists them: `owner/*` becomes streams when a collection starts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from attrs import frozen

from ledger_core.identifiers import StreamRef
from ledger_core.ports.activity_source import ActivitySource
from scheduler_worker.sources.github import queries
from scheduler_worker.sources.github.client import GithubClient, Reading
from scheduler_worker.sources.github.connections import read_page
from scheduler_worker.sources.github.refusals import GithubCountDiffers, GithubNotFound
from scheduler_worker.sources.github.repository import RepositoryFacts, read_repository

REPOSITORIES_A_PAGE: Final = 100
LISTED_AGAIN: Final = 2  # times, where a repository came or went meanwhile

EXCLUDED: Final = "excluded"
ARCHIVED: Final = "archived"
FORK: Final = "fork"


@frozen(kw_only=True)
class Choice:
    """Which of an owner's repositories are read: those of a pattern, without those left out."""

    pattern: str
    exclude: tuple[str, ...] = ()
    archived: bool = True
    forks: bool = False
    named_elsewhere: tuple[str, ...] = ()  # repositories that the policy names by themselves

    @property
    def owner(self) -> str:
        """Return whose repositories they are."""
        return self.pattern.partition("/")[0]

    def reason_against(self, repository: RepositoryFacts) -> str | None:
        """Return why a repository of the pattern is not read, or None."""
        if any(matches(pattern, repository.name) for pattern in self.exclude):
            return EXCLUDED
        if repository.is_archived and not self.archived:
            return ARCHIVED
        return FORK if repository.is_fork and not self.forks else None

    def covers(self, name: str) -> bool:
        """Say whether the pattern means a repository of this name, and nothing excludes it."""
        is_named = name.casefold() in {found.casefold() for found in self.named_elsewhere}
        is_excluded = any(matches(pattern, name) for pattern in self.exclude)
        return matches(self.pattern, name) and not is_named and not is_excluded


class GithubDirectory:
    """A pattern of repositories; a SourceDirectory."""

    def __init__(
        self,
        *,
        client: GithubClient,
        source: str,
        choice: Choice,
        streams: Iterable[str],
        make_source: Callable[[str], ActivitySource],
    ) -> None:
        """Name the repositories; nothing is asked yet. `make_source` makes the source of one of them."""
        self._client = client
        self._source = source
        self._choice = choice
        self._streams = tuple(streams)
        self._make_source = make_source

    def list_streams(self) -> tuple[StreamRef, ...]:
        """Ask GitHub for the owner's repositories, and return the streams of those that are chosen.

        Raises: GithubNotFound, GithubCountDiffers; SourceUnavailable, GithubRefusals.
        """
        reading = self._client.reading(self._choice.owner)
        return tuple(
            StreamRef(source=self._source, source_ref=repository.name, stream=name)
            for repository, reason in list_repositories(reading, self._choice)
            if reason is None
            for name in self._streams
        )

    def find_source(self, stream: StreamRef) -> ActivitySource | None:
        """Return the source of a repository that the pattern means."""
        is_ours = stream.source == self._source and stream.stream in self._streams
        return (
            self._make_source(stream.source_ref)
            if is_ours and self._choice.covers(stream.source_ref)
            else None
        )


def list_repositories(reading: Reading, choice: Choice) -> list[tuple[RepositoryFacts, str | None]]:
    """Return the repositories that the pattern means, by name, each with why it is not read, if it isn't.

    Raises: GithubNotFound, GithubCountDiffers; SourceUnavailable, GithubRefusals.
    """
    for again in range(LISTED_AGAIN, -1, -1):
        found, total = _all_repositories(reading, choice.owner)
        if len(found) == total:
            break
        if not again:
            raise GithubCountDiffers(choice.owner, what="repositories", seen=len(found), independent=total)
    named = {name.casefold() for name in choice.named_elsewhere}
    return [
        (repository, choice.reason_against(repository))
        for repository in sorted(found.values(), key=lambda repository: repository.name)
        if matches(choice.pattern, repository.name) and repository.name.casefold() not in named
    ]


def matches(pattern: str, name: str) -> bool:
    """Say whether a name is of a pattern, in which `*` is any text and `?` any letter; case is nothing."""
    parts = (".*" if letter == "*" else "." if letter == "?" else re.escape(letter) for letter in pattern)
    return re.fullmatch("".join(parts), name, re.IGNORECASE | re.ASCII) is not None


def _all_repositories(reading: Reading, owner: str) -> tuple[dict[int, RepositoryFacts], int]:
    found: dict[int, RepositoryFacts] = {}
    total = 0
    for page_total, repository in _listed(reading, owner):
        total = page_total
        if repository is not None:
            found[repository.number] = repository
    return found, total


def _listed(reading: Reading, owner: str) -> Iterator[tuple[int, RepositoryFacts | None]]:
    after: str | None = None
    while True:
        data = reading.page(
            queries.REPOSITORIES, most=REPOSITORIES_A_PAGE, what=owner, owner=owner, after=after
        )
        listed = data.find_fields("repositoryOwner")
        if listed is None:
            raise GithubNotFound(owner)
        page = read_page(listed.fields("items"), after=after)
        yield page.total, None
        for node in page.nodes:
            yield page.total, read_repository(node)
        after = page.next
        if after is None:
            return

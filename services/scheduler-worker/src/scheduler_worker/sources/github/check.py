"""Looking before collecting: which repositories the credentials see, and what reading them will cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from attrs import field, frozen

from ledger_core.domain.instant import instant_text
from ledger_core.errors import LedgerError, SourceUnavailable
from ledger_core.ports.watcher import Counted, Watcher
from scheduler_worker.sources.github import queries, stream_names
from scheduler_worker.sources.github.client import GithubClient, Reading
from scheduler_worker.sources.github.directory import Choice, list_repositories
from scheduler_worker.sources.github.fields import Fields
from scheduler_worker.sources.github.item_streams import ITEM_STREAMS
from scheduler_worker.sources.github.repository import RepositoryFacts, find_repository, found_node

# Beside its pages a stream's reading asks for the repository, for its name of the moment, and for a count.
FIXED_POINTS: Final = 3
COUNT_POINTS: Final = 2  # a second count, and the name again
COMMIT_PAGE_POINTS: Final = 2
COMMITS_A_PAGE: Final = 100
RELEASES_A_PAGE: Final = 100
_COUNTED_AS: Final = {
    stream_names.ISSUES: stream_names.ISSUES,
    stream_names.ISSUE_COMMENTS: stream_names.ISSUES,
    stream_names.DISCUSSIONS: stream_names.DISCUSSIONS,
    stream_names.DISCUSSION_COMMENTS: stream_names.DISCUSSIONS,
}  # all others as pull requests


@frozen(kw_only=True)
class Rights:
    """What the credentials for an owner may do: scopes (None: GitHub does not tell), and the hourly limit."""

    owner: str
    scopes: str | None = None
    points_an_hour: int | None = None
    points_left: int | None = None
    problem: str | None = None


@frozen(kw_only=True)
class CheckedRepository:
    """A repository as the credentials see it.

    Units: points of the hourly limit: `first_points` to read it from its beginning, `window_points` for
           what was touched since the window began, each counted from the totals that GitHub tells.
    Holds: `left_out` is why the policy does not read it, `problem` why it can't be.
    """

    name: str
    is_private: bool | None = None
    items: Mapping[str, int] = field(factory=dict)
    first_points: int = 0
    window_points: int = 0
    left_out: str | None = None
    problem: str | None = None


@frozen(kw_only=True)
class _Seen:
    """A repository to look at: named in the policy, or listed by a pattern, with its facts."""

    owner: str
    name: str
    facts: RepositoryFacts | None = None


@frozen(kw_only=True)
class CheckReport:
    """What a check found."""

    rights: tuple[Rights, ...]
    repositories: tuple[CheckedRepository, ...]

    @property
    def is_readable(self) -> bool:
        """Say whether everything that the policy names can be read."""
        problems = [found.problem for found in self.rights] + [found.problem for found in self.repositories]
        return all(problem is None for problem in problems)


def check_github(
    client: GithubClient,
    *,
    repos: Iterable[str],
    choices: Iterable[Choice],
    streams: Iterable[str],
    window_start: datetime,
    watcher: Watcher,
) -> CheckReport:
    """Return what the credentials see of the named repositories and patterns; nothing is collected.

    A refusal or an outage becomes the problem of what it hit, and the rest is checked all the same. Patterns are
    listed first: from then on it is known how many repositories there are to look at.
    """
    wanted, patterns = tuple(streams), tuple(choices)
    named = [_Seen(owner=name.partition("/")[0], name=name) for name in repos]
    steps: list[_Seen | CheckedRepository] = [*named]
    for choice in patterns:
        watcher.tell(choice.pattern)
        steps += _listed(client, choice)
    total = sum(isinstance(each, _Seen) for each in steps)
    counted = Counted(watcher, total=total, what="repositories")
    looked_at = [
        _looked_at(client, each, wanted, window_start=window_start)
        for each in counted.of(each for each in steps if isinstance(each, _Seen))
    ]
    rest = iter(looked_at)
    owners: dict[str, str] = {}
    for owner in (*(each.owner for each in named), *(choice.owner for choice in patterns)):
        owners.setdefault(owner.casefold(), owner)
    asked = Counted(watcher, total=len(owners), what="owners").of(owners.values())
    return CheckReport(
        rights=tuple(_rights(client, owner) for owner in asked),
        repositories=tuple(next(rest) if isinstance(each, _Seen) else each for each in steps),
    )


def problem_of(error: LedgerError | SourceUnavailable) -> str:
    """Return `code: sentence`."""
    code = error.code if isinstance(error, LedgerError) else "source-unavailable"
    return f"{code}: {error}"


def _listed(client: GithubClient, choice: Choice) -> list[_Seen | CheckedRepository]:
    """Return what a pattern has: repositories to look at, and those that are left out or a problem already."""
    try:
        listed = list_repositories(client.reading(choice.owner), choice)
    except (LedgerError, SourceUnavailable) as error:
        return [CheckedRepository(name=choice.pattern, problem=problem_of(error))]
    return [
        _Seen(owner=choice.owner, name=repository.name, facts=repository)
        if reason is None
        else CheckedRepository(name=repository.name, is_private=repository.is_private, left_out=reason)
        for repository, reason in listed
    ]


def _looked_at(
    client: GithubClient, seen: _Seen, streams: tuple[str, ...], *, window_start: datetime
) -> CheckedRepository:
    reading = client.reading(seen.owner)
    try:
        facts = find_repository(reading, seen.name) if seen.facts is None else seen.facts
        return _checked(reading, facts, streams, window_start=window_start)
    except (LedgerError, SourceUnavailable) as error:
        return CheckedRepository(name=seen.name, problem=problem_of(error))


def _rights(client: GithubClient, owner: str) -> Rights:
    try:
        told, headers = client.reading(owner).rest("/rate_limit", what="the rate limit")
        limit = Fields(told, "limits").fields("resources").fields("graphql")
        return Rights(
            owner=owner,
            scopes=headers.get("x-oauth-scopes"),
            points_an_hour=limit.whole("limit"),
            points_left=limit.whole("remaining"),
        )
    except (LedgerError, SourceUnavailable) as error:
        return Rights(owner=owner, problem=problem_of(error))


def _checked(
    reading: Reading, repository: RepositoryFacts, streams: tuple[str, ...], *, window_start: datetime
) -> CheckedRepository:
    volume = _volume(reading, repository)
    touched = _touched(reading, repository, window_start)
    return CheckedRepository(
        name=repository.name,
        is_private=repository.is_private,
        items=volume,
        first_points=sum(_points(stream, volume, volume) for stream in streams),
        window_points=sum(_points(stream, touched, volume) for stream in streams),
    )


def _volume(reading: Reading, repository: RepositoryFacts) -> dict[str, int]:
    data = reading.query(queries.VOLUME, what=repository.name, repository=repository.node)
    node = found_node(data, repository)
    volume = {
        name: node.fields(field_name).whole("totalCount")
        for name, field_name in (
            (stream_names.PULL_REQUESTS, "pullRequests"),
            (stream_names.ISSUES, "issues"),
            (stream_names.DISCUSSIONS, "discussions"),
            (stream_names.RELEASES, "releases"),
        )
    }
    branch = node.find_fields("defaultBranchRef")
    target = None if branch is None else branch.find_fields("target")
    return volume | {
        stream_names.COMMITS: 0 if target is None else target.fields("history").whole("totalCount")
    }


def _touched(reading: Reading, repository: RepositoryFacts, since: datetime) -> dict[str, int]:
    span = f"repo:{repository.name} updated:>={instant_text(since)}"
    data = reading.query(
        queries.TOUCHED,
        what=repository.name,
        pulls=f"is:pr {span}",
        issues=f"is:issue {span}",
        discussions=span,
    )
    return {
        stream_names.PULL_REQUESTS: data.fields("pulls").whole("issueCount"),
        stream_names.ISSUES: data.fields("issues").whole("issueCount"),
        stream_names.DISCUSSIONS: data.fields("discussions").whole("discussionCount"),
        stream_names.COMMITS: 0,  # no search counts a branch's; a page holds a hundred
    }


def _points(stream: str, items: Mapping[str, int], volume: Mapping[str, int]) -> int:
    """Return what one reading of a stream of so many items costs; releases are always listed whole."""
    if stream == stream_names.RELEASES:
        return FIXED_POINTS + max(1, _pages(volume[stream], RELEASES_A_PAGE))
    if stream == stream_names.COMMITS:
        return FIXED_POINTS + COMMIT_PAGE_POINTS * _pages(items[stream], COMMITS_A_PAGE)
    shape = ITEM_STREAMS[stream]
    kind = _COUNTED_AS.get(stream, stream_names.PULL_REQUESTS)
    # One page more: a walk of several goes over its top again.
    counts = 0 if shape.changing is None else COUNT_POINTS
    return FIXED_POINTS + counts + shape.page_points * (1 + _pages(items[kind], shape.page_items))


def _pages(items: int, a_page: int) -> int:
    return -(-items // a_page)

"""The second count: what GitHub's search says of the span that a walk covered, beside what the walk saw."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from ledger_core.domain.completeness import CompletenessCertificate, CompletenessCount
from ledger_core.domain.instant import instant_text, parse_instant
from scheduler_worker.sources.github import queries
from scheduler_worker.sources.github.client import Reading
from scheduler_worker.sources.github.cursors import Counts
from scheduler_worker.sources.github.item_streams import ItemCount, ItemStream
from scheduler_worker.sources.github.repository import RepositoryFacts, current_name

# The search index follows the data by seconds; what it lacks after these waits, it lacks.
RECOUNT_AFTER_SECONDS: Final = (2, 5, 10)
_SECOND: Final = timedelta(seconds=1)


def certify(
    reading: Reading,
    repository: RepositoryFacts,
    stream: ItemStream,
    counts: Counts,
    *,
    since: str | None,
    ends: str | None,
) -> CompletenessCertificate:
    """Return what a walk from the watermark `since` up to `ends` saw, counted again by search and totals.

    Holds:   a count that differs was asked for again, under the repository's name of that moment.
    Raises:  SourceUnavailable, GithubRefusals.
    """
    found: list[CompletenessCount] = []
    if ends is not None and (since is None or parse_instant(since) < parse_instant(ends)):
        always = ItemCount(
            what=stream.what, at=stream.counted_at, search=stream.search, search_key=stream.search_key
        )
        for count, early, late in (
            (always, counts.seen, counts.late),
            (stream.changing, counts.changing, counts.changing_late),
        ):
            if count is None:
                continue
            seen = len(early | {int(number) for number, at in late.items() if _is_before(at, ends)})
            search = f"{count.search} {_span(count.search_key, since, ends)}"
            independent = _counted(reading, repository, search, kind=stream.search_type, seen=seen)
            found.append(
                CompletenessCount(what=count.what, route="search", seen=seen, independent=independent)
            )
    if stream.children is not None:
        found.append(
            CompletenessCount(
                what=stream.children,
                route="totalCount",
                seen=counts.children_seen,
                independent=counts.children_total,
            )
        )
    return CompletenessCertificate(
        begins=since,
        ends=ends or since,
        pages=counts.pages,
        counts=tuple(found),
        skipped=dict(counts.skipped),
        skipped_actors=dict(counts.actors),
    )


def _counted(reading: Reading, repository: RepositoryFacts, search: str, *, kind: str, seen: int) -> int:
    count = -1
    for wait_seconds in _waits():
        if wait_seconds:
            reading.wait_a_moment(wait_seconds, "its search counts otherwise")
        name = current_name(reading, repository)
        data = reading.query(queries.COUNT, what=name, search=f"repo:{name} {search}", type=kind)
        field = "discussionCount" if kind == "DISCUSSION" else "issueCount"
        count = data.fields("search").whole(field)
        if count == seen:
            break
    return count


def _waits() -> Iterator[int]:
    yield 0
    yield from RECOUNT_AFTER_SECONDS


def _span(key: str, since: str | None, ends: str) -> str:
    """Return the half-open span in the search's own terms, whose bounds are both included, to the second."""
    if since is None:
        return f"{key}:<{ends}"
    return f"{key}:{since}..{instant_text(parse_instant(ends) - _SECOND)}"


def _is_before(text: str, end: str) -> bool:
    return parse_instant(text) < parse_instant(end)

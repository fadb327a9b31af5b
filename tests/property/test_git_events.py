"""The git source on histories and texts that nobody would think of."""

from __future__ import annotations

import hashlib
import tempfile
import tracemalloc
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice, repeat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.identifiers import StreamRef, is_identifier
from scheduler_worker.sources.git.commit_events import EventMaker, email_identity, parse_coauthor
from scheduler_worker.sources.git.commit_reader import MAX_FIELD_BYTES, Commit, read_commits
from scheduler_worker.sources.git.cursor import cursor_text, parse_cursor
from scheduler_worker.sources.git.git_source import GitSource
from scheduler_worker.sources.git.refusals import GitOutputUnreadable
from tests.git_repositories import FIRST_SECOND, GitRepository

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STREAM = StreamRef(source="git", source_ref="acme/anvil", stream="commits")
MAKER = EventMaker(source_ref="a" * 100, commit_url="https://example.org/c/", producer_version="1")

# Bytes as they are, and such as mean something to a parser of commits.
TEXTS = st.binary(max_size=40) | st.lists(
    st.sampled_from(
        [b"<", b">", b"@", b" ", b"\n", b"\r", b"\x1f", b"\xff", "é\u3000\u2028😀".encode(), b"a", b"B"]
    ),
    max_size=12,
).map(b"".join)
LONG_TEXTS = TEXTS | st.builds(lambda text, times: text * times, TEXTS, st.integers(0, 60))
FIELDS = LONG_TEXTS.map(lambda text: text.replace(b"\0", b"?"))
TIMES = st.integers(0, 10**12).map(lambda seconds: b"%d" % seconds) | TEXTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A commit: which of the earlier ones are its parents, how far its clock is off, whether it is a tip."""

    parents: tuple[int, ...]
    seconds_off: int
    is_tip: bool


def steps(most_seconds_off: int) -> st.SearchStrategy[list[Step]]:
    return st.lists(
        st.builds(
            Step,
            parents=st.lists(st.integers(0, 30), max_size=3).map(tuple),
            seconds_off=st.integers(-most_seconds_off, most_seconds_off),
            is_tip=st.booleans(),
        ),
        min_size=1,
        max_size=25,
    )


def growth(repository: GitRepository, history: list[Step]) -> tuple[list[str], dict[str, frozenset[str]]]:
    """Write the history; return the branch's tips, one after another, and all commits with their ancestors."""
    commits: list[str] = []
    reached: dict[str, frozenset[str]] = {}
    tips: list[str] = []
    for number, step in enumerate(history):
        chosen = [commits[-1 - parent] for parent in step.parents if parent < len(commits)]
        is_tip = step.is_tip or number == len(history) - 1
        if is_tip and tips:
            chosen.append(tips[-1])  # a branch that only grows
        parents = tuple(dict.fromkeys(chosen))
        seconds = FIRST_SECOND + 10 * number + step.seconds_off
        commit = repository.commit(b"%d\n" % number, parents=parents, seconds=seconds)
        commits.append(commit)
        reached[commit] = frozenset({commit}).union(*(reached[parent] for parent in parents))
        if is_tip:
            tips.append(commit)
    return tips, reached


def collect_with_stops(
    repository: GitRepository, tips: list[str], *, page_commits: int, stops: list[int]
) -> tuple[list[ActivityEvent], list[frozenset[str]]]:
    """Collect while the branch grows, each time giving up after some pages, the last time not."""
    source = GitSource(
        name="acme/anvil", path=repository.folder, clock=lambda: NOW, page_commits=page_commits
    )
    events: list[ActivityEvent] = []
    told: list[frozenset[str]] = []
    cursor: str | None = None
    for number, tip in enumerate(tips):
        repository.point("main", tip)
        last = number == len(tips) - 1
        pages_read = None if last else stops[number % len(stops)]
        for page in islice(source.pages(STREAM, cursor, until=NOW), pages_read):
            events += page.events
            cursor = page.cursor
            told.append(frozenset(str(event.metadata["sha"]) for event in events))
            if not last:
                assert parse_cursor(cursor) <= told[-1]
    return events, told


@settings(max_examples=25, deadline=None)
@given(steps(0), st.integers(1, 6), st.lists(st.integers(0, 4), min_size=1, max_size=5))
def test_any_stops_and_growth_tell_each_commit_exactly_once(
    history: list[Step], page_commits: int, stops: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        repository = GitRepository(Path(folder) / "anvil.git")
        tips, reached = growth(repository, history)
        events, told = collect_with_stops(repository, tips, page_commits=page_commits, stops=stops)

    assert len({event.id for event in events}) == len(events)
    assert {event.metadata["sha"] for event in events} == reached[tips[-1]]
    assert all(reached[sha] <= seen for seen in told for sha in seen), "each page is closed under ancestry"


@settings(max_examples=25, deadline=None)
@given(steps(1_000), st.integers(1, 6), st.lists(st.integers(0, 4), min_size=1, max_size=5))
def test_with_any_clocks_no_commit_is_lost_and_none_changes(
    history: list[Step], page_commits: int, stops: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        repository = GitRepository(Path(folder) / "anvil.git")
        tips, reached = growth(repository, history)
        events, told = collect_with_stops(repository, tips, page_commits=page_commits, stops=stops)

    assert len({event.id for event in events}) == len({(event.id, event.payload_hash) for event in events})
    assert {event.metadata["sha"] for event in events} == reached[tips[-1]]
    assert all(reached[sha] <= seen for seen in told for sha in seen), "each page is closed under ancestry"


@settings(deadline=None)
@given(FIELDS, FIELDS, TIMES, FIELDS, TIMES, FIELDS, st.lists(FIELDS, max_size=5), st.integers(0, 100))
def test_any_bytes_make_valid_events_or_a_counted_reason(
    name: bytes, email: bytes, author_time: bytes, committer: bytes, time: bytes, subject: bytes,
    trailers: list[bytes], parents: int,
) -> None:  # fmt: skip
    commit = Commit(
        sha="a" * 64,
        parents=("b" * 64,) * parents,
        author_name=name,
        author_email=email,
        author_time=author_time,
        committer_name=committer,
        committer_email=committer,
        committer_time=time,
        subject=subject,
        trailers=tuple(trailers),
        trailers_cut=False,
    )
    made = MAKER.events(commit, retrieved_at=NOW)

    ids = [event.id for event in made.events]
    people = [event.platform_user_id for event in made.events]
    assert len(set(ids)) == len(ids)
    assert len(set(people)) == len(people)
    assert len(made.events) + len(made.skipped) <= 1 + len(trailers)
    assert made.events or made.skipped == ("invalid-commit-date",)
    assert made == MAKER.events(commit, retrieved_at=NOW)


@settings(deadline=None)
@given(TEXTS)
def test_a_coauthors_identity_is_an_identifier_and_its_hash_is_of_the_lowered_address(value: bytes) -> None:
    person = parse_coauthor(value)

    if person is not None:
        identity = email_identity(person.email)
        assert identity is not None
        assert is_identifier(identity)
        assert email_identity(person.email.swapcase()) == identity
        assert b"<" not in person.email


def test_the_hash_of_a_coauthor_can_be_checked_by_hand() -> None:
    expected = hashlib.sha256(b"bob@example.org").hexdigest()[:16]

    assert expected == "686b5e4cf4f963ad"  # printf bob@example.org | sha256sum | cut -c-16


@settings(deadline=None)
@given(st.sets(st.integers(0, 16**40 - 1).map(lambda number: f"{number:040x}"), min_size=1, max_size=50))
def test_a_cursor_is_read_as_it_was_written(tips: set[str]) -> None:
    assert parse_cursor(cursor_text(tips)) == tips


@settings(deadline=None)
@given(st.lists(st.lists(TEXTS, min_size=7, max_size=7), max_size=4), st.integers(1, 50))
def test_how_the_output_is_cut_into_chunks_changes_nothing(
    texts: list[list[bytes]], chunk_bytes: int
) -> None:
    output = b""
    for an, ae, at, cn, ce, ct, subject in texts:
        fields = [b"a" * 40, b"b" * 40, an, ae, at, cn, ce, ct, subject, b"Bob <b>\n"]
        output += b"".join(field.replace(b"\0", b"?") + b"\0" for field in fields)
    chunks = [output[start : start + chunk_bytes] for start in range(0, len(output), chunk_bytes)]

    whole = list(read_commits([output] if output else []))

    assert list(read_commits(chunks)) == whole
    assert [commit.subject for commit in whole] == [text[6].replace(b"\0", b"?") for text in texts]


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        (b"a" * 40, "within a field"),
        (b"a" * 40 + b"\0", "within a commit"),
        (b"main" + b"\0" * 10, "a commit's id"),
        (b"a" * 40 + b"\0" + b"b" * 64 + b"\0" * 9, "a parent's id"),
    ],
)
def test_output_that_is_not_what_was_asked_for_is_refused(output: bytes, problem: str) -> None:
    with pytest.raises(GitOutputUnreadable, match=problem) as refused:
        list(read_commits([output]))

    assert refused.value.code == "git-output-unreadable"


def test_a_field_without_end_is_read_in_bounded_memory() -> None:
    chunk = b"x" * (1 << 18)
    output = chain([b"a" * 40 + b"\0" * 8], repeat(chunk, 128), [b"\0Bob <bob@example.org>\n\0"])
    tracemalloc.start()
    try:
        (commit,) = read_commits(output)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert len(commit.subject) <= MAX_FIELD_BYTES + 1
    assert commit.trailers == (b"Bob <bob@example.org>",)
    assert peak_bytes < 8 * 2**20, "the field has 32 MiB"

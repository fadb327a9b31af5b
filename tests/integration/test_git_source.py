"""The git source reads real repositories: what it yields, in which pages, and what it refuses."""

from __future__ import annotations

import json
import os
import tempfile
import tracemalloc
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.errors import InvalidValue, LedgerError
from ledger_core.identifiers import StreamRef
from ledger_core.ports.activity_source import ActivityPage, ActivitySource
from scheduler_worker.sources.git import cursor as cursor_module
from scheduler_worker.sources.git.commit_reader import MAX_FIELD_BYTES
from scheduler_worker.sources.git.cursor import MAX_TIPS, cursor_text, parse_cursor
from scheduler_worker.sources.git.git_source import GitSource
from scheduler_worker.sources.git.refusals import (
    GitBranchNotFound,
    GitCursorInvalid,
    GitCursorTooLarge,
    GitFailed,
    GitHistoryRewritten,
    GitNotARepository,
    GitNotInstalled,
    GitObjectMissing,
    GitRepositoryShallow,
    GitScratchMissing,
)
from tests.git_repositories import FIRST_SECOND, GitRepository, run_git, write_long_history

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STREAM = StreamRef(source="git", source_ref="acme/anvil", stream="commits")
LONG = 20_000


def git_source(path: Path, **options: Any) -> GitSource:
    return GitSource(name="acme/anvil", path=path, clock=lambda: NOW, **options)


def collect(source: ActivitySource, cursor: str | None = None) -> list[ActivityPage]:
    return list(source.pages(STREAM, cursor, until=NOW))


def events_of(pages: Iterable[ActivityPage]) -> list[ActivityEvent]:
    return [event for page in pages for event in page.events]


def shas(pages: Iterable[ActivityPage]) -> list[str]:
    return [
        str(event.metadata["sha"]) for event in events_of(pages) if event.event_type != "commit_coauthored"
    ]


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "anvil.git")


@pytest.fixture(scope="module")
def long_history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("long") / "anvil.git"
    write_long_history(folder, commits=LONG)
    return folder


# --- what a commit becomes


def test_the_builder_writes_repositories_that_git_itself_accepts(repository: GitRepository) -> None:
    first, second = repository.chain(2)
    repository.point("main", repository.commit(parents=(first, second)))

    run_git("fsck", "--strict", cwd=repository.folder, home=repository.folder)


def test_a_commit_becomes_its_authors_event_at_the_committers_time(repository: GitRepository) -> None:
    parent = repository.commit()
    sha = repository.commit(
        b"Forge an anvil\n\nIt is heavy.\n",
        parents=(parent,),
        author=b"Ann Smith <Ann@Example.ORG>",
        committer=b"Bob <bob@example.org>",
        author_seconds=FIRST_SECOND - 500,
        seconds=FIRST_SECOND,
    )
    repository.point("main", sha)

    event = events_of(collect(git_source(repository.folder, commit_url="https://example.org/c/")))[1]

    assert event.id == f"git:commit:acme/anvil:{sha}"
    assert (event.source, event.event_type) == ("git", "commit_authored")
    assert (event.platform_user_id, event.platform_login) == ("ann@example.org", "Ann Smith")
    assert event.artifact_url == f"https://example.org/c/{sha}"
    assert event.event_time == datetime.fromtimestamp(FIRST_SECOND, UTC)
    assert event.retrieved_at == NOW
    assert event.metadata == {
        "author_email": "Ann@Example.ORG",
        "author_name": "Ann Smith",
        "author_time": FIRST_SECOND - 500,
        "committer_email": "bob@example.org",
        "committer_name": "Bob",
        "parent_count": 1,
        "parents": (parent,),
        "sha": sha,
        "subject": "Forge an anvil",
    }


def test_a_merge_is_a_merge_and_an_octopus_is_one_too(repository: GitRepository) -> None:
    roots = [repository.commit(b"Root %d\n" % number) for number in range(70)]
    merge = repository.commit(parents=roots[:2])
    repository.point("main", repository.commit(parents=(merge, *roots[2:])))

    merged = [
        event
        for event in events_of(collect(git_source(repository.folder)))
        if event.event_type == "commit_merged"
    ]

    assert [event.metadata["parent_count"] for event in merged] == [2, 69]
    assert len(str(merged[1].metadata["parents"]).split(",")) == 64


def test_co_authors_count_once_each_and_never_beside_themselves_as_author(repository: GitRepository) -> None:
    message = (
        b"Forge\n\nCo-authored-by: Bob <BOB@example.org>\nco-AUTHORED-by: Robert <bob@example.org>\n"
        b"Reviewed-by: Zoe <zoe@example.org>\nCo-authored-by: Ann again <ANN@example.org>\n"
        b"Co-authored-by: matklad\nCo-authored-by: <eve@example.org>\n"
    )
    sha = repository.commit(message)
    repository.point("main", sha)

    (page,) = collect(git_source(repository.folder))

    found = [(event.event_type, event.platform_user_id, event.platform_login) for event in page.events]
    assert found == [
        ("commit_authored", "ann@example.org", "Ann"),
        ("commit_coauthored", "bob@example.org", "Bob"),
        ("commit_coauthored", "eve@example.org", None),
    ]
    # printf bob@example.org | sha256sum | cut -c-16
    assert page.events[1].id == f"git:coauthor:acme/anvil:{sha}:686b5e4cf4f963ad"
    assert page.events[1].metadata["coauthor_name"] == "Bob"
    assert page.events[1].metadata["coauthor_email"] == "BOB@example.org"
    assert page.skipped == {"coauthor-without-email": 1}


@pytest.mark.parametrize(
    ("value", "person"),
    [
        (b"Bob <b> Miller <bob@example.org>", ("bob@example.org", "Bob <b> Miller")),
        (b"Bob <<bob@example.org>>", ("bob@example.org", "Bob <")),
        (b"Bob < bob@example.org > (he)", ("bob@example.org", "Bob")),
        (
            b"Bob\x1fCo-authored-by: Eve <bob@example.org>",
            ("bob@example.org", "Bob\ufffdCo-authored-by: Eve"),
        ),
        (b"Bob\n <bob@example.org>", ("bob@example.org", "Bob")),
    ],
)
def test_a_co_author_is_the_address_in_the_last_angle_brackets(
    repository: GitRepository, value: bytes, person: tuple[str, str]
) -> None:
    repository.point("main", repository.commit(b"Forge\n\nCo-authored-by: " + value + b"\n"))

    coauthors = events_of(collect(git_source(repository.folder)))[1:]

    assert [(event.platform_user_id, event.platform_login) for event in coauthors] == [person]


@pytest.mark.parametrize(
    "value", [b"Bob", b"Bob <>", b"Bob bob@example.org", b"Bob <bob@example.org", b"<" + b"b" * 256 + b">"]
)
def test_a_co_author_without_a_usable_address_is_counted(repository: GitRepository, value: bytes) -> None:
    repository.point("main", repository.commit(b"Forge\n\nCo-authored-by: " + value + b"\n"))

    (page,) = collect(git_source(repository.folder))

    assert len(page.events) == 1
    assert page.skipped == {"coauthor-without-email": 1}


def test_crlf_messages_keep_their_co_authors(repository: GitRepository) -> None:
    message = b"Forge\r\n\r\nBody\r\n\r\nCo-authored-by: Bob <bob@example.org>\r\nCo-authored-by: Eve <eve@example.org>\r\n"
    repository.point("main", repository.commit(message))

    people = [event.platform_user_id for event in events_of(collect(git_source(repository.folder)))]

    assert people == ["ann@example.org", "bob@example.org", "eve@example.org"]


def test_a_squash_merge_counts_the_last_block_of_trailers_once(repository: GitRepository) -> None:
    trailers = b"".join(b"Co-authored-by: Person %d <p%d@example.org>\n" % (n, n % 9) for n in range(40))
    message = b"Squash (#7)\n\n* one\n\nCo-authored-by: Bob <bob@example.org>\n\n* two\n\n" + trailers
    repository.point("main", repository.commit(message))

    coauthors = events_of(collect(git_source(repository.folder)))[1:]

    assert [event.platform_user_id for event in coauthors] == [
        f"p{number}@example.org" for number in range(9)
    ]


def test_more_co_authors_than_the_limit_are_counted_not_dropped_in_silence(repository: GitRepository) -> None:
    trailers = b"".join(b"Co-authored-by: P <p%d@example.org>\n" % number for number in range(1_003))
    repository.point("main", repository.commit(b"Forge\n\n" + trailers))

    (page,) = collect(git_source(repository.folder))

    assert len(page.events) == 1 + 1_000
    assert page.skipped == {"coauthor-beyond-limit": 3}


def test_a_trailer_block_beyond_the_field_limit_keeps_whole_trailers_only(repository: GitRepository) -> None:
    line = b"Co-authored-by: " + b"N" * 2_000 + b" <p%d@example.org>\n"
    lines = MAX_FIELD_BYTES // 2_000 + 50
    repository.point(
        "main", repository.commit(b"Forge\n\n" + b"".join(line % number for number in range(lines)))
    )

    (page,) = collect(git_source(repository.folder))

    whole = MAX_FIELD_BYTES // (2_000 + len(" <p100@example.org>\n"))
    assert abs(len(page.events) - 1 - whole) <= 1
    assert all(str(event.platform_user_id).endswith("@example.org") for event in page.events)
    assert page.skipped == {"coauthor-beyond-limit": 1}


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("ISO-8859-1", "Jürgen Groß"), ("Shift_JIS", "山田太郎"), ("UTF-8", "Zoë 🔨"), ("no-such-code", "Ann")],
)
def test_names_are_read_in_the_encoding_that_the_commit_tells(
    repository: GitRepository, encoding: str, name: str
) -> None:
    codec = "ascii" if encoding == "no-such-code" else encoding
    repository.point(
        "main",
        repository.commit(
            f"{name}\n\nCo-authored-by: {name} <x@example.org>\n".encode(codec),
            author=name.encode(codec) + b" <ann@example.org>",
            headers=f"encoding {encoding}\n".encode(),
        ),
    )

    events = events_of(collect(git_source(repository.folder)))

    assert [event.platform_login for event in events] == [name, name]
    assert events[0].metadata["subject"] == name


def test_bytes_that_are_no_text_become_replacement_characters(repository: GitRepository) -> None:
    repository.point(
        "main", repository.commit(b"\xff\xfe \xed\xa0\x80\n", author=b"A\xe9 <\xff@example.org>")
    )

    (event,) = events_of(collect(git_source(repository.folder)))

    # No identity: two addresses that differ in such a byte would look like one person's.
    assert (event.platform_login, event.platform_user_id) == ("A\ufffd", None)


def test_only_ascii_letters_are_lowered(repository: GitRepository) -> None:
    repository.point("main", repository.commit(author="Zoë <ZOË@EXAMPLE.ORG>".encode()))

    (event,) = events_of(collect(git_source(repository.folder)))

    assert event.platform_user_id == "zoË@example.org"


@pytest.mark.parametrize("author", [b"Ann <>", b" <>", b"<" + b"a" * 256 + b">"])
def test_an_author_without_a_usable_address_is_an_event_of_nobody(
    repository: GitRepository, author: bytes
) -> None:
    repository.point("main", repository.commit(author=author, committer=b"Bob <bob@example.org>"))

    (event,) = events_of(collect(git_source(repository.folder)))

    assert event.platform_user_id is None


@pytest.mark.parametrize("seconds", [0, -1, 253_402_300_800, b"99999999999999", b"9" * 40, b"soon", b""])
def test_a_commit_without_a_usable_date_is_counted_and_passed(
    repository: GitRepository, seconds: int | bytes
) -> None:
    first = repository.commit()
    broken = repository.commit(parents=(first,), seconds=seconds)
    last = repository.commit(parents=(broken,), author_seconds=seconds)
    repository.point("main", last)

    (page,) = collect(git_source(repository.folder))

    assert sorted(shas([page])) == sorted([first, last])
    assert page.skipped == {"invalid-commit-date": 1}
    assert page.events[-1].metadata["author_time"] is None
    assert parse_cursor(page.cursor) == {last}


@pytest.mark.parametrize("seconds", [1, 253_402_300_799])
def test_the_first_and_the_last_second_are_dates(repository: GitRepository, seconds: int) -> None:
    repository.point("main", repository.commit(seconds=seconds))

    (event,) = events_of(collect(git_source(repository.folder)))

    assert event.event_time.year in (1970, 9999)


def test_sha256_repositories_are_read(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "anvil.git", object_format="sha256")
    chain = repository.chain(5)
    repository.point("main", chain[2])
    source = git_source(repository.folder, page_commits=2)
    first = collect(source)
    repository.point("main", chain[4])
    second = collect(source, first[-1].cursor)

    assert shas(first) + shas(second) == chain
    assert len(chain[0]) == 64


def test_two_readings_give_equal_events(repository: GitRepository) -> None:
    chain = repository.chain(20)
    repository.point("main", repository.commit(parents=(chain[5], chain[19])))

    assert collect(git_source(repository.folder)) == collect(git_source(repository.folder))


# --- where a repository may lie


def test_bare_mirror_work_tree_subfolder_and_linked_work_tree_give_the_same(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "anvil.git")
    chain = repository.chain(3)
    repository.point("main", chain[-1])
    run_git("clone", "--quiet", "--mirror", "anvil.git", "mirror.git", cwd=tmp_path, home=tmp_path)
    run_git("clone", "--quiet", "anvil.git", "tree", cwd=tmp_path, home=tmp_path)
    run_git("worktree", "add", "--quiet", "-b", "other", "../linked", cwd=tmp_path / "tree", home=tmp_path)
    (tmp_path / "tree" / "deep" / "er").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "tree" / "deep")
    places = ("anvil.git", "mirror.git", "tree", "tree/deep/er", "tree/.git", "linked", "link")

    found = {place: shas(collect(git_source(tmp_path / place))) for place in places}

    assert found == dict.fromkeys(places, chain)


def test_objects_borrowed_from_another_repository_are_read(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "anvil.git")
    chain = repository.chain(3)
    repository.point("main", chain[-1])
    run_git("clone", "--quiet", "--bare", "--shared", "anvil.git", "shared.git", cwd=tmp_path, home=tmp_path)

    assert shas(collect(git_source(tmp_path / "shared.git"))) == chain


def test_a_branch_is_heads_by_default_else_the_one_named(repository: GitRepository) -> None:
    chain = repository.chain(4)
    repository.point("main", chain[0])
    repository.point("release/1.0", chain[1])
    repository.point("v1-gabcdef1", chain[2])
    (repository.folder / "refs" / "remotes" / "origin").mkdir(parents=True)
    (repository.folder / "refs" / "remotes" / "origin" / "main").write_text(chain[3] + "\n")

    def last(branch: str | None) -> str:
        return shas(collect(git_source(repository.folder, branch=branch)))[-1]

    branches = (None, "release/1.0", "v1-gabcdef1", "refs/remotes/origin/main")
    assert [last(branch) for branch in branches] == chain


def test_a_detached_head_is_read(repository: GitRepository) -> None:
    chain = repository.chain(2)
    (repository.folder / "HEAD").write_text(chain[0] + "\n")

    assert shas(collect(git_source(repository.folder))) == chain[:1]


def test_an_annotated_tag_is_read_as_its_commit(repository: GitRepository) -> None:
    sha = repository.commit()
    tag = repository.write_object(
        "tag", f"object {sha}\ntype commit\ntag v1\ntagger A <a@b> 1 +0000\n\nv1\n".encode()
    )
    (repository.folder / "refs" / "tags").mkdir()
    (repository.folder / "refs" / "tags" / "v1").write_text(tag + "\n")
    source = git_source(repository.folder, branch="refs/tags/v1")
    pages = collect(source)

    assert shas(pages) == [sha]
    assert collect(source, pages[-1].cursor) == []


# --- pages and cursors


def test_nothing_new_gives_no_page(repository: GitRepository) -> None:
    repository.point("main", repository.chain(3)[-1])
    source = git_source(repository.folder)

    assert collect(source, collect(source)[-1].cursor) == []


def test_pages_hold_the_asked_number_of_commits_and_end_at_the_tip(repository: GitRepository) -> None:
    chain = repository.chain(7)
    repository.point("main", chain[-1])
    pages = collect(git_source(repository.folder, page_commits=3))

    assert [len(page.events) for page in pages] == [3, 3, 1]
    assert [parse_cursor(page.cursor) for page in pages] == [{chain[2]}, {chain[5]}, {chain[6]}]
    assert pages[-1].cursor == json.dumps({"format": 1, "tips": [chain[-1]]}, separators=(",", ":"))


def test_a_page_ends_early_when_its_commits_have_very_many_co_authors(repository: GitRepository) -> None:
    trailers = b"".join(b"Co-authored-by: P <p%d@example.org>\n" % number for number in range(999))
    parent: tuple[str, ...] = ()
    for _ in range(12):
        parent = (repository.commit(b"Forge\n\n" + trailers, parents=parent),)
    repository.point("main", parent[0])

    assert [len(page.events) for page in collect(git_source(repository.folder))] == [10_000, 2_000]


def test_commits_that_are_pushed_late_and_back_dated_are_found(repository: GitRepository) -> None:
    base, tip = repository.chain(2)
    repository.point("main", tip)
    source = git_source(repository.folder)
    cursor = collect(source)[-1].cursor
    late = repository.commit(b"Written years ago\n", parents=(base,), seconds=FIRST_SECOND - 10**8)
    merge = repository.commit(parents=(tip, late))
    repository.point("main", merge)

    assert sorted(shas(collect(source, cursor))) == sorted([late, merge])


def test_many_back_dated_commits_on_top_are_no_rewritten_history(repository: GitRepository) -> None:
    base = repository.chain(5)[-1]
    repository.point("main", base)
    source = git_source(repository.folder)
    cursor = collect(source)[-1].cursor
    back_dated = []
    parent = base
    for second in range(40, 20, -1):
        parent = repository.commit(parents=(parent,), seconds=second)
        back_dated.append(parent)
    repository.point("main", parent)

    assert shas(collect(source, cursor)) == back_dated


def test_where_clocks_were_far_off_commits_may_come_again_but_never_change_or_get_lost(
    repository: GitRepository,
) -> None:
    base = repository.chain(5)
    seen = base[-1]
    for second in range(40, 20, -1):
        seen = repository.commit(parents=(seen,), seconds=second)
    repository.point("main", seen)
    source = git_source(repository.folder, page_commits=3)
    pages = collect(source)
    before = {event.id: event for event in events_of(pages)}
    side = repository.commit(parents=(base[-1],))
    merge = repository.commit(parents=(seen, side))
    repository.point("main", merge)
    after = collect(source, pages[-1].cursor)

    again = [event for event in events_of(after) if event.id in before]
    assert set(shas(after)) >= {side, merge}
    assert again, "git looks only a little further than the oldest new commit; when it learns more, say so"
    assert all(event == before[event.id] for event in again)
    assert parse_cursor(after[-1].cursor) == {merge}


def test_a_walk_that_stops_after_any_page_resumes_without_loss_or_doubles(repository: GitRepository) -> None:
    left, right = repository.chain(6), repository.chain(6)
    middle = repository.commit(parents=(left[2], right[3]))
    repository.point("main", repository.commit(parents=(left[5], middle, right[5])))
    source = git_source(repository.folder, page_commits=2)
    whole = collect(source)

    for stop in range(1, len(whole)):
        assert events_of(whole[:stop]) + events_of(collect(source, whole[stop - 1].cursor)) == events_of(
            whole
        )


def test_a_walk_that_stops_resumes_after_the_branch_moved_on(repository: GitRepository) -> None:
    left, right = repository.chain(6), repository.chain(6)
    merge = repository.commit(parents=(left[5], right[5]))
    repository.point("main", merge)
    source = git_source(repository.folder, page_commits=2)
    first = next(source.pages(STREAM, None, until=NOW))
    newer = repository.commit(parents=(merge,))
    repository.point("main", newer)

    found = shas([first, *collect(source, first.cursor)])

    assert sorted(found) == sorted([*left, *right, merge, newer])


def test_no_more_than_a_page_is_held(long_history: Path) -> None:
    pages = git_source(long_history, page_commits=250).pages(STREAM, None, until=NOW)

    def peak_bytes(count: int) -> int:
        for page in islice(pages, count):
            assert len(page.events) >= 250
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    try:
        early, late = peak_bytes(3), peak_bytes(9)
    finally:
        tracemalloc.stop()
        pages.close()  # type: ignore[attr-defined]

    assert early < 5 * 2**20
    assert late < 2 * early, "each page takes about 1 MiB; holding nine more would show"


def test_closing_the_pages_early_ends_git_and_leaves_nothing_behind(
    long_history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    pages = git_source(long_history, page_commits=10).pages(STREAM, None, until=NOW)
    next(pages)
    running = _git_children()
    pages.close()  # type: ignore[attr-defined]

    assert len(running) == 1
    assert _git_children() == []
    assert list(tmp_path.iterdir()) == []


def _git_children() -> list[str]:
    mine = f") S {os.getpid()} ", f") R {os.getpid()} ", f") D {os.getpid()} "
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if "(git)" in text and any(part in text for part in mine):
            found.append(text)
    return found


# --- what is refused, and what is not


def test_an_empty_repository_yields_nothing_whatever_branch_is_asked(repository: GitRepository) -> None:
    assert collect(git_source(repository.folder)) == []
    assert collect(git_source(repository.folder, branch="release")) == []


@pytest.mark.parametrize(
    "branch", ["release", "main~0", "main^{commit}", "main@{0}", "../../HEAD", "-x", "HEAD", "ma*"]
)
def test_a_branch_that_is_not_there_is_refused(repository: GitRepository, branch: str) -> None:
    repository.point("main", repository.chain(2)[-1])

    with pytest.raises(GitBranchNotFound) as refused:
        collect(git_source(repository.folder, branch=branch))

    assert refused.value.code == "git-branch-not-found"
    assert refused.value.branch == f"refs/heads/{branch}"


def test_a_head_without_commits_beside_other_branches_is_refused(repository: GitRepository) -> None:
    repository.point("trunk", repository.commit())

    with pytest.raises(GitBranchNotFound, match="acme/anvil has no branch HEAD"):
        collect(git_source(repository.folder))


def test_a_broken_ref_is_not_taken_for_an_empty_repository(repository: GitRepository) -> None:
    repository.point("main", "zzzz")

    with pytest.raises(GitBranchNotFound):
        collect(git_source(repository.folder))


def test_refs_that_git_cannot_read_are_refused_with_its_words(repository: GitRepository) -> None:
    (repository.folder / "packed-refs").write_text("what is this\n")

    with pytest.raises(GitFailed, match="packed-refs") as refused:
        collect(git_source(repository.folder))

    assert refused.value.code == "git-failed"


def test_a_folder_without_repository_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / ".git").write_text("gitdir: nowhere\n")
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / ".git").write_text("what?\n")

    for place in (".", "missing", "file", "broken", "strange"):
        with pytest.raises(GitNotARepository) as refused:
            collect(git_source(tmp_path / place))
        assert refused.value.code == "git-not-a-repository"


def test_a_repository_of_an_unknown_kind_is_refused(repository: GitRepository) -> None:
    repository.configure("[core]\n\trepositoryformatversion = 1\n[extensions]\n\tfuture = true\n")

    with pytest.raises(GitNotARepository, match="extension"):
        collect(git_source(repository.folder))


def test_a_shallow_clone_is_refused(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "anvil.git")
    repository.point("main", repository.chain(5)[-1])
    url = f"file://{repository.folder}"
    run_git("clone", "--quiet", "--depth=2", url, "shallow", cwd=tmp_path, home=tmp_path)

    with pytest.raises(GitRepositoryShallow) as refused:
        collect(git_source(tmp_path / "shallow"))

    assert refused.value.code == "git-repository-shallow"


@pytest.mark.parametrize("position", [0, 3, 9])
@pytest.mark.parametrize("damage", ["remove", "truncate"])
def test_a_missing_or_damaged_commit_is_refused(
    repository: GitRepository, position: int, damage: str
) -> None:
    chain = repository.chain(10)
    repository.point("main", chain[-1])
    lost = repository.object_path(chain[position])
    if damage == "remove":
        lost.unlink()
    else:
        lost.write_bytes(lost.read_bytes()[:10])

    with pytest.raises(GitObjectMissing) as refused:
        collect(git_source(repository.folder, page_commits=2))

    assert refused.value.code == "git-object-missing"
    assert chain[position] in str(refused.value)


def test_without_git_the_refusal_says_so(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    repository.point("main", repository.commit())
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))

    with pytest.raises(GitNotInstalled) as refused:
        collect(git_source(repository.folder))

    assert refused.value.code == "git-not-installed"


def test_without_a_folder_for_temporary_files_the_refusal_says_so(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A read-only container has none: that is refused, and not tried again for hours."""
    repository.point("main", repository.commit())
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nothing"))

    with pytest.raises(GitScratchMissing) as refused:
        collect(git_source(repository.folder))

    assert refused.value.code == "git-scratch-missing"
    assert "make /tmp writable" in str(refused.value)


# --- rewritten history


def rewritten(repository: GitRepository) -> tuple[list[str], list[str]]:
    """Write five commits, and the last three of them anew on the first two."""
    old = repository.chain(5)
    return old, [*old[:2], *repository.chain(3, parent=old[1])]


def test_a_rewritten_history_is_refused_with_both_tips(repository: GitRepository) -> None:
    old, new = rewritten(repository)
    repository.point("main", old[-1])
    source = git_source(repository.folder)
    cursor = collect(source)[-1].cursor
    repository.point("main", new[-1])

    with pytest.raises(GitHistoryRewritten, match="accept_rewrites = true") as refused:
        collect(source, cursor)

    assert refused.value.code == "git-history-rewritten"
    assert (refused.value.old_tips, refused.value.new_tip) == ((old[-1],), new[-1])


def test_a_branch_that_moved_back_is_a_rewritten_history(repository: GitRepository) -> None:
    old, _ = rewritten(repository)
    repository.point("main", old[-1])
    source = git_source(repository.folder)
    cursor = collect(source)[-1].cursor
    repository.point("main", old[1])

    with pytest.raises(GitHistoryRewritten):
        collect(source, cursor)
    assert [
        len(page.events) for page in collect(git_source(repository.folder, accept_rewrites=True), cursor)
    ] == [0]


def test_a_history_that_vanished_is_a_rewritten_history(repository: GitRepository) -> None:
    repository.point("main", repository.commit())
    source = git_source(repository.folder)
    cursor = collect(source)[-1].cursor
    (repository.folder / "refs" / "heads" / "main").unlink()

    with pytest.raises(GitHistoryRewritten, match="the now empty repository"):
        collect(source, cursor)
    assert collect(git_source(repository.folder, accept_rewrites=True), cursor) == []


def test_accepted_rewrites_give_the_new_commits_and_then_all_is_well(repository: GitRepository) -> None:
    old, new = rewritten(repository)
    repository.point("main", old[-1])
    cursor = collect(git_source(repository.folder))[-1].cursor
    repository.point("main", new[-1])
    pages = collect(git_source(repository.folder, accept_rewrites=True, page_commits=2), cursor)
    repository.point("main", repository.commit(parents=(new[-1],)))

    assert shas(pages) == new[2:]
    assert parse_cursor(pages[-1].cursor) == {new[-1]}
    assert len(shas(collect(git_source(repository.folder), pages[-1].cursor))) == 1


def test_an_accepted_rewrite_can_stop_after_any_page(repository: GitRepository) -> None:
    old, new = rewritten(repository)
    repository.point("main", old[-1])
    cursor = collect(git_source(repository.folder))[-1].cursor
    repository.point("main", new[-1])
    source = git_source(repository.folder, accept_rewrites=True, page_commits=1)
    whole = collect(source, cursor)

    for stop in range(1, len(whole)):
        assert shas(whole[:stop]) + shas(collect(source, whole[stop - 1].cursor)) == new[2:]


def test_accepted_rewrites_whose_old_tip_is_gone_lose_nothing(repository: GitRepository) -> None:
    old, new = rewritten(repository)
    repository.point("main", new[-1])
    cursor = cursor_text({"f" * 40, old[0], "e" * 64})

    with pytest.raises(GitHistoryRewritten) as refused:
        collect(git_source(repository.folder), cursor)
    assert refused.value.old_tips == ("e" * 64, "f" * 40)
    assert shas(collect(git_source(repository.folder, accept_rewrites=True), cursor)) == new[1:]


# --- cursors and arguments that are none


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "[]",
        "{}",
        '{"format":1,"tips":[]}',
        '{"format":2,"tips":["' + "a" * 40 + '"]}',
        '{"format":true,"tips":["' + "a" * 40 + '"]}',
        '{"format":1,"tips":["--all"]}',
        '{"format":1,"tips":["' + "A" * 40 + '"]}',
        '{"format":1,"tips":["' + "a" * 41 + '"]}',
        '{"format":1,"tips":[7]}',
        '{"format": 1,"tips":["' + "a" * 40 + '"]}',
        '{"format":1,"tips":["' + "b" * 40 + '","' + "a" * 40 + '"]}',
        '{"format":1,"tips":["' + "a" * 40 + '","' + "a" * 40 + '"]}',
        '{"format":1,"tips":["\ud800"]}',
        "x" * 1_000_000,
    ],
)
def test_a_cursor_that_the_source_did_not_write_is_refused(repository: GitRepository, cursor: str) -> None:
    with pytest.raises(GitCursorInvalid) as refused:
        collect(git_source(repository.folder), cursor)

    assert refused.value.code == "git-cursor-invalid"
    assert len(str(refused.value)) < 200


def test_a_cursor_holds_up_to_its_limit_of_tips_and_not_one_more() -> None:
    tips = {f"{number:064x}" for number in range(MAX_TIPS)}

    assert parse_cursor(cursor_text(tips)) == tips
    with pytest.raises(GitCursorTooLarge, match="larger pages"):
        cursor_text(tips | {"a" * 64})


def test_too_many_open_ends_are_refused_before_the_page_is_told(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots = [repository.commit(b"Root %d\n" % number) for number in range(12)]
    repository.point("main", repository.commit(parents=roots))
    monkeypatch.setattr(cursor_module, "MAX_TIPS", 10)
    told: list[ActivityPage] = []

    with pytest.raises(GitCursorTooLarge) as refused:
        told.extend(git_source(repository.folder, page_commits=11).pages(STREAM, None, until=NOW))
    assert (refused.value.code, refused.value.tips) == ("git-cursor-too-large", 11)
    assert told == []
    assert len(collect(git_source(repository.folder, page_commits=13))) == 1


def test_the_short_form_of_a_commit_is_not_taken_for_it(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "anvil.git", object_format="sha256")
    chain = repository.chain(3)
    repository.point("main", chain[-1])
    cursor = cursor_text({chain[-1][:40]})

    assert shas(collect(git_source(repository.folder, accept_rewrites=True), cursor)) == chain
    with pytest.raises(GitHistoryRewritten):
        collect(git_source(repository.folder), cursor)


def test_a_repository_of_very_many_roots_needs_larger_pages_and_then_is_read(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "anvil.git")
    roots = [repository.commit(b"Root %d\n" % number) for number in range(30)]
    repository.point("main", repository.commit(parents=roots))

    pages = collect(git_source(repository.folder, page_commits=20))

    assert [len(parse_cursor(page.cursor)) for page in pages] == [20, 1]


@pytest.mark.parametrize(
    "options",
    [
        {"name": ""},
        {"name": "a" * 101},
        {"name": "a\nb"},
        {"branch": ""},
        {"branch": "a\x00b"},
        {"commit_url": "x" * 2_000},
        {"commit_url": "a\nb"},
        {"page_commits": 0},
        {"producer_version": ""},
    ],
)
def test_arguments_out_of_range_are_refused(options: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"name": "a", "path": Path(), "clock": lambda: NOW, **options}
    with pytest.raises(InvalidValue):
        GitSource(**arguments)


def test_the_longest_name_and_url_still_make_events(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "anvil.git", object_format="sha256")
    repository.point("main", repository.commit(b"Forge\n\nCo-authored-by: Bob <bob@example.org>\n"))
    source = GitSource(name="a" * 100, path=repository.folder, clock=lambda: NOW, commit_url="u" * 1_984)

    (page,) = source.pages(source.streams()[0], None, until=NOW)

    assert len(page.events) == 2


def test_the_stream_is_the_one_of_the_sources_name_and_no_other(repository: GitRepository) -> None:
    source = git_source(repository.folder)

    assert source.streams() == (STREAM,)
    with pytest.raises(LedgerError, match="not served"):
        list(source.pages(StreamRef(source="git", source_ref="other", stream="commits"), None, until=NOW))

"""What each thing on GitHub becomes, and what is refused, told or counted: by hand, on the loopback server."""

from __future__ import annotations

import base64
import json
import zlib
from datetime import timedelta

import pytest

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.instant import parse_instant
from ledger_core.errors import InvalidValue, LedgerError, SourceUnavailable
from ledger_core.identifiers import StreamRef
from scheduler_worker.sources.github import commit_increment, update_walk
from scheduler_worker.sources.github.cursors import (
    CommitCursor,
    WalkCursor,
    parse_commit_cursor,
    parse_walk_cursor,
)
from scheduler_worker.sources.github.refusals import (
    GithubCountDiffers,
    GithubCursorInvalid,
    GithubHistoryRewritten,
)
from tests.github_world.collecting import UNTIL, Collector
from tests.github_world.server import Fault, GithubWorldServer
from tests.github_world.views import Views
from tests.github_world.world import Account, CommitAuthor, Repository, World


def stream(name: str, source_ref: str = "acme/web") -> StreamRef:
    return StreamRef(source="github", source_ref=source_ref, stream=name)


def collected(collector: Collector, *names: str) -> list[ActivityEvent]:
    assert collector.collect(collector.source(), names or None) == []
    return sorted(collector.events.values(), key=lambda event: event.id)


def test_a_merged_pull_request_is_its_authors_event_at_the_merge(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    bob = world.account("bob")
    item = world.open_item(repository, "pull", ada)
    item.labels = ["zeta", "alpha"]
    item.title = "Forge \x1b[31m an\nanvil"
    world.open_item(repository, "pull", ada)  # never merged
    world.pass_time(90)
    world.merge(item, bob)

    (event,) = collected(collector, "pull_requests")

    assert event.id == f"github:pr:{repository.id}:1"
    assert (event.source, event.event_type) == ("github", "pr_merged")
    assert (event.platform_user_id, event.platform_login) == (str(ada.id), "ada")
    assert event.event_time == world.now
    assert event.artifact_url == "https://github.com/acme/web/pull/1"
    assert event.metadata == {
        "number": 1,
        "title": "Forge \ufffd[31m an\ufffdanvil",
        "additions": 10,
        "deletions": 1,
        "changed_files": 1,
        "base": "main",
        "labels": ["alpha", "zeta"],
        "merge_commit": None,
        "merged_by": "bob",
    }


def test_ids_hold_the_repositorys_number_so_that_a_rename_doubles_nothing(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    world.merge(world.open_item(repository, "pull", ada), ada)
    before = {event.id for event in collected(collector)}
    world.rename(repository, "acme/site")

    assert collector.collect(collector.source("acme/site")) == []  # as `acme/*` finds it then: a new stream
    assert collector.collect(collector.source("acme/web")) == []  # and by its old name, which leads there
    assert collector.ids == before


def test_another_repository_under_an_old_name_is_read_from_its_beginning_and_told(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    world.merge(world.open_item(repository, "pull", ada), ada)
    collected(collector, "pull_requests", "commits")
    world.rename(repository, "acme/old-web")
    new = world.repository("acme/web")
    world.merge(world.open_item(new, "pull", ada), ada)
    new.items[0].updated_at -= timedelta(days=30)  # below the old one's watermark

    assert collector.collect(collector.source(), ["pull_requests"]) == []

    assert collector.ids == {f"github:pr:{repository.id}:1", f"github:pr:{new.id}:1"}
    assert collector.skipped == {"repository-replaced": 1}


def test_people_are_numbers_and_whoever_is_no_user_is_marked(
    collector: Collector, world: World, repository: Repository
) -> None:
    authors = [
        world.account("ada"),
        None,
        world.account("imported", "Mannequin"),
        world.account("acme", "Organization"),
        world.account("renovate", "Bot"),
        world.account("ACME-ci"),
    ]
    for author in authors:
        world.open_item(repository, "issue", author)
    world.pass_time(2)

    source = collector.source(machine_users=["Acme-CI"])
    assert collector.collect(source, ["issues"]) == []
    found = [
        (event.platform_user_id, event.platform_login, event.metadata.get("actor_kind"))
        for event in sorted(collector.events.values(), key=lambda event: event.id)
    ]

    assert found == [
        (str(authors[0].id), "ada", None),  # type: ignore[union-attr]
        (None, None, "deleted account"),
        (f"mannequin:{authors[2].id}", "imported", "mannequin"),  # type: ignore[union-attr]
        (f"organization:{authors[3].id}", "acme", "organization"),  # type: ignore[union-attr]
    ]
    assert collector.skipped == {"bot": 1, "machine-user": 1}
    certificate = collector.certificates[stream("issues")]
    assert dict(certificate.skipped) == {"bot": 1, "machine-user": 1}
    assert dict(certificate.skipped_actors) == {"bot:renovate": 1, "machine-user:ACME-ci": 1}
    assert [(count.seen, count.independent) for count in certificate.counts] == [(6, 6), (0, 0)]


def test_an_issue_counts_as_opened_and_as_closed_once_however_often_it_is_reopened(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    bob = world.account("bob")
    issue = world.open_item(repository, "issue", ada)
    for actor in (bob, ada, ada):
        world.pass_time(60)
        world.close(issue, actor)
        world.reopen(issue)

    closed, opened = collected(collector, "issues")

    assert (opened.id, opened.platform_login) == (f"github:issue_opened:{repository.id}:1", "ada")
    assert (closed.id, closed.platform_login) == (f"github:issue_closed:{repository.id}:1", "bob")
    assert closed.metadata["state_reason"] == "COMPLETED"
    assert collector.skipped == {"issue-closed-again": 2}


@pytest.mark.parametrize("is_collected_before", [True, False])
def test_what_was_done_before_an_issue_moved_here_is_the_other_repositorys_and_never_counts_twice(
    collector: Collector,
    world: World,
    repository: Repository,
    ada: Account,
    is_collected_before: bool,  # noqa: FBT001 - the two cases
) -> None:
    bob, elsewhere = world.account("bob"), world.repository("acme/api")
    issue = world.open_item(elsewhere, "issue", ada)
    there = world.comment(issue, bob)
    world.comment(issue, world.account("renovate", "Bot"))
    world.comment(issue, None)
    world.pass_time(60)
    origin = collector.source("acme/api")
    if is_collected_before:
        assert collector.collect(origin, ["issues", "issue_comments"]) == []
    gone = {f"github:issue_opened:{elsewhere.id}:1"} | {
        f"github:issue_comment:{elsewhere.id}:{comment.id}"
        for comment in issue.comments
        if comment.author is not None
    }
    world.transfer(elsewhere, issue, repository)
    world.comment(issue, bob)  # in the second of the move: whether before or after, nobody can tell
    world.pass_time(1)
    here = world.comment(issue, ada)
    world.close(issue, bob)
    world.pass_time(2)

    for source in (collector.source(), origin):
        assert collector.collect(source, ["issues", "issue_comments"]) == []

    assert there.id not in {comment.id for comment in issue.comments}, "a moved comment has another id"
    of_here = {found for found in collector.ids if f":{repository.id}:" in found}
    assert (
        of_here
        == world.true_events(repository)
        == {
            f"github:issue_comment:{repository.id}:{here.id}",
            f"github:issue_closed:{repository.id}:1",
        }
    )
    told = [world.ever[event_id] for event_id in collector.ids]
    assert len(told) == len(set(told))
    assert collector.events[f"github:issue_closed:{repository.id}:1"].metadata["transferred"] is True
    assert len(collector.ids - of_here) == (3 if is_collected_before else 0)
    assert gone & collector.ids == (gone & world.ever.keys() if is_collected_before else set())
    skipped = [collector.certificates[stream(name)].skipped_actors for name in ("issues", "issue_comments")]
    assert skipped == [{"transferred:ada": 1}, {"transferred:bob": 2, "transferred:renovate": 1}]
    assert collector.certificates[stream("issue_comments")].skipped == {"transferred": 4}


def test_an_issue_that_was_closed_before_and_after_it_moved_is_closed_once(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    elsewhere = world.repository("acme/api")
    issue = world.open_item(elsewhere, "issue", ada)
    world.close(issue, ada)
    world.reopen(issue)
    world.pass_time(1)
    assert collector.collect(collector.source("acme/api"), ["issues"]) == []
    world.transfer(elsewhere, issue, repository)
    world.pass_time(1)
    world.close(issue, world.account("bob"))
    world.pass_time(1)

    collected(collector, "issues")

    assert collector.ids == {f"github:issue_{what}:{elsewhere.id}:1" for what in ("opened", "closed")}
    assert collector.skipped == {"transferred": 2, "issue-closed-again": 1}


def test_a_review_that_came_long_before_the_merge_is_there_and_all_of_hundreds_are(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    item = world.open_item(repository, "pull", ada)
    for _ in range(230):
        world.review(item, ada)
        world.comment(item, None)
        world.comment_line(item, ada, item.threads[0] if len(item.threads) > 40 else None)
    for _ in range(60):
        world.comment_line(item, ada, item.threads[0])
    world.review(item, ada, is_pending=True)
    world.pass_time(2)

    collected(collector, "reviews", "review_comments", "pull_request_comments")

    assert collector.ids == world.true_events(repository)
    assert len(collector.ids) == 230 + 230 + 290
    counts = collector.certificates[stream("review_comments")].counts
    assert [(count.what, count.route, count.seen, count.independent) for count in counts] == [
        ("pull requests", "search", 1, 1),
        ("review threads and their comments", "totalCount", 41 + 290, 41 + 290),
    ]


def test_a_page_of_items_with_thousands_of_children_is_yielded_in_parts_behind_its_cursor(
    collector: Collector, world: World, repository: Repository, ada: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(update_walk, "MAX_PAGE_EVENTS", 10)
    for _ in range(8):
        item = world.open_item(repository, "issue", ada)
        for _ in range(4):
            world.comment(item, ada)
    world.pass_time(1)
    pages = list(collector.source().pages(stream("issue_comments"), None, until=UNTIL))

    cursors = [parse_walk_cursor(page.cursor) for page in pages]
    assert [len(page.events) for page in pages] == [12, 12, 8]
    assert cursors[:2] == 2 * [WalkCursor(repository=repository.id)], "all of the page may come again"
    assert [parse_walk_cursor(page.cursor).since is None for page in pages] == [True, True, False]


def test_discussions_answers_and_releases(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    bob = world.account("bob")
    discussion = world.open_item(repository, "discussion", ada)
    comment = world.comment(discussion, bob)
    world.answer(discussion, comment)
    release = world.release(repository, ada)
    draft = world.release(repository, ada, is_draft=True)

    events = {event.id: event.platform_login for event in collected(collector)}
    world.publish(draft)
    again = {event.id for event in collected(collector)}

    prefix = f"{repository.id}"
    assert events == {
        f"github:discussion:{prefix}:1": "ada",
        f"github:discussion_answer:{prefix}:1": "bob",
        f"github:discussion_comment:{prefix}:{comment.id % 2**31}": "bob",
        f"github:release:{prefix}:{release.id}": "ada",
    }
    assert again - events.keys() == {f"github:release:{prefix}:{draft.id}"}


def test_all_comments_of_a_discussion_and_all_replies_are_there_also_when_a_reply_is_all_that_is_new(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    discussion = world.open_item(repository, "discussion", ada)
    first = world.comment(discussion, ada)
    for _ in range(130):
        world.reply(discussion, first, ada)
        world.comment(discussion, None)
    world.reply(discussion, discussion.comments[-1], ada)
    world.delete_comment(discussion, discussion.comments[-1])  # a reply keeps its place
    world.pass_time(2)

    collected(collector, "discussion_comments")
    before = set(collector.ids)
    world.pass_time(86_400)
    reply = world.reply(discussion, first, ada)
    world.pass_time(2)
    collected(collector, "discussion_comments")

    assert collector.ids == world.true_events(repository) - {f"github:discussion:{repository.id}:1"}
    (new,) = collector.ids - before
    assert new == f"github:discussion_comment:{repository.id}:{reply.id % 2**31}"
    event = collector.events[new]
    assert (event.event_type, event.platform_login) == ("discussion_comment_created", "ada")
    assert event.metadata["reply_to"] == first.id % 2**31
    assert len(before) == 131 + 131 - 1
    counts = collector.certificates[stream("discussion_comments")].counts
    assert [(count.what, count.route, count.seen, count.independent) for count in counts] == [
        ("discussions", "search", 0, 0),
        ("comments and their replies", "totalCount", 131 + 132, 131 + 132),
    ]
    assert collector.skipped == {"comment-deleted": 2}


# --- commits


def author(account: Account | None, name: str = "Ada", email: str = "ada@example.org") -> CommitAuthor:
    return CommitAuthor(name=name, email=email, account=account)


def test_a_commit_is_its_authors_and_co_authors_event_each_person_once(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    bob = world.account("bob")
    commit = world.commit(
        repository,
        author(ada),
        author(bob, "Bob", "bob@example.org"),
        author(ada, "Ada", "ada@work.example.org"),
        author(None, "Bob", "BOB@example.org"),
        author(None, "Gone", "gone@example.org"),
        author(None, "dependabot[bot]", "49699333+dependabot[bot]@users.noreply.github.com"),
    )

    found = [
        (event.event_type, event.platform_login, event.metadata.get("actor_kind"))
        for event in collected(collector, "commits")
    ]

    assert sorted(found, key=str) == sorted(
        [
            ("commit_authored", "ada", None),
            ("commit_coauthored", "bob", None),
            ("commit_coauthored", None, "no account"),
        ],
        key=str,
    )
    assert f"github:commit:{repository.id}:{commit.oid}" in collector.ids
    assert collector.skipped == {"bot": 1}


def test_old_commits_that_arrive_late_are_found_and_nothing_older_is_walked(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    fork_point = None
    for number in range(30):
        world.pass_time(3_600)
        made = world.commit(repository, author(ada))
        fork_point = made if number == 20 else fork_point
    assert fork_point is not None
    collected(collector, "commits")
    side = world.commit(
        repository,
        author(ada),
        parents=(fork_point.oid,),
        at=world.now - timedelta(days=400),
        is_pushed=False,
    )
    assert repository.head is not None
    world.commit(repository, author(ada), parents=(repository.head, side.oid))

    source = collector.source(page_items=2)
    assert collector.collect(source, ["commits"]) == []

    assert collector.ids == world.true_events(repository)
    certificate = collector.certificates[stream("commits")]
    assert [(count.route, count.seen, count.independent) for count in certificate.counts] == [
        ("compare", 2, 2)
    ]


def test_an_old_commit_that_is_listed_before_the_last_head_is_not_counted_as_new(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    root = world.commit(repository, author(ada))
    base = world.commit(repository, author(ada), at=root.at - timedelta(days=9))  # by a clock that is late
    collected(collector, "commits")
    world.pass_time(60)
    world.commit(repository, author(ada), parents=(base.oid, root.oid))

    assert collector.collect(collector.source(page_items=1), ["commits"]) == []

    (count,) = collector.certificates[stream("commits")].counts
    assert (count.route, count.seen, count.independent) == ("compare", 1, 1)
    assert collector.ids == world.true_events(repository)


def test_a_rewritten_branch_is_refused_until_it_is_accepted(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    first = world.commit(repository, author(ada))
    old = world.commit(repository, author(ada))
    collected(collector, "commits")
    new = world.commit(repository, author(ada), parents=(first.oid,))
    before = set(collector.ids)

    (problem,) = collector.collect(collector.source(), ["commits"])

    assert isinstance(problem, GithubHistoryRewritten)
    assert (problem.old_head, problem.new_head) == (old.oid, new.oid)
    assert collector.ids == before, "nothing of the new history was taken"
    assert collector.collect(collector.source(accept_rewrites=True), ["commits"]) == []
    assert collector.ids == before | {f"github:commit:{repository.id}:{new.oid}"}
    assert collector.collect(collector.source(), ["commits"]) == []


def test_a_default_branch_that_is_only_renamed_goes_on(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    world.commit(repository, author(ada))
    collected(collector, "commits")
    repository.branch = "trunk"
    world.commit(repository, author(ada))

    assert len(collected(collector, "commits")) == 2


def test_a_first_reading_of_a_head_that_was_thrown_away_is_a_rewrite(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    for _ in range(6):
        world.commit(repository, author(ada))
    source = collector.source(page_items=2)
    collector.cursors[stream("commits")] = next(source.pages(stream("commits"), None, until=UNTIL)).cursor
    reading = parse_commit_cursor(collector.cursors[stream("commits")]).reading
    assert reading is not None
    assert repository.head == reading
    repository.head = repository.commits[reading].parents[0]
    del repository.commits[reading]

    (problem,) = collector.collect(source, ["commits"])

    assert isinstance(problem, GithubHistoryRewritten)
    assert collector.collect(collector.source(accept_rewrites=True), ["commits"]) == []
    assert collector.ids == world.true_events(repository)


def grown(world: World, repository: Repository, ada: Account, *, commits: int) -> None:
    """Add a line of commits, and one beside it that left it long ago and is older still by date."""
    assert repository.head is not None
    fork_point = repository.commits[repository.head]
    for _ in range(commits):
        world.pass_time(60)
        world.commit(repository, author(ada))
    side = fork_point
    for number in range(commits):
        at = fork_point.at - timedelta(days=30, seconds=-number)
        side = world.commit(repository, author(ada), parents=(side.oid,), at=at, is_pushed=False)
    assert repository.head is not None
    world.commit(repository, author(ada), parents=(repository.head, side.oid))


def queries_for_commits(server: GithubWorldServer) -> int:
    return [name for name, _ in server.log].count("Commits")


@pytest.mark.parametrize("what_stops_it", ["the worker", "a fault"])
def test_a_large_increment_that_is_stopped_goes_on_where_it_was_and_is_counted_all_the_same(
    server: GithubWorldServer,
    collector: Collector,
    world: World,
    repository: Repository,
    ada: Account,
    monkeypatch: pytest.MonkeyPatch,
    what_stops_it: str,
) -> None:
    monkeypatch.setattr(commit_increment, "PAGE_EVENTS", 4)
    for _ in range(5):
        world.pass_time(60)
        world.commit(repository, author(ada))
    assert collector.collect(collector.source(), ["commits"]) == []
    base = repository.head
    grown(world, repository, ada, commits=20)
    target = repository.head
    server.log.clear()

    stops = 0
    for _ in range(40):
        source = collector.source(page_items=2)
        if what_stops_it == "a fault":
            server.faults.extend([None, None, None, None, *[Fault(status=502)] * 6])  # four requests pass
            collector.collect(source, ["commits"])
            server.faults.clear()
        else:
            page = next(
                iter(source.pages(stream("commits"), collector.cursors[stream("commits")], until=UNTIL))
            )
            collector.events |= {event.id: event for event in page.events}
            collector.cursors[stream("commits")] = page.cursor
        stands = parse_commit_cursor(collector.cursors[stream("commits")])
        if stands.head == target:
            break
        assert (stands.head, stands.reading) == (base, target), "the head stays while anything is missing"
        stops += 1
        world.commit(repository, author(ada))  # the branch goes on meanwhile

    assert stops >= 5
    assert stands.head == target
    assert collector.collect(collector.source(), ["commits"]) == []
    assert collector.ids == world.true_events(repository)
    # 41 new commits and the five old ones, two a page; whatever came meanwhile was one page each.
    assert queries_for_commits(server) <= 23 + stops + 2


def test_an_increment_of_commits_that_are_no_events_moves_its_cursor_as_well(
    collector: Collector, world: World, repository: Repository, ada: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit_increment, "PAGE_EVENTS", 4)
    world.commit(repository, author(ada))
    collected(collector, "commits")
    for _ in range(12):
        world.pass_time(60)
        world.commit(repository, author(None, "dependabot[bot]", "dependabot[bot]@example.org"))

    cursor = collector.cursors[stream("commits")]
    pages = list(collector.source(page_items=2).pages(stream("commits"), cursor, until=UNTIL))

    assert [parse_commit_cursor(page.cursor).seen for page in pages] == [4, 8, 0]
    assert [page.skipped for page in pages] == 3 * [{"bot": 4}]


def test_an_increment_whose_page_or_head_is_gone_begins_again_from_the_head_that_is_certain(
    collector: Collector,
    world: World,
    repository: Repository,
    ada: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commit_increment, "PAGE_EVENTS", 4)
    world.commit(repository, author(ada))
    collected(collector, "commits")
    base = repository.head
    grown(world, repository, ada, commits=6)
    source = collector.source(page_items=2)
    page = next(iter(source.pages(stream("commits"), collector.cursors[stream("commits")], until=UNTIL)))
    under_way = json.loads(page.cursor)
    assert under_way["reading"] == repository.head

    collector.cursors[stream("commits")] = json.dumps({**under_way, "after": "gone"})
    assert collector.collect(source, ["commits"]) == []
    assert collector.ids == world.true_events(repository)

    collector.cursors[stream("commits")] = page.cursor
    assert repository.head is not None
    del repository.commits[repository.head]
    repository.head = base
    assert collector.collect(source, ["commits"]) == []
    assert parse_commit_cursor(collector.cursors[stream("commits")]) == CommitCursor(
        repository=repository.id, head=base
    )


def test_a_list_of_commits_in_a_cursor_that_is_none_is_refused(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    world.commit(repository, author(ada))
    collected(collector, "commits")
    stands = json.loads(collector.cursors[stream("commits")])
    base = repository.head
    world.commit(repository, author(ada))
    bomb = base64.b64encode(zlib.compress(bytes(200_000_000))).decode()
    for listed in ("~", "QUJD", base64.b64encode(zlib.compress(b"\xff")).decode(), bomb):
        under_way = {**stands, "head": base, "reading": repository.head, "listed": listed}
        collector.cursors[stream("commits")] = json.dumps(under_way)

        (problem,) = collector.collect(collector.source(), ["commits"])

        assert isinstance(problem, GithubCursorInvalid)


def test_a_reading_that_finds_nothing_new_says_so_in_a_page_with_its_certificate(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    source = collector.source()
    for expected in (None, "head"):
        if expected:
            repository.head = world.commit(repository, author(ada)).oid
            collected(collector, "commits")
        cursor = collector.cursors.get(stream("commits"))
        pages = list(source.pages(stream("commits"), cursor, until=UNTIL))

        assert len(pages) == 1
        (page,) = pages
        assert page.events == ()
        assert page.certificate is not None
        assert (page.certificate.begins, page.certificate.ends) == (repository.head, repository.head)
        assert (page.certificate.pages, page.certificate.counts) == (0, ())
        assert cursor in {None, page.cursor}


# --- the second count


def test_a_search_that_lags_is_asked_again_before_anything_is_said(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    world.search_lag = timedelta(seconds=8)
    for _ in range(3):
        world.pass_time(1)
        world.merge(world.open_item(repository, "pull", ada), ada)
    world.pass_time(2)

    collected(collector, "pull_requests")

    assert collector.waits == [2, 5]
    assert not collector.certificates[stream("pull_requests")].differing


def test_a_count_that_stays_different_leaves_the_stream_incomplete_by_name_and_its_watermark_where_it_was(
    collector: Collector, world: World, repository: Repository, ada: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        world.pass_time(60)
        world.merge(world.open_item(repository, "pull", ada), ada)
    world.pass_time(2)
    monkeypatch.setattr(Views, "_count", lambda *_: 4)  # one that no listing shows

    problems = collector.collect(collector.source(), ["pull_requests"])

    assert [type(problem) for problem in problems] == [GithubCountDiffers]
    assert str(problems[0]) == (
        "github:acme/web:pull_requests gave 3 merged pull requests, and GitHub counts 4; it is read again next time"
    )
    assert parse_walk_cursor(collector.cursors[stream("pull_requests")]).since is None
    assert len(collector.ids) == 3, "what there is was stored all the same"
    (count,) = collector.certificates[stream("pull_requests")].differing
    assert (count.seen, count.independent) == (3, 4)
    monkeypatch.undo()
    assert collector.collect(collector.source(), ["pull_requests"]) == []
    assert parse_walk_cursor(collector.cursors[stream("pull_requests")]).since is not None


def closed_counts(collector: Collector) -> list[tuple[int, int]]:
    counts = collector.certificates[stream("issues")].counts
    return [(count.seen, count.independent) for count in counts if count.what == "closed issues"]


def test_closed_issues_are_counted_again_by_when_they_were_closed_last(
    server: GithubWorldServer, collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    issues = [world.open_item(repository, "issue", ada) for _ in range(7)]
    world.pass_time(60)
    for issue in issues[:4]:
        world.close(issue, ada)
    world.reopen(issues[0])
    server.most_a_page = 2
    world.pass_time(60)
    collected(collector, "issues")
    counted = closed_counts(collector)
    world.close(issues[0], ada)
    world.pass_time(60)
    collected(collector, "issues")
    counted += closed_counts(collector)
    world.reopen(issues[1])
    world.pass_time(60)
    collected(collector, "issues")
    counted += closed_counts(collector)
    world.close(issues[1], ada)
    world.edit(issues[2], "closed before")
    world.pass_time(60)
    collected(collector, "issues")

    assert counted == [(3, 3), (1, 1), (0, 0)]
    assert closed_counts(collector) == [(1, 1)]
    assert sum("closed:" in variables.get("search", "") for _, variables in server.log) == 4
    assert collector.waits == []


def test_issues_that_are_closed_and_reopened_in_mid_walk_are_counted_as_they_are_in_the_end(
    server: GithubWorldServer, collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    issues = []
    for _ in range(9):
        world.pass_time(60)
        issues.append(world.open_item(repository, "issue", ada))
    for issue in issues[4:]:
        world.pass_time(60)
        world.close(issue, ada)
    world.edit(issues[3], "newest")

    def happen(number: int) -> None:
        world.pass_time(1)
        if number == 4:  # the newest, one that was listed as well, and one that is still to come
            world.reopen(issues[8])
            world.reopen(issues[6])
            world.close(issues[0], ada)
        if number == 6:
            world.reopen(issues[7])
            world.close(issues[7], ada)

    server.before_request = happen
    server.most_a_page = 2
    collected(collector, "issues")
    server.before_request = None

    assert closed_counts(collector) == [(4, 4)]
    assert [name for name, _ in server.log].count("Count") == 2, "it was counted right the first time"
    assert collector.ids == world.true_events(repository)


def test_a_closed_issue_that_no_listing_shows_leaves_the_stream_incomplete_by_name(
    collector: Collector, world: World, repository: Repository, ada: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.close(world.open_item(repository, "issue", ada), ada)
    world.pass_time(2)
    count = Views._count
    monkeypatch.setattr(
        Views, "_count", lambda views, query, kind: count(views, query, kind) + ("closed:" in query)
    )

    (problem,) = collector.collect(collector.source(), ["issues"])

    assert str(problem) == (
        "github:acme/web:issues gave 1 closed issues, and GitHub counts 2; it is read again next time"
    )


def test_a_closing_that_an_issue_s_history_does_not_tell_is_counted_as_skipped(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    issue = world.open_item(repository, "issue", ada)
    issue.is_imported = True
    world.close(issue, ada)
    world.pass_time(2)

    (opened,) = collected(collector, "issues")

    assert opened.event_type == "issue_opened"
    assert collector.skipped == {"closing-untold": 1}
    assert closed_counts(collector) == [(1, 1)]


def test_certificates_of_successive_readings_leave_no_gap(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    bounds = []
    total = 0
    for _ in range(4):
        for _ in range(3):
            world.pass_time(600)
            world.merge(world.open_item(repository, "pull", ada), ada)
        world.pass_time(2)
        collected(collector, "pull_requests")
        certificate = collector.certificates[stream("pull_requests")]
        bounds.append((certificate.begins, certificate.ends))
        total += certificate.counts[0].seen

    assert bounds[0][0] is None
    assert [begin for begin, _ in bounds[1:]] == [end for _, end in bounds[:-1]]
    assert total == len(collector.ids) == 12


# --- the edges of a reading


@pytest.mark.parametrize("seconds", [0, 1])
def test_what_happens_right_after_a_reading_is_in_the_next_and_counted_once(
    server: GithubWorldServer,
    collector: Collector,
    world: World,
    repository: Repository,
    ada: Account,
    seconds: int,
) -> None:
    server.most_a_page = 1
    world.merge(world.open_item(repository, "pull", ada), ada)
    collected(collector, "pull_requests")  # within the very second of the merge
    for _ in range(6):
        world.pass_time(seconds)
        world.merge(world.open_item(repository, "pull", ada), ada)
    world.pass_time(2)

    collected(collector, "pull_requests")

    assert collector.ids == world.true_events(repository)
    assert collector.counted["acme/web merged pull requests"] == 7


@pytest.mark.parametrize(("seconds_before", "is_found"), [(600, True), (601, False)])
def test_what_a_lagging_replica_showed_late_is_found_ten_minutes_below_the_watermark(
    server: GithubWorldServer,
    collector: Collector,
    world: World,
    repository: Repository,
    ada: Account,
    seconds_before: int,
    is_found: bool,  # noqa: FBT001 - what is expected
) -> None:
    world.pass_time(10_000)
    world.merge(world.open_item(repository, "pull", ada), ada)
    world.pass_time(2)
    collected(collector, "pull_requests")
    since = parse_walk_cursor(collector.cursors[stream("pull_requests")]).since
    assert since is not None
    for _ in range(2):  # a page holds one, and the first page is read whatever its times
        world.merge(world.open_item(repository, "pull", ada), ada)
    late = world.open_item(repository, "pull", ada)
    world.merge(late, ada)
    late.created_at = late.merged_at = late.updated_at = parse_instant(since) - timedelta(
        seconds=seconds_before
    )
    beside = world.open_item(repository, "pull", ada)
    beside.created_at = beside.updated_at = late.updated_at  # listed just before it
    server.most_a_page = 1
    world.pass_time(2)

    collector.collect(collector.source(), ["pull_requests"])

    assert (f"github:pr:{repository.id}:{late.number}" in collector.ids) == is_found


def test_an_item_that_moves_above_the_reader_in_mid_walk_is_found_before_any_count_differs(
    server: GithubWorldServer, collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    pulls = []
    for _ in range(12):
        world.pass_time(60)
        pulls.append(world.open_item(repository, "pull", ada))
        world.review(pulls[-1], ada)

    def touch(number: int) -> None:
        if number in {3, 4, 6}:  # the oldest, when the reader has passed the newest
            world.pass_time(1)
            world.edit(pulls[number - 3], "moved")

    server.before_request = touch
    server.most_a_page = 3

    collected(collector, "reviews")

    assert collector.ids == world.true_events(repository)
    assert [name for name, _ in server.log].count("Count") == 1


def test_an_issue_that_is_deleted_between_its_page_and_its_comments_is_told_and_stops_nothing(
    server: GithubWorldServer, collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    issues = [world.open_item(repository, "issue", ada) for _ in range(3)]
    for issue in issues:
        for _ in range(4):
            world.comment(issue, ada)
    world.pass_time(5)

    def delete(number: int) -> None:
        if number == 3:
            world.delete(repository, issues[0])

    server.before_request = delete
    server.most_a_page = 3

    collected(collector, "issue_comments")

    assert collector.ids >= world.true_events(repository) & {
        f"github:issue_comment:{repository.id}:{comment.id}" for issue in issues for comment in issue.comments
    }
    assert collector.skipped == {"vanished-while-read": 1}


def test_edits_as_fast_as_pages_are_read_end_as_unavailable_and_never_as_complete(
    server: GithubWorldServer,
    collector: Collector,
    world: World,
    repository: Repository,
    ada: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(update_walk, "MAX_SWEEPS", 5)
    issues = [world.open_item(repository, "issue", ada) for _ in range(6)]

    def touch(_: int) -> None:
        for issue in issues:
            world.pass_time(1)
            world.edit(issue, "again")

    server.before_request = touch
    server.most_a_page = 2

    (problem,) = collector.collect(collector.source(), ["issues"])

    assert isinstance(problem, SourceUnavailable)
    assert str(problem).endswith("github:acme/web:issues changes faster than it can be read")
    server.before_request = None
    assert collector.collect(collector.source(), ["issues"]) == []
    assert collector.ids == world.true_events(repository)


# --- cursors


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", '{"v":2}', '{"v":1}', '{"v":1,"repository":"1"}',
        '{"v":1,"repository":1,"since":"yesterday","walk":null,"read_again":false}',
        '{"v":1,"repository":1,"since":null,"walk":{"counts":{"seen":"~"}},"read_again":false}',
        '{"v":1,"repository":1,"head":1,"other":2}', '{"v":1,"repository":1,"head":1}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["issues", "releases", "commits"])
def test_a_cursor_that_is_none_is_refused(
    collector: Collector, repository: Repository, name: str, text: str
) -> None:
    assert repository
    collector.cursors[stream(name)] = text

    (problem,) = collector.collect(collector.source(), [name])

    assert isinstance(problem, GithubCursorInvalid)
    assert str(problem).isprintable()


def test_a_foreign_stream_and_an_unknown_one_are_refused(collector: Collector) -> None:
    with pytest.raises(InvalidValue, match="not served"):
        list(collector.source().pages(stream("issues", "other/repo"), None, until=UNTIL))
    with pytest.raises(LedgerError, match="must be some of"):
        collector.source(streams=["stars"])


def test_a_walk_that_is_interrupted_at_any_page_goes_on_from_there(
    collector: Collector, world: World, repository: Repository, ada: Account
) -> None:
    for number in range(20):
        world.pass_time(60)
        item = world.open_item(repository, ("pull", "issue")[number % 2], ada)
        if item.kind == "pull":
            world.merge(item, ada)
        world.commit(repository, author(ada))
    for source_stream in collector.source().streams():
        for _ in range(60):
            source = collector.source(page_items=3)
            page = next(source.pages(source_stream, collector.cursors.get(source_stream), until=UNTIL), None)
            if page is None:
                break
            for event in page.events:
                collector.events.setdefault(event.id, event)
            collector.cursors[source_stream] = page.cursor
            if page.certificate is not None:
                assert not page.certificate.differing
                break

    assert collector.ids == world.true_events(repository)

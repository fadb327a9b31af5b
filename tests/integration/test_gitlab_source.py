"""What each thing on GitLab becomes, and what is refused, waited for or counted: by hand, on the loopback server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from ledger_core.domain.instant import parse_instant
from ledger_core.errors import InvalidValue, LedgerError, SourceUnavailable
from ledger_core.identifiers import StreamRef
from scheduler_worker.sources.gitlab import gitlab_source, listing
from scheduler_worker.sources.gitlab.cursor import GitlabCursor, cursor_text, parse_cursor
from scheduler_worker.sources.gitlab.gitlab_source import OVERLAP
from scheduler_worker.sources.gitlab.refusals import GitlabCursorInvalid
from scheduler_worker.sources.gitlab.stream_names import STREAM_NAMES
from tests.gitlab_world.collecting import UNTIL, Collector, collector_on
from tests.gitlab_world.server import TOKEN, GitlabWorldServer, Reply
from tests.gitlab_world.world import BEGINNING, Account, Project, World


@pytest.fixture(scope="module")
def running() -> Iterator[GitlabWorldServer]:
    with GitlabWorldServer().running() as server:
        yield server


@pytest.fixture
def server(running: GitlabWorldServer) -> GitlabWorldServer:
    running.reset(World())
    return running


@pytest.fixture
def world(server: GitlabWorldServer) -> World:
    return server.world


@pytest.fixture
def collector(server: GitlabWorldServer) -> Iterator[Collector]:
    with collector_on(server) as collector:
        yield collector


@pytest.fixture
def project(world: World) -> Project:
    return world.project("acme/web")


@pytest.fixture
def ada(world: World) -> Account:
    return world.account("ada")


def stream(name: str, source_ref: str = "acme/web") -> StreamRef:
    return StreamRef(source="gitlab", source_ref=source_ref, stream=name)


def refusal(collector: Collector, **options: Any) -> Exception:
    (problem,) = collector.collect(collector.source(streams=["issues"], **options))
    assert TOKEN not in str(problem) + repr(problem)
    assert "\n" not in str(problem)
    return problem


# --- what each thing becomes -----------------------------------------------------------------------


def test_a_merge_is_its_author_s(
    world: World, project: Project, ada: Account, collector: Collector, server: GitlabWorldServer
) -> None:
    bob = world.account("bob")
    item = world.open_item(project, "merge_requests", ada)
    item.title, item.labels = "Fix\x1b it", ["ui", "Bug"]
    world.pass_time(100)
    world.merge(item, bob)

    assert collector.collect(collector.source()) == []

    (event,) = collector.events.values()
    assert event.id == f"gitlab:mr:{project.id}:1"
    assert (event.source, event.event_type) == ("gitlab", "mr_merged")
    assert (event.platform_user_id, event.platform_login) == (str(ada.id), "ada")
    assert event.event_time == (BEGINNING + timedelta(seconds=100)).replace(microsecond=123_000)
    assert event.artifact_url == f"{server.host}/acme/web/-/merge_requests/1"
    assert event.metadata == {
        "title": "Fix\ufffd it",
        "number": 1,
        "labels": ["Bug", "ui"],
        "merged_by": "bob",
        "target_branch": "main",
    }


def test_issues_are_opened_and_closed_by_whoever_did_it(
    world: World, project: Project, ada: Account, collector: Collector
) -> None:
    bob = world.account("bob")
    issue = world.open_item(project, "issues", ada)
    world.open_item(project, "issues", bob)
    world.pass_time(5)
    world.close(issue, bob)

    assert collector.collect(collector.source()) == []

    told = {event.id: event.platform_login for event in collector.events.values()}
    assert told == {
        f"gitlab:issue_opened:{project.id}:1": "ada",
        f"gitlab:issue_opened:{project.id}:2": "bob",
        f"gitlab:issue_closed:{project.id}:1": "bob",
    }


def test_notes_are_told_without_their_words_and_gitlab_s_own_are_not(
    world: World, project: Project, ada: Account, collector: Collector, server: GitlabWorldServer
) -> None:
    item = world.open_item(project, "merge_requests", ada)
    note = world.note(item, ada)
    world.note(item, ada, is_system=True)
    issue_note = world.note(world.open_item(project, "issues", ada), ada)

    assert collector.collect(collector.source(), ["merge_request_notes", "issue_notes"]) == []

    event = collector.events[f"gitlab:note:{project.id}:{note.id}"]
    assert set(collector.ids) == {event.id, f"gitlab:note:{project.id}:{issue_note.id}"}
    assert event.event_type == "mr_note_created"
    assert event.artifact_url == f"{server.host}/acme/web/-/merge_requests/1#note_{note.id}"
    assert event.metadata == {"number": 1, "internal": False, "on": "merge request"}
    assert collector.skipped == {"system-note": 1}


def test_bots_machine_users_and_deleted_accounts(
    world: World, project: Project, collector: Collector
) -> None:
    for login in ("project_81_bot_2f", "group_3_bot1", "acme-CI", "ghost", "my_project_bot"):
        world.open_item(project, "issues", world.account(login))

    assert collector.collect(collector.source(), ["issues"]) == []

    told = [(event.platform_user_id, event.metadata.get("actor_kind")) for event in collector.events.values()]
    assert told == [(None, "deleted account"), (str(world.accounts[-1].id), None)]
    assert collector.skipped == {"bot": 2, "machine-user": 1}


def test_a_move_is_no_closing_and_a_closing_without_an_account_stays_visible(
    world: World, project: Project, ada: Account, collector: Collector
) -> None:
    other = world.project("acme/other")
    world.move(project, world.open_item(project, "issues", ada), other, ada)
    closed = world.open_item(project, "issues", ada)
    world.close(closed, ada)
    closed.closed_by = None

    assert collector.collect(collector.source(), ["issues"]) == []

    assert collector.skipped == {"moved-issue": 1}
    event = collector.events[f"gitlab:issue_closed:{project.id}:2"]
    assert (event.platform_user_id, event.metadata["actor_kind"]) == (None, "no account")


# --- nothing is passed over ------------------------------------------------------------------------


def test_what_is_touched_in_mid_walk_hides_nothing_behind_it(
    world: World, project: Project, ada: Account, collector: Collector, server: GitlabWorldServer
) -> None:
    for _ in range(9):
        world.pass_time(60)
        world.open_item(project, "issues", ada)

    def touch(number: int) -> None:
        world.pass_time()
        if number < 20:
            world.edit(project.items[(number - 1) // 2])

    server.before_request = touch
    assert collector.collect(collector.source(page_items=3), ["issues"]) == []

    assert len(collector.ids) == 9


def test_a_note_that_did_not_move_its_item_is_found_by_the_overlap(
    world: World, project: Project, ada: Account, collector: Collector
) -> None:
    """GitLab moves an item by a note at most once a minute."""
    first = world.open_item(project, "issues", ada)
    world.pass_time(5)
    world.open_item(project, "issues", ada)
    source = collector.source(streams=["issue_notes"])
    assert collector.collect(source) == []
    world.pass_time(30)
    note = world.note(first, ada)
    assert first.updated_at == first.created_at

    world.pass_time(3_600)
    assert collector.collect(source) == []

    assert collector.ids == {f"gitlab:note:{project.id}:{note.id}"}


def test_a_long_walk_s_cursor_stays_before_its_beginning(
    world: World, project: Project, ada: Account, collector: Collector, server: GitlabWorldServer
) -> None:
    """Else what did not move its item after the item was read would lie behind the cursor."""
    first = world.open_item(project, "issues", ada)
    world.note(first, ada)
    world.pass_time(5)
    world.open_item(project, "issues", ada)
    world.pass_time(5)
    last = world.open_item(project, "issues", ada)
    source = collector.source(streams=["issue_notes"], page_items=2)
    noted: list[str] = []

    def go_on_for_long(_: int) -> None:
        if not noted and "updated_after" in server.paths[-1]:  # the first issue's notes were read
            world.pass_time(20)
            noted.append(f"gitlab:note:{project.id}:{world.note(first, ada).id}")
            world.pass_time(3_600)
            world.edit(last)

    server.before_request = go_on_for_long
    assert collector.collect(source) == []
    assert first.updated_at == first.created_at
    assert noted[0] not in collector.ids
    assert collector.collect(source) == []

    assert noted[0] in collector.ids


@pytest.mark.parametrize("has_tie_breaker", [True, False])
def test_more_of_one_instant_than_a_page_holds_are_all_told_or_none_is_said_to_be(
    world: World,
    project: Project,
    ada: Account,
    collector: Collector,
    server: GitlabWorldServer,
    has_tie_breaker: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    for _ in range(7):
        world.open_item(project, "issues", ada)
    world.pass_time(1)
    world.open_item(project, "issues", ada)
    server.has_tie_breaker = has_tie_breaker

    problems = collector.collect(collector.source(page_items=2), ["issues"])

    if has_tie_breaker:
        assert (problems, len(collector.ids)) == ([], 8)
    else:
        assert isinstance(problems[0], SourceUnavailable)


def test_an_instant_that_is_left_while_it_is_listed_is_listed_again(
    world: World, project: Project, ada: Account, collector: Collector, server: GitlabWorldServer
) -> None:
    for _ in range(9):
        world.open_item(project, "issues", ada)

    def leave(number: int) -> None:
        if number in {5, 8}:
            world.pass_time(1)
            world.edit(project.items[number - 5])

    server.before_request = leave
    assert collector.collect(collector.source(page_items=2), ["issues"]) == []

    assert len(collector.ids) == 9


def test_more_than_can_be_listed_is_an_error(
    world: World,
    project: Project,
    ada: Account,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(7):
        world.open_item(project, "issues", ada)
    monkeypatch.setattr(listing, "MOST_LISTED", 5)

    (problem,) = collector.collect(collector.source(page_items=2), ["issues"])

    assert (problem.code, str(problem)) == (  # type: ignore[attr-defined]
        "gitlab-too-many-at-once",
        "gitlab:acme/web:issues has more than 5 things that only pages by number can list",
    )


def test_a_page_of_events_is_bounded_and_its_cursor_waits(
    world: World, project: Project, ada: Account, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gitlab_source, "MAX_PAGE_EVENTS", 3)
    for _ in range(4):
        world.pass_time(61)
        item = world.open_item(project, "issues", ada)
        world.note(item, ada)
        world.note(item, ada)
    world.pass_time(3_600)

    pages = list(collector.source().pages(stream("issue_notes"), None, until=UNTIL))

    assert [len(page.events) for page in pages] == [4, 4]
    assert parse_cursor(pages[0].cursor).since is None
    assert parse_cursor(pages[1].cursor).since == project.items[-1].updated_at.replace(microsecond=123_000)


def test_the_cursor_is_never_later_than_the_overlap_before_the_reading(
    world: World, project: Project, ada: Account, collector: Collector
) -> None:
    world.open_item(project, "issues", ada)

    (page,) = collector.source().pages(stream("issues"), None, until=UNTIL)

    assert parse_cursor(page.cursor) == GitlabCursor(
        project=project.id, since=BEGINNING.replace(microsecond=0) - OVERLAP
    )


# --- projects --------------------------------------------------------------------------------------


def test_a_renamed_project_is_found_by_its_old_name_and_nothing_doubles(
    world: World, project: Project, ada: Account, collector: Collector
) -> None:
    world.open_item(project, "issues", ada)
    assert collector.collect(collector.source(), ["issues"]) == []
    world.rename(project, "acme/site")
    world.open_item(project, "issues", ada)

    assert collector.collect(collector.source(), ["issues"]) == []

    assert len(collector.ids) == 2
    assert "project-replaced" not in collector.skipped


def test_another_project_of_the_name_is_read_from_its_beginning_and_told(
    world: World, project: Project, ada: Account, collector: Collector
) -> None:
    world.open_item(project, "issues", ada)
    assert collector.collect(collector.source(), ["issues"]) == []
    world.rename(project, "acme/old")
    other = world.project("acme/web")
    world.pass_time(-86_400)
    world.open_item(other, "issues", ada)
    world.pass_time(86_400)

    assert collector.collect(collector.source(), ["issues"]) == []

    assert f"gitlab:issue_opened:{other.id}:1" in collector.ids
    assert collector.skipped == {"project-replaced": 1}


@pytest.mark.parametrize("address", ["", "https://elsewhere.example/login", "https://x/projects/81/issues"])
@pytest.mark.usefixtures("project")
def test_a_move_to_somewhere_else_is_not_followed(
    collector: Collector, server: GitlabWorldServer, address: str
) -> None:
    server.faults.append(Reply(status=301, headers={"Location": address}))

    assert refusal(collector).code == "gitlab-not-found"  # type: ignore[attr-defined]
    assert server.requests == 1


# --- refusals --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("project")
def test_refusals_name_what_is_wrong(collector: Collector, server: GitlabWorldServer) -> None:
    server.forbidden.add("issues")
    found = [
        refusal(collector),
        refusal(collector, project="acme/none"),
        refusal(collector, client=collector.client(token="glpat-other")),
        refusal(collector, client=collector.client(token="")),
        refusal(collector, client=collector.client(token="two\nlines")),
        refusal(collector, client=collector.client(url=f"{server.host}/api/v3")),
    ]
    server.faults.append(Reply(status=422))
    found.append(refusal(collector))

    assert [f"{error.code}: {error}" for error in found if isinstance(error, LedgerError)] == [
        "gitlab-forbidden: the token may not read gitlab:acme/web:issues, or the project has it switched off",
        "gitlab-not-found: acme/none is not there, or the token does not see it",
        "gitlab-credentials-refused: GitLab does not accept the token",
        "gitlab-credentials-unusable: TOKEN is not set; it must hold a GitLab token",
        "gitlab-credentials-unusable: TOKEN holds what can't be a GitLab token",
        "gitlab-not-found: acme/web is not there, or the token does not see it",
        "gitlab-request-refused: GitLab refuses the request for acme/web (status 422)",
    ]


ISSUE = {
    "id": 5, "iid": 1, "title": "x", "state": "opened", "labels": [], "user_notes_count": 0,
    "author": {"id": 1, "username": "ada"}, "created_at": "2026-11-02T09:00:00+02:00",
    "updated_at": "2026-11-02T09:00:00.5Z", "closed_at": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "is no list"),
        ([1], "is no object"),
        ([ISSUE | {"iid": "1"}], "iid is no whole number"),
        ([ISSUE | {"title": None}], "title is missing, or of another kind"),
        ([ISSUE | {"labels": [1]}], "labels is no list of texts"),
        ([ISSUE | {"author": 7}], "author is no object"),
        ([ISSUE | {"created_at": "yesterday"}], "created_at is no time"),
        ([ISSUE | {"created_at": "2026-02-30T00:00:00Z"}], "created_at is no time"),
        ([ISSUE, ISSUE | {"updated_at": "2026-11-01T09:00:00Z"}], "is not in the order of updates"),
    ],
)
@pytest.mark.usefixtures("project")
def test_an_answer_that_is_not_what_gitlab_documents_is_refused_whole(
    collector: Collector, server: GitlabWorldServer, body: object, problem: str
) -> None:
    server.faults += [None, Reply(body=json.dumps(body).encode())]

    error = refusal(collector)

    assert error.code == "gitlab-answer-unreadable"  # type: ignore[attr-defined]
    assert str(error).endswith(problem)
    assert collector.ids == set()


@pytest.mark.usefixtures("project")
def test_a_page_of_nothing_before_the_last_is_refused(
    collector: Collector, server: GitlabWorldServer
) -> None:
    server.faults += [None, Reply(body=b"[]", headers={"X-Next-Page": "2"})]

    assert str(refusal(collector)).endswith("has a page of nothing before its last")


def test_a_server_that_lists_what_was_not_asked_for_is_refused_and_not_asked_for_ever(
    world: World, project: Project, ada: Account, collector: Collector, server: GitlabWorldServer
) -> None:
    for _ in range(5):
        world.pass_time(1)
        world.open_item(project, "issues", ada)
    server.ignores_updated_after = True

    (error,) = collector.collect(collector.source(page_items=2), ["issues"])

    assert str(error).endswith("begins before what was asked for")
    assert server.requests == 3


@pytest.mark.usefixtures("project")
def test_times_of_any_zone_are_taken(collector: Collector, server: GitlabWorldServer) -> None:
    server.faults += [None, Reply(body=json.dumps([ISSUE]).encode())]

    assert collector.collect(collector.source(), ["issues"]) == []

    (event,) = collector.events.values()
    assert event.event_time == parse_instant("2026-11-02T07:00:00Z")


# --- limits and faults -----------------------------------------------------------------------------

FAULTS = {
    "429, told": ([Reply(status=429, headers={"Retry-After": "17"})], [17]),
    "429, by its reset": (
        [Reply(status=429, headers={"RateLimit-Reset": str(int(BEGINNING.timestamp()) + 30)})],
        [30],
    ),
    "429, untold": ([Reply(status=429)], [60]),
    "503, told": ([Reply(status=503, headers={"Retry-After": "9"})], [9]),
    "5xx": ([Reply(status=502, body=b"<html>"), Reply(status=500), Reply(status=504)], [1, 2, 4]),
    "resets": ([Reply(breaks="reset"), Reply(breaks="truncate")], [1, 2]),
    "half an answer": ([Reply(body=b'[{"id":')], [1]),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("request_number", [0, 1, 2])
def test_faults_and_limits_are_waited_for_and_lose_nothing(
    world: World,
    project: Project,
    ada: Account,
    collector: Collector,
    server: GitlabWorldServer,
    name: str,
    request_number: int,
) -> None:
    for _ in range(5):
        world.pass_time(1)
        world.open_item(project, "issues", ada)
    world.now = BEGINNING.replace(microsecond=0)
    faults, waits = FAULTS[name]
    server.faults.extend([None] * request_number)
    server.faults.extend(faults)

    assert collector.collect(collector.source(page_items=2), ["issues"]) == []

    assert len(collector.ids) == 5
    assert collector.waits == waits


@pytest.mark.usefixtures("project")
def test_a_long_limit_ends_the_attempt_with_what_gitlab_asked_for(
    collector: Collector, server: GitlabWorldServer
) -> None:
    server.faults.append(Reply(status=429, headers={"Retry-After": "600"}))

    error = refusal(collector)

    assert isinstance(error, SourceUnavailable)
    assert (error.retry_after_seconds, collector.waits) == (600, [])


def test_a_server_that_stays_down_ends_the_attempt_and_what_was_read_stays(
    world: World, project: Project, ada: Account, collector: Collector, server: GitlabWorldServer
) -> None:
    for _ in range(3):
        world.pass_time(1)
        world.open_item(project, "issues", ada)
    server.faults += [None, None] + [Reply(status=500)] * 6

    (error,) = collector.collect(collector.source(page_items=2), ["issues"])

    assert isinstance(error, SourceUnavailable)
    assert (error.reason, error.retry_after_seconds) == ("it failed with status 500", None)
    assert len(collector.ids) == 2
    assert collector.waits == [1, 2, 4, 8, 16]
    assert collector.collect(collector.source(page_items=2), ["issues"]) == []
    assert len(collector.ids) == 3


# --- cursors and arguments -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "x" * 201, '{"project":81,"since":null,"v":2}', '{"project":"81","since":null,"v":1}',
        '{"project":-1,"since":null,"v":1}', '{"project":81,"since":5,"v":1}',
        '{"project":81,"since":"monday","v":1}', '{"project": 81,"since":null,"v":1}',
    ],
)  # fmt: skip
def test_a_cursor_of_another_s_is_refused(text: str) -> None:
    with pytest.raises(GitlabCursorInvalid):
        parse_cursor(text)


@pytest.mark.parametrize("since", [None, BEGINNING, BEGINNING.replace(microsecond=0)])
def test_a_cursor_is_read_as_it_was_written(since: datetime | None) -> None:
    cursor = GitlabCursor(project=2**40, since=since)

    assert parse_cursor(cursor_text(cursor)) == cursor


def test_a_source_serves_its_own_streams_only(collector: Collector) -> None:
    assert [ref.stream for ref in collector.source().streams()] == list(STREAM_NAMES)
    with pytest.raises(InvalidValue):
        list(collector.source().pages(stream("issues", "other/one"), None, until=UNTIL))
    with pytest.raises(InvalidValue):
        collector.source(streams=["wikis"])
    with pytest.raises(InvalidValue):
        collector.source(page_items=101)

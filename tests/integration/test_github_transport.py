"""Credentials, rate limits and faults: the real adapter over loopback, faults scripted request by request."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest

from ledger_core.errors import LedgerError, SourceUnavailable
from scheduler_worker.sources.github.client import PATIENCE_SECONDS, GithubClient
from scheduler_worker.sources.github.credentials import AppInstallations, PersonalToken
from scheduler_worker.sources.github.refusals import (
    GithubAnswerUnreadable,
    GithubAppNotInstalled,
    GithubCredentialsRefused,
    GithubCredentialsUnusable,
    GithubForbidden,
    GithubNotFound,
    GithubRequestRefused,
    GithubSamlRequired,
)
from tests.github_world.collecting import UNTIL, Collector, collector_on
from tests.github_world.server import (
    APP_ID,
    HOURLY_POINTS,
    TOKEN,
    Bucket,
    Fault,
    GithubWorldServer,
    Installation,
    app_key_pem,
)
from tests.github_world.world import Repository, World

PULLS = 24


@pytest.fixture(scope="module")
def running() -> Iterator[GithubWorldServer]:
    with GithubWorldServer().running() as server:
        yield server


@pytest.fixture
def server(running: GithubWorldServer) -> GithubWorldServer:
    running.reset(World())
    return running


@pytest.fixture
def collector(server: GithubWorldServer) -> Iterator[Collector]:
    with collector_on(server) as collector:
        yield collector


@pytest.fixture(autouse=True)
def repository(server: GithubWorldServer) -> Repository:
    return filled(server.world, "acme/web")


def filled(world: World, name: str, *, pulls: int = PULLS) -> Repository:
    repository = world.repository(name)
    ada = world.account(f"ada-of-{name.partition('/')[0]}")
    for _ in range(pulls):
        world.pass_time(60)
        world.merge(world.open_item(repository, "pull", ada), ada)
    return repository


def graphql_error(kind: str, message: str = "no", **more: object) -> Fault:
    body = {"data": None, "errors": [{"type": kind, "message": message, **more}]}
    return Fault(body=json.dumps(body).encode())


SECONDARY = json.dumps({"message": "You have exceeded a secondary rate limit."}).encode()
HOSTILE = "\x1b[31m{0} %s\n\u202e" + TOKEN


# --- faults that pass


@pytest.mark.parametrize(
    ("fault", "waited"),
    [
        (Fault(status=502, body=b"<html>Unicorn!</html>"), 1),
        (Fault(status=504, body=b'{"message": "timeout"}'), 1),
        (Fault(status=503, headers={"retry-after": "7"}), 7),
        (Fault(status=403, headers={"retry-after": "30"}, body=SECONDARY), 30),
        (Fault(status=429, headers={"retry-after": "60"}), 60),
        (Fault(status=403, body=SECONDARY), 60),
        (Fault(status=429), 60),
        (graphql_error("", "You have exceeded a secondary rate limit"), 60),
        (Fault(breaks="reset"), 1),
        (Fault(breaks="truncate", body=b'{"data": {'), 1),
        (Fault(body=b'{"data": {'), 1),
        (Fault(breaks="partial"), 1),
        (graphql_error("RESOURCE_LIMITS_EXCEEDED"), 1),
    ],
)
def test_a_fault_in_mid_walk_loses_nothing_and_waits_as_asked(
    server: GithubWorldServer, collector: Collector, repository: Repository, fault: Fault, waited: int
) -> None:
    server.faults.extend([None, None, fault])  # the repository, a page, then this

    assert collector.collect(collector.source(page_items=5), ["pull_requests"]) == []
    assert collector.waits == [waited]
    assert collector.ids == server.world.true_events(repository)


def test_every_fault_in_one_walk(
    server: GithubWorldServer, collector: Collector, repository: Repository
) -> None:
    server.faults.extend(
        [
            Fault(breaks="reset"),
            None,
            Fault(status=502),
            Fault(breaks="truncate", body=b"{"),
            None,
            Fault(breaks="partial"),
            Fault(status=429, headers={"retry-after": "2"}),
            None,
            Fault(status=503),
        ]
    )

    assert collector.collect(collector.source(page_items=5)) == []
    assert collector.ids == server.world.true_events(repository)


def test_after_trouble_on_githubs_side_pages_are_halved_and_grow_again(
    server: GithubWorldServer, collector: Collector, repository: Repository
) -> None:
    server.faults.extend([None, Fault(status=502), Fault(status=504)])

    assert collector.collect(collector.source(page_items=12), ["pull_requests"]) == []
    sizes = [variables["first"] for name, variables in server.log if name == "PullRequests"]
    assert sizes[:3] == [3, 6, 12]
    assert collector.ids == server.world.true_events(repository)


def test_a_page_cursor_that_github_no_longer_takes_begins_the_sweep_anew(
    server: GithubWorldServer, collector: Collector, repository: Repository
) -> None:
    server.faults.extend([None, None, graphql_error("INVALID_CURSOR_ARGUMENTS")])

    assert collector.collect(collector.source(page_items=5), ["pull_requests"]) == []
    assert collector.ids == server.world.true_events(repository)


# --- limits that hold no worker


@pytest.mark.parametrize(
    ("fault", "asked_seconds"),
    [
        (Fault(status=403, headers={"retry-after": "61"}, body=SECONDARY), 61),
        (Fault(status=429, headers={"retry-after": "1800"}), 1_800),
    ],
)
def test_a_longer_wait_is_raised_with_exactly_what_github_asked(
    server: GithubWorldServer, collector: Collector, repository: Repository, fault: Fault, asked_seconds: int
) -> None:
    server.faults.extend([None, None, fault])

    (problem,) = collector.collect(collector.source(page_items=5), ["pull_requests"])

    assert isinstance(problem, SourceUnavailable)
    assert problem.retry_after_seconds == asked_seconds
    assert collector.waits == []
    assert len(collector.ids) == 5
    # The next attempt goes on after the page that is stored.
    server.log.clear()
    assert collector.collect(collector.source(page_items=5), ["pull_requests"]) == []
    assert next(variables["after"] for name, variables in server.log if name == "PullRequests") is not None
    assert collector.ids == server.world.true_events(repository)


def test_the_hourly_limit_is_raised_with_the_time_until_its_reset_by_the_servers_clock(
    server: GithubWorldServer, collector: Collector, repository: Repository
) -> None:
    reset_at = server.world.now + timedelta(seconds=1_234)
    server.buckets[TOKEN] = Bucket(remaining=2, reset_at=reset_at)
    stepped = Collector(collector.http, server)
    skewed = stepped.client()
    skewed._clock._clock = lambda: server.world.now + timedelta(days=3)  # the worker's own clock is wrong

    (problem,) = stepped.collect(stepped.source(client=skewed, page_items=5), ["pull_requests"])

    assert isinstance(problem, SourceUnavailable)
    assert problem.retry_after_seconds == 1_234
    assert server.requests == 2, "the third was not sent, as nothing was left for it"
    server.world.pass_time(1_234)
    assert stepped.collect(stepped.source(client=skewed, page_items=5), ["pull_requests"]) == []
    assert stepped.ids == server.world.true_events(repository)


def test_a_limit_that_somebody_else_used_up_is_an_answer_of_status_200(
    server: GithubWorldServer, collector: Collector
) -> None:
    def spend(number: int) -> None:
        if number == 3:
            server.buckets[TOKEN].remaining = 0

    server.before_request = spend

    (problem,) = collector.collect(collector.source(page_items=5), ["pull_requests"])

    assert isinstance(problem, SourceUnavailable)
    assert problem.retry_after_seconds == 3_600
    assert len(collector.ids) == 5


def test_patience_is_a_minute_in_all(server: GithubWorldServer, collector: Collector) -> None:
    server.faults.extend([Fault(status=502)] * 20)

    (problem,) = collector.collect(collector.source(), ["pull_requests"])

    assert isinstance(problem, SourceUnavailable)
    assert problem.retry_after_seconds is None
    assert collector.waits == [1, 2, 4, 8, 16]
    assert sum(collector.waits) <= PATIENCE_SECONDS


def test_an_absurd_wait_is_asked_again_within_a_day(server: GithubWorldServer, collector: Collector) -> None:
    server.faults.extend([Fault(status=429, headers={"retry-after": "999999999"})])

    (problem,) = collector.collect(collector.source(), ["pull_requests"])

    assert isinstance(problem, SourceUnavailable)
    assert problem.retry_after_seconds == 86_400


# --- refusals


@pytest.mark.parametrize(
    ("fault", "refusal"),
    [
        (graphql_error("FORBIDDEN", HOSTILE, extensions={"saml_failure": True}), GithubSamlRequired),
        (Fault(status=403, headers={"x-github-sso": "required"}), GithubSamlRequired),
        (graphql_error("INSUFFICIENT_SCOPES", HOSTILE), GithubForbidden),
        (Fault(status=403, body=json.dumps({"message": HOSTILE}).encode()), GithubForbidden),
        (graphql_error("NOT_FOUND", HOSTILE), GithubNotFound),
        (graphql_error("", HOSTILE, extensions={"code": "undefinedField"}), GithubRequestRefused),
        (Fault(status=422, body=HOSTILE.encode()), GithubRequestRefused),
        (Fault(status=401), GithubCredentialsRefused),
        (Fault(body=b"[1, 2]"), GithubAnswerUnreadable),
        (Fault(body=b'{"data": {"repository": {"id": 7}}}'), GithubAnswerUnreadable),
        (
            Fault(status=301, headers={"location": "http://elsewhere.example/"}, body=b"<a>"),
            GithubAnswerUnreadable,
        ),
    ],
)
def test_a_refusal_is_one_plain_sentence_without_the_token(
    server: GithubWorldServer,
    collector: Collector,
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
    refusal: type[LedgerError],
) -> None:
    caplog.set_level(logging.DEBUG)
    server.faults.append(fault)

    (problem,) = collector.collect(collector.source(), ["pull_requests"])

    assert isinstance(problem, refusal)
    assert str(problem).isascii()
    assert str(problem).isprintable()
    # What a hostile answer quotes back is the answer's; the header that was sent is nowhere.
    assert f"Bearer {TOKEN}" not in str(problem) + caplog.text
    assert "authorization" not in caplog.text.lower()


def test_deep_nesting_and_endless_bodies_are_refused_in_bounded_memory(
    server: GithubWorldServer,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("scheduler_worker.sources.http.MAX_BODY_BYTES", 10_000)
    server.faults.extend([Fault(body=b"[" * 9_000), Fault(body=b" " * 20_000)])

    assert collector.collect(collector.source(page_items=2), ["pull_requests"]) == []
    assert collector.waits == [1, 2]


@pytest.mark.parametrize("vanishes_at", [1, 2, 3])
def test_a_repository_that_vanishes_is_named(
    server: GithubWorldServer, collector: Collector, vanishes_at: int
) -> None:
    def vanish(number: int) -> None:
        if number == vanishes_at:
            server.world.repositories.clear()

    server.before_request = vanish

    (problem,) = collector.collect(collector.source(page_items=5), ["pull_requests"])

    assert isinstance(problem, GithubNotFound)
    assert str(problem) == "acme/web is not there, or the credentials do not see it"


# --- credentials


def test_no_text_shows_a_secret(server: GithubWorldServer, collector: Collector) -> None:
    personal = PersonalToken({"TOKEN": TOKEN}, "TOKEN")
    app = collector.app()
    client = collector.client(personal)
    answer = collector.http.send("GET", f"{server.url}/x", authorization=f"Bearer {TOKEN}")

    shown = " ".join(map(repr, [personal, app, client, client.reading("acme"), answer, collector.http]))

    assert TOKEN not in shown
    assert "PRIVATE" not in shown


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "LEDGER_T is not set; it must hold a GitHub token"),
        ("two words", "LEDGER_T is not a GitHub token"),
        ("gh\r\nX-Injected: 1", "LEDGER_T is not a GitHub token"),
        ("ghp_\u0661", "LEDGER_T is not a GitHub token"),
    ],
)
def test_a_token_that_is_none_is_refused_by_its_variable_alone(
    collector: Collector, text: str, problem: str
) -> None:
    client = collector.client(PersonalToken({"LEDGER_T": text}, "LEDGER_T"))

    (refused,) = collector.collect(collector.source(client=client), ["issues"])

    assert isinstance(refused, GithubCredentialsUnusable)
    assert str(refused) == problem


def test_an_app_reads_each_owners_repositories_with_that_owners_installation(
    server: GithubWorldServer, collector: Collector, repository: Repository
) -> None:
    labs = filled(server.world, "acme-labs/lab")
    others = [Installation(id=1_000 + number, owner=f"other-{number}") for number in range(130)]
    server.installations = [*others, Installation(id=1, owner="acme"), Installation(id=2, owner="acme-labs")]
    client = collector.client(collector.app())

    for name in ("acme/web", "Acme-Labs/lab"):
        assert collector.collect(collector.source(name, client=client), ["pull_requests"]) == []

    true = server.world.true_events(repository) | server.world.true_events(labs)
    assert collector.ids == true
    assert [len(found.tokens) for found in server.installations[-2:]] == [1, 1]
    assert sum(path.startswith("GET /app/installations") for path in server.paths) == 2


def test_an_installations_token_is_renewed_before_it_expires_and_when_it_is_revoked(
    server: GithubWorldServer, collector: Collector, repository: Repository
) -> None:
    server.installations = [Installation(id=1, owner="acme")]
    server.seconds_a_request = 250  # fourteen requests an hour

    def revoke(number: int) -> None:
        if number == 4:
            server.installations[0].tokens.clear()

    server.before_request = revoke
    client = collector.client(collector.app())

    assert collector.collect(collector.source(client=client, page_items=1), ["pull_requests"]) == []
    assert collector.ids == server.world.true_events(repository)
    assert server.unauthorized == 1, "the revoked one; none was used until it had expired"
    assert sum("access_tokens" in path for path in server.paths) >= 3


def test_an_app_that_was_suspended_or_installed_anew_is_found_again_by_the_same_client(
    server: GithubWorldServer, collector: Collector, repository: Repository
) -> None:
    source = collector.source(client=collector.client(collector.app()))
    server.installations = [Installation(id=1, owner="acme", is_suspended=True)]
    (suspended,) = collector.collect(source, ["pull_requests"])
    assert isinstance(suspended, GithubAppNotInstalled)

    server.installations = [Installation(id=1, owner="acme")]
    assert collector.collect(source, ["pull_requests"]) == [], "the suspension is over"

    server.installations = [Installation(id=2, owner="acme")]
    server.world.pass_time(7 * 86_400)  # the token is long expired
    assert collector.collect(source, ["issues"]) == [], "the old installation's number leads nowhere"
    assert collector.ids == server.world.true_events(repository)


def test_a_token_that_two_threads_were_refused_with_is_renewed_for_both(
    server: GithubWorldServer, collector: Collector
) -> None:
    server.installations = [Installation(id=1, owner="acme")]
    app = collector.app()
    collector.collect(collector.source(client=collector.client(app)), ["issues"])

    def must_not_ask(*_: str) -> object:
        raise AssertionError("the token is kept")

    refused = app.authorization("acme", must_not_ask)
    assert app.forget("acme", refused)
    assert app.forget("acme", refused), "the second thread, before anybody asked again"
    collector.collect(collector.source(client=collector.client(app)), ["issues"])
    renewed = app.authorization("acme", must_not_ask)
    assert app.forget("acme", refused), "the second thread, after the first one asked again"
    assert app.authorization("acme", must_not_ask) == renewed != refused


def test_an_app_is_refused_by_name_where_it_is_not_installed_suspended_or_has_another_key(
    server: GithubWorldServer, collector: Collector
) -> None:
    def refusal_of(app: AppInstallations) -> LedgerError:
        (problem,) = collector.collect(collector.source(client=collector.client(app)), ["issues"])
        assert isinstance(problem, LedgerError)
        return problem

    missing = refusal_of(collector.app())
    server.installations = [Installation(id=1, owner="acme", is_suspended=True)]
    suspended = refusal_of(collector.app())
    no_key = refusal_of(
        collector.app({"KEY": "-----BEGIN RSA PRIVATE KEY-----\nno\n-----END RSA PRIVATE KEY-----"})
    )
    wrong = AppInstallations(
        {"KEY": app_key_pem()}, app_id=APP_ID + "0", key_variable="KEY", clock=collector.clock()
    )

    assert (type(missing), str(missing)) == (
        GithubAppNotInstalled,
        "the GitHub App is not installed for acme",
    )
    assert str(suspended) == "the GitHub App is suspended for acme"
    assert (type(no_key), str(no_key)) == (
        GithubCredentialsUnusable,
        "KEY is no RSA private key in PEM",
    )
    assert str(refusal_of(wrong)) == "GitHub does not accept the app's id and key"


def test_a_limit_on_the_way_to_a_token_is_waited_for_like_any_other(
    server: GithubWorldServer, collector: Collector
) -> None:
    server.installations = [Installation(id=1, owner="acme")]
    server.rest_faults.extend(
        [
            Fault(status=403, headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}),
            Fault(status=502),
        ]
    )

    client = collector.client(collector.app())

    assert collector.collect(collector.source(client=client), ["pull_requests"]) == []
    assert collector.waits == [1, 1]


def test_an_enterprise_server_is_another_base_url(
    server: GithubWorldServer, collector: Collector, repository: Repository
) -> None:
    server.prefix = "/api"
    server.installations = [Installation(id=1, owner="acme")]
    client: GithubClient = collector.client(collector.app(), url=f"{server.url}/api/v3/")

    assert collector.collect(collector.source(client=client)) == []
    assert collector.ids == server.world.true_events(repository)
    assert {path.split("?")[0] for path in server.paths} == {
        "GET /api/v3/app/installations",
        "POST /api/v3/app/installations/1/access_tokens",
        "POST /api/graphql",
    }


def test_every_query_is_counted_against_the_budget(server: GithubWorldServer, collector: Collector) -> None:
    client = collector.client()

    collector.collect(collector.source(client=client))

    remaining = client.remaining("acme")
    assert remaining is not None
    assert remaining[0] == HOURLY_POINTS - sum(server.costs)


def test_a_server_that_is_not_there_is_unavailable(collector: Collector) -> None:
    source = collector.source(client=collector.client(url="http://127.0.0.1:9"))

    with pytest.raises(SourceUnavailable, match=r"GitHub is unavailable: no connection \(ConnectError\)"):
        list(source.pages(source.streams()[0], None, until=UNTIL))

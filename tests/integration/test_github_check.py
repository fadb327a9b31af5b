"""`ledger source check`: what the credentials see and what a window costs, before anything is collected."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scheduler_worker.cli import progress
from scheduler_worker.cli.app import run
from tests.command_line import Ended, controls_in, run_program
from tests.github_world.collecting import collector_on
from tests.github_world.server import TOKEN, Fault, GithubWorldServer, Installation, app_key_pem
from tests.github_world.world import World
from tests.json_shapes import check_shape


@pytest.fixture
def server() -> Iterator[GithubWorldServer]:
    with GithubWorldServer().running() as server:
        server.world.now = datetime.now(tz=UTC).replace(microsecond=0)
        yield server


def write_policy(folder: Path, server: GithubWorldServer, **keys: Any) -> Path:
    path = folder / "ledger.toml"
    lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    path.write_text(
        'node_id = "6f9619ff-8b86-d011-b42d-00c04fc964ff"\n[epoch]\nlength_days = 7\n[[sources.github]]\n'
        f'source = "ghe"\nbase_url = "{server.url}"\n' + "\n".join(lines)
    )
    return path


def check(policy: Path, *arguments: str, **settings: str) -> Ended:
    return run_program("--config", policy, "source", "check", *arguments, settings=settings)


def filled(world: World) -> None:
    ada = world.account("ada")
    web, old = world.repository("acme/web"), world.repository("acme/old")
    world.repository("acme/fork").is_fork = True
    world.repository("acme/secret-plans").is_private = True
    world.repository("other/thing")
    old.is_archived = True
    now = world.now
    for age_days in (100, 100, 0, 0, 0):
        world.now = now - timedelta(days=age_days)
        for kind in ("pull", "issue"):
            world.open_item(web, kind, ada)
    world.now = now


def test_it_says_what_is_seen_left_out_and_paid(server: GithubWorldServer, tmp_path: Path) -> None:
    filled(server.world)
    policy = write_policy(
        tmp_path, server, repos=["acme/*", "gone/gone"], archived=False, exclude=["acme/secret-*"],
        streams=["pull_requests", "issues"],
    )  # fmt: skip

    told = check(policy, "ghe", "--json", LEDGER_GITHUB_TOKEN=TOKEN)
    shown = check(policy, "ghe", LEDGER_GITHUB_TOKEN=TOKEN)

    check_shape("source check", json.loads(told.output))
    report = json.loads(told.output)[0]
    repositories = {found["name"]: found for found in report["repositories"]}
    assert told.status == shown.status == 3
    assert (report["source"], report["readable"]) == ("ghe", False)
    assert {name: found["left_out"] for name, found in repositories.items()} == {
        "gone/gone": None,
        "acme/fork": "fork",
        "acme/old": "archived",
        "acme/secret-plans": "excluded",
        "acme/web": None,
    }
    assert repositories["gone/gone"]["problem"] == (
        "github-not-found: gone/gone is not there, or the credentials do not see it"
    )
    assert repositories["acme/web"]["items"] == {
        "pull_requests": 5, "issues": 5, "discussions": 0, "releases": 0, "commits": 0,
    }  # fmt: skip
    assert (report["first_points"], report["window_points"]) == (14, 14)
    rights = {found["owner"]: found for found in report["rights"]}
    assert (rights["acme"]["scopes"], rights["acme"]["points_an_hour"]) == ("repo, read:org", 5_000)
    assert "NOT readable: gone/gone: github-not-found: gone/gone is not there" in shown.output
    assert TOKEN not in told.output + told.errors + shown.output + shown.errors
    assert (told.errors, shown.errors) == ("", "")


@pytest.mark.parametrize("number_of_pulls", [0, 51])
def test_the_estimate_is_no_less_than_a_reading_then_costs_and_not_twice_it(
    server: GithubWorldServer, tmp_path: Path, number_of_pulls: int
) -> None:
    world = server.world
    world.repository("acme/web")
    ada = world.account("ada")
    world.now -= timedelta(days=1)
    for _ in range(number_of_pulls):
        world.pass_time(60)
        world.merge(world.open_item(world.repositories[0], "pull", ada), ada)
        world.open_item(world.repositories[0], "issue", ada)
    world.pass_time(60)
    policy = write_policy(tmp_path, server, repos=["acme/web"])

    told = check(policy, "ghe", "--json", LEDGER_GITHUB_TOKEN=TOKEN)
    server.costs.clear()
    with collector_on(server) as collector:
        assert collector.collect(collector.source()) == []

    estimate = json.loads(told.output)[0]["first_points"]
    assert sum(server.costs) <= estimate <= 2 * sum(server.costs)


def test_a_source_that_can_be_read_ends_well_and_an_app_is_named(
    server: GithubWorldServer, tmp_path: Path
) -> None:
    filled(server.world)
    server.installations = [Installation(id=7, owner="acme")]
    policy = write_policy(tmp_path, server, repos=["acme/web"], app_id="4711")

    told = check(policy, "ghe", LEDGER_GITHUB_APP_KEY=app_key_pem())

    assert (told.status, told.errors) == (0, "")
    assert "read with GitHub App 4711" in told.output
    assert told.output.endswith("everything named is readable\n")


def test_what_is_wrong_is_one_sentence_and_hostile_text_stays_text(
    server: GithubWorldServer, tmp_path: Path
) -> None:
    filled(server.world)
    policy = write_policy(tmp_path, server, repos=["acme/web"])
    hostile = json.dumps({"message": "\x1b[2J \u202e gone"}).encode()

    unknown = check(policy, "github", LEDGER_GITHUB_TOKEN=TOKEN)
    no_token = check(policy, "ghe")
    server.faults.append(Fault(status=403, body=hostile))
    refused = check(policy, "ghe", "--json", LEDGER_GITHUB_TOKEN=TOKEN)

    assert unknown.status == 1
    assert unknown.errors == (
        "ledger: source-not-configured: ledger.toml has no [[sources.github]] with source github\n"
    )
    assert no_token.status == 3
    assert "LEDGER_GITHUB_TOKEN is not set; it must hold a GitHub token" in no_token.output
    assert controls_in(refused.output) == []
    assert "github-forbidden: the credentials may not read acme/web" in refused.output


def test_at_a_terminal_it_says_how_far_it_is(
    server: GithubWorldServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    filled(server.world)
    policy = write_policy(tmp_path, server, repos=["gone/gone", "acme/*"], archived=False)
    command = ["--config", str(policy), "source", "check", "ghe"]
    monkeypatch.setenv("LEDGER_GITHUB_TOKEN", TOKEN)
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(progress, "TOLD_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    assert run(command) == 3
    told = capsys.readouterr().err.split("\r\x1b[2K")
    assert run([*command, "--json"]) == 3
    beside_json = capsys.readouterr().err

    assert told[1:4] == [
        "... looking at ghe",
        "... looking at acme/*",
        "... looking at 0 of 3 repositories",
    ]
    assert re.fullmatch(r"\.\.\. looking at 1 of 3 repositories, \d+/s, \d+s left", told[4])
    assert re.fullmatch(r"\.\.\. looking at 1 of 2 owners, \d+/s, \d+s left", told[-2])
    assert beside_json == ""

"""`ledger source check` of GitLab: what the token sees, before anything is collected."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler_worker.cli import progress
from scheduler_worker.cli.app import run
from tests.command_line import Ended, controls_in, run_program
from tests.gitlab_world.server import TOKEN, GitlabWorldServer
from tests.gitlab_world.world import World
from tests.json_shapes import check_shape


@pytest.fixture
def server() -> Iterator[GitlabWorldServer]:
    with GitlabWorldServer().running() as server:
        yield server


@pytest.fixture
def world(server: GitlabWorldServer) -> World:
    world = server.world
    ada = world.account("ada")
    project = world.project("acme/web")
    for _ in range(3):
        world.note(world.open_item(project, "issues", ada), ada)
    world.merge(world.open_item(project, "merge_requests", ada), ada)
    world.open_item(project, "merge_requests", ada)
    return world


def check(folder: Path, server: GitlabWorldServer, *arguments: str, token: str = TOKEN) -> Ended:
    policy = folder / "ledger.toml"
    policy.write_text(
        'node_id = "6f9619ff-8b86-d011-b42d-00c04fc964ff"\n[[sources.gitlab]]\nsource = "forge"\n'
        f'base_url = "{server.url}"\nprojects = ["acme/web", "acme/none"]\n'
    )
    return run_program(
        "--config", policy, "source", "check", "forge", *arguments, settings={"LEDGER_GITLAB_TOKEN": token}
    )


def test_it_says_what_is_readable_and_how_much_there_is(
    server: GitlabWorldServer, world: World, tmp_path: Path
) -> None:
    server.forbidden.add("issues")

    told, shown = check(tmp_path, server, "--json"), check(tmp_path, server)

    check_shape("source check", json.loads(told.output))
    (report,) = json.loads(told.output)
    web, none = report["projects"]
    forbidden = "gitlab-forbidden: the token may not read issues, or the project has it switched off"
    assert (told.status, shown.status, report["readable"]) == (3, 3, False)
    assert (web["number"], web["problem"]) == (world.projects[0].id, None)
    assert web["streams"]["merge_requests"] == {"listed": 1, "problem": None}
    assert web["streams"]["merge_request_notes"] == {"listed": 2, "problem": None}
    assert web["streams"]["issues"] == {"listed": None, "problem": forbidden}
    assert none["problem"] == "gitlab-not-found: acme/none is not there, or the token does not see it"
    assert f"NOT readable: acme/web issues: {forbidden}" in shown.output
    assert f"NOT readable: acme/none: {none['problem']}" in shown.output
    assert controls_in(shown.output) == []
    assert TOKEN not in told.output + told.errors + shown.output + shown.errors
    assert (told.errors, shown.errors) == ("", "")


def test_what_is_readable_ends_well(server: GitlabWorldServer, world: World, tmp_path: Path) -> None:
    world.project("acme/none")

    told = check(tmp_path, server)

    assert told.status == 0
    assert told.output.splitlines()[0] == f"forge at {server.url}, read with the token in LEDGER_GITLAB_TOKEN"
    assert told.output.splitlines()[-1] == "everything named is readable"
    assert all(f"/api/v4/projects/{project.id}/issues" in str(server.paths) for project in world.projects)


def test_a_token_that_is_none_is_every_project_s_problem(
    server: GitlabWorldServer, world: World, tmp_path: Path
) -> None:
    told = check(tmp_path, server, token="glpat-revoked")

    assert world.projects
    assert told.status == 3
    assert told.output.count("gitlab-credentials-refused: GitLab does not accept the token") == 2
    assert "glpat-revoked" not in told.output + told.errors


def test_at_a_terminal_it_says_how_far_it_is(
    server: GitlabWorldServer,
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    check(tmp_path, server)
    command = ["--config", str(tmp_path / "ledger.toml"), "source", "check", "forge"]
    monkeypatch.setenv("LEDGER_GITLAB_TOKEN", TOKEN)
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(progress, "TOLD_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    assert run(command) == 3
    told = capsys.readouterr().err.split("\r\x1b[2K")
    assert run([*command, "--json"]) == 3
    beside_json = capsys.readouterr().err

    assert told[1:3] == ["... looking at forge", "... looking at 0 of 2 projects"]
    assert re.fullmatch(r"\.\.\. looking at 1 of 2 projects, \d+/s, \d+s left", told[3])
    assert world.projects
    assert beside_json == ""

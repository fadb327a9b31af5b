"""`ledger init`: a first policy that is one, by questions or by options, and never over another."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path
from uuid import UUID

import pytest

from scheduler_worker.cli.app import run
from scheduler_worker.policy import read_policy
from scheduler_worker.policy_template import github_repository
from tests.json_shapes import WRITES, check_shape

NODE = "0195f1d2-0000-7000-8000-000000000001"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "web"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("LEDGER_CONFIG", raising=False)
    return folder


def repository(folder: Path, remote: str | None = None) -> None:
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    if remote is not None:
        subprocess.run(["git", "-C", str(folder), "remote", "add", "origin", remote], check=True)


def test_options_say_everything(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--node-id", NODE, "--github", "acme/web", "--github", "acme/lib-*", "--git", "core=../core")
    assert run(["init", *options, "--pool", "500", "--length-days", "14", "--yes"]) == 0

    policy = read_policy(here / "ledger.toml")
    assert policy.node_id == UUID(NODE)
    assert (policy.base_issuance_credits, policy.length_days) == (500, 14)
    assert [(git.name, git.path.resolve()) for git in policy.git_sources] == [("core", here.parent / "core")]
    assert [(found.repos, found.patterns) for found in policy.github_sources] == [
        (("acme/web",), ("acme/lib-*",))
    ]
    assert f"ledger.toml written: ledger {NODE}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("remote", "git", "github"),
    [
        (None, ["web"], []),
        ("https://github.com/acme/web.git", [], ["acme/web"]),
        ("git@github.com:acme/web", [], ["acme/web"]),
        ("https://example.org/acme/web.git", ["web"], []),
    ],
)
def test_what_is_in_the_folder_is_taken_where_nobody_asks(
    here: Path, remote: str | None, git: list[str], github: list[str]
) -> None:
    repository(here, remote)
    assert run(["init", "--yes"]) == 0

    policy = read_policy(here / "ledger.toml")
    assert [found.name for found in policy.git_sources] == git
    assert [name for found in policy.github_sources for name in found.repos] == github
    assert policy.base_issuance_credits == 10_000


def test_a_person_is_asked(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    repository(here, "https://github.com/acme/web.git")
    monkeypatch.setattr("sys.stdin", Terminal("n\ny\n77\n"))
    assert run(["init"]) == 0

    captured = capsys.readouterr()
    assert "Collect acme/web from GitHub?" in captured.err
    assert "?" not in captured.out
    policy = read_policy(here / "ledger.toml")
    assert [found.name for found in policy.git_sources] == ["web"]
    assert policy.github_sources == ()
    assert policy.base_issuance_credits == 77


def test_a_person_is_asked_beside_json_and_the_answer_is_json_alone(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    repository(here, "https://github.com/acme/web.git")
    (here / "ledger.schema.json").mkdir()
    monkeypatch.setattr("sys.stdin", Terminal("y\n77\n"))
    assert run(["init", "--json"]) == 0

    written = json.loads(capsys.readouterr().out)
    check_shape("init", written, WRITES)
    assert (written["github"], written["pool_credits"]) == (["acme/web"], 77)
    assert written["schema_file"] is None
    assert written["node_id"] == str(read_policy(here / "ledger.toml").node_id)


def test_a_path_is_from_here_wherever_the_file_is(here: Path) -> None:
    (here / "etc").mkdir()
    options = ("--git", "core=../core", "--git", "far=/srv/far", "--git", "mine=~/mine")
    assert run(["--config", "etc/ledger.toml", "init", *options, "--yes"]) == 0

    found = {git.name: git.path.resolve() for git in read_policy(here / "etc/ledger.toml").git_sources}
    assert found == {"core": here.parent / "core", "far": Path("/srv/far"), "mine": Path.home() / "mine"}


def test_the_first_weights_are_those_of_the_example(here: Path) -> None:
    assert run(["init", "--yes"]) == 0

    example = read_policy(Path(__file__).parents[2] / "ledger.toml.example")
    policy = read_policy(here / "ledger.toml")
    assert policy.weights == example.weights
    assert policy.base_issuance_credits == example.base_issuance_credits


def test_two_ledgers_are_two_nodes(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "--yes"]) == 0
    assert run(["--config", "other.toml", "init", "--yes"]) == 0

    assert read_policy(here / "ledger.toml").node_id != read_policy(here / "other.toml").node_id
    assert "no source yet" in capsys.readouterr().out


def test_a_file_that_is_there_stays(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "ledger.toml").write_text("mine")
    assert run(["init", "--yes"]) == 1

    assert (here / "ledger.toml").read_text() == "mine"
    assert capsys.readouterr().err.startswith("ledger: policy-exists: ")


def test_nobody_is_asked_about_a_file_that_is_there(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "ledger.toml").write_text("mine")
    monkeypatch.setattr("sys.stdin", Terminal("77\n"))

    assert run(["init"]) == 1
    assert capsys.readouterr().out == ""


def test_a_file_that_comes_while_a_person_thinks_stays(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def think(*_: object, **__: object) -> int:
        (here / "ledger.toml").write_text("theirs")
        return 77

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("click.prompt", think)

    assert run(["init"]) == 1
    assert (here / "ledger.toml").read_text() == "theirs"
    assert "ledger: policy-exists: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        (("--github", "no name"), 2, "policy-invalid"),
        (("--git", "a\x7fb=."), 2, "policy-unreadable"),
        (("--git", "nothing"), 2, None),
        (("--pool", "-1"), 2, None),
        (("--node-id", "7"), 2, None),
    ],
)
def test_what_makes_no_policy_leaves_no_file(
    here: Path, options: tuple[str, str], status: int, code: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init", *options, "--yes"]) == status

    assert list(here.iterdir()) == []
    said = capsys.readouterr().err
    assert code is None or said.startswith(f"ledger: {code}: ")


def test_a_folder_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--config", "nowhere/ledger.toml", "init", "--yes"]) == 1
    assert capsys.readouterr().err.startswith("ledger: policy-not-written: ")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("ssh://git@github.com/acme/web.git", "acme/web"),
        ("https://github.com/acme/web/", "acme/web"),
        ("https://github.com.evil.example/acme/web", None),
        ("https://github.com/acme/web/extra", None),
        ("", None),
    ],
)
def test_a_remote_on_github_is_told_from_others(url: str, name: str | None) -> None:
    assert github_repository(url) == name

"""`ledger demo` on real repositories and servers of its own: what it shows, leaves behind, and survives."""

from __future__ import annotations

import hashlib
import re
import shlex
import signal
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler_worker.cli.app import run
from tests.command_line import (
    COLUMNS,
    Ended,
    controls_in,
    interrupt,
    read_until,
    run_on_terminal,
    run_program,
    running_program,
    screen_lines,
    write_weeks,
)
from tests.git_repositories import ANN, run_git
from tests.local_owners import eventually, folder_for_all, servers_of

HASH = re.compile(r"\b[0-9a-f]{64}\b")
GONE_SECONDS = 10


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weeks(tmp_path_factory.mktemp("work") / "weeks")


@pytest.fixture(scope="module")
def first_run(repository: Path) -> Iterator[tuple[Path, Ended]]:
    """A data folder with one run in it, and what that run printed."""
    with folder_for_all() as data:
        yield data, run_program("demo", "--repo", repository, "--data", data)


@pytest.fixture
def folder() -> Iterator[Path]:
    with folder_for_all() as data:
        yield data
        assert servers_of(data) == {}


def bundle(data: Path, epoch: int) -> str:
    return hashlib.sha256((data / f"statement-{epoch}.zip").read_bytes()).hexdigest()


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    """Run in this process; return the status and the one line on stderr."""
    status = run(["demo", *map(str, arguments)])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1, captured.err
    return status, captured.err


def settings_in(file: Path) -> dict[str, str]:
    return dict(word.split("=", 1) for word in shlex.split(file.read_text()) if word != "export")


@pytest.mark.xdist_group("demo")
def test_a_first_run_ends_verified_and_leaves_nothing_running(first_run: tuple[Path, Ended]) -> None:
    data, ended = first_run
    *_, verdict = ended.output.splitlines()
    payouts = [line.split() for line in ended.output.splitlines() if "@example.org" in line]

    assert (0, f"verified {HASH.findall(ended.output)[-1]}") == (ended.status, verdict), ended
    assert servers_of(data) == {}
    assert {"ada@example.org", "linus@example.org", "grace@example.org"} == {words[0] for words in payouts}
    assert sum(int(words[3]) for words in payouts) == 10_000
    assert controls_in(ended.output) + controls_in(ended.errors) == []
    assert all(line.startswith("... ") for line in ended.errors.splitlines())
    assert all(line == line.rstrip() for line in ended.output.splitlines())


@pytest.mark.xdist_group("demo")
def test_a_second_run_finds_the_same_chain_and_writes_the_same_bytes(
    repository: Path, first_run: tuple[Path, Ended]
) -> None:
    data, first = first_run
    before = bundle(data, 4)
    inner = repository / "a folder" / "in it"
    inner.mkdir(parents=True, exist_ok=True)

    second = run_on_terminal("demo", "--repo", inner, "--data", data)

    assert (second.status, second.output.count("was closed already")) == (0, 4), second
    assert HASH.findall(first.output) == HASH.findall(second.output)
    assert before == bundle(data, 4)
    lines = screen_lines(second.output)
    assert [line for line in lines if len(line) > COLUMNS and str(data) not in line] == []
    assert [line for line in lines if line.startswith("...")] == []
    assert f"repository  {repository}" in lines


@pytest.mark.xdist_group("demo")
def test_the_folder_of_one_repository_is_refused_to_another(
    first_run: tuple[Path, Ended], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, _ = first_run
    other = write_weeks(tmp_path / "other", weeks=1)

    status, sentence = refusal(capsys, "--repo", other, "--data", data)

    assert status == 1
    assert sentence.startswith(f"ledger: demo-folder-of-another: {data} holds the demo of another")


def test_a_bare_mirror_is_paid_by_its_own_pool_and_weeks(
    repository: Path, folder: Path, tmp_path: Path
) -> None:
    mirror = tmp_path / "mirror.git"
    run_git("clone", "--quiet", "--mirror", repository, mirror, cwd=tmp_path, home=tmp_path)
    settings = {"XDG_DATA_HOME": str(folder)}

    ended = run_program("demo", "--epochs", "9", "--pool", "0", settings=settings, cwd=mirror)
    (data,) = (folder / "cogni-ledger").iterdir()

    assert (ended.status, ended.output.count("  closed\n")) == (0, 5), ended
    assert "nobody is paid" in ended.output
    assert data.name.startswith("demo-mirror-")
    assert f"verified {HASH.findall(ended.output)[-1]}" == ended.output.splitlines()[-1]


def test_a_repository_without_commits_is_refused_and_leaves_no_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    run_git("init", "--quiet", ".", cwd=empty, home=tmp_path)

    status, sentence = refusal(capsys, "--repo", empty, "--data", tmp_path / "data")

    assert (
        status,
        sentence,
    ) == (
        1,
        "ledger: no-activity: the repository has no commits yet, so there is nothing to pay for\n",
    )
    assert not (tmp_path / "data").exists()


def test_commits_of_the_future_are_no_activity_yet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "future"
    folder.mkdir()
    run_git("init", "--quiet", "--bare", ".", cwd=folder, home=tmp_path)
    stream = b"commit refs/heads/main\ncommitter %b 32503680000 +0000\ndata 1\nx\n" % ANN
    run_git("fast-import", "--quiet", cwd=folder, home=tmp_path, text=stream)
    run_git("symbolic-ref", "HEAD", "refs/heads/main", cwd=folder, home=tmp_path)

    status, sentence = refusal(capsys, "--repo", folder, "--data", tmp_path / "data")

    assert status == 1
    assert sentence.startswith("ledger: no-activity: ")


def test_a_shallow_clone_is_refused_by_its_own_name(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clone = tmp_path / "short"
    run_git("clone", "--quiet", "--depth=1", f"file://{repository}", clone, cwd=tmp_path, home=tmp_path)

    status, sentence = refusal(capsys, "--repo", clone, "--data", tmp_path / "data")

    assert status == 1
    assert sentence.startswith("ledger: git-repository-shallow: the clone of short is shallow; ")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", ["nothing", "\x1b[31mred", "a\nb", "x" * 300])
def test_a_path_that_is_no_repository_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, sentence = refusal(capsys, "--repo", tmp_path / name, "--data", tmp_path / "data")

    assert status == 1
    assert sentence.startswith("ledger: git-not-a-repository: ")
    assert controls_in(sentence) == []


def test_a_data_folder_that_is_a_file_is_refused(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")

    status, sentence = refusal(capsys, "--repo", repository, "--data", tmp_path / "file")
    inside_status, inside = refusal(capsys, "--repo", repository, "--data", tmp_path / "file" / "inside")

    assert (status, inside_status) == (1, 1)
    assert sentence.startswith("ledger: demo-folder-unusable: ")
    assert inside.startswith("ledger: demo-folder-unusable: ")


@pytest.mark.parametrize(
    "moments",
    [
        ("starting PostgreSQL", "migrating the database", "stopping the servers"),
        ("starting the worker", "2026-01-26: collecting", "exporting and verifying"),
    ],
)
def test_ctrl_c_at_any_moment_ends_everything_and_the_next_run_works(
    repository: Path, folder: Path, moments: tuple[str, ...]
) -> None:
    arguments = ("demo", "--repo", repository, "--data", folder, "--keep")
    for moment in moments:
        keep = arguments if "stopping" not in moment else arguments[:-1]
        with running_program(*keep) as process:
            read_until(process, moment)
            interrupt(process)
            pressed = time.monotonic()
            _, rest = process.communicate(timeout=60)

            assert (
                process.returncode,
                rest.splitlines()[-1],
            ) == (130, "ledger: interrupted: stopped before it was done"), (moment, rest)
            assert "Traceback" not in rest
            assert eventually(lambda: servers_of(folder) == {}, seconds=GONE_SECONDS)
            assert time.monotonic() - pressed < GONE_SECONDS + 5
            assert not (folder / "servers.json").exists()

    ended = run_program("demo", "--repo", repository, "--data", folder)

    assert ended.status == 0, ended
    assert ended.output.splitlines()[-1].startswith("verified ")


def test_an_epoch_that_an_interrupted_run_left_open_is_closed_by_the_next(
    repository: Path, folder: Path
) -> None:
    """ONE_OPEN_EPOCH: also when the next run asks for fewer weeks than the epoch that is open."""
    arguments = ("demo", "--repo", repository, "--data", folder)
    with running_program(*arguments) as process:
        read_until(process, "binding identities")
        interrupt(process)
        process.communicate(timeout=60)

    ended = run_program(*arguments, "--epochs", "1")

    assert ended.status == 0, ended
    assert ended.output.splitlines()[-1].startswith("verified ")
    assert len(set(HASH.findall(ended.output))) == 2


def test_kept_servers_serve_the_other_commands_until_a_run_that_does_not_keep_them(
    repository: Path, folder: Path
) -> None:
    kept = run_program("demo", "--repo", repository, "--data", folder, "--keep", "--epochs", "2")
    file = folder / "environment.sh"
    settings = settings_in(file)

    assert kept.status == 0, kept
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for name in ("LEDGER_DATABASE_URL", "LEDGER_OWNER_DATABASE_URL"):
        assert settings[name].startswith("postgresql://"), "as PostgreSQL's own programs take it"
    assert f"  . {shlex.quote(str(file))}" in kept.output.splitlines()
    assert kept.output.splitlines()[-1].startswith("verified ")
    assert "worker:" not in kept.output + kept.errors
    try:
        assert servers_of(folder) != {}
        with running_program("worker", settings=settings) as worker:
            read_until(worker, "worker_started")
            collected = run_program("epoch", "collect", "--at", "2026-01-05", settings=settings)
            current = run_program("db", "current", settings=settings)
            unchanged = run_program("epoch", "finalize", "1", "--yes", settings=settings)
            again = run_program("demo", "--repo", repository, "--data", folder, "--keep", "--epochs", "2")
            same = settings == settings_in(file)
            worker.send_signal(signal.SIGTERM)
            _, errors = worker.communicate(timeout=60)
            drained = worker.returncode
    finally:
        last = run_program("demo", "--repo", repository, "--data", folder, "--epochs", "2")

    assert (collected.status, current.status, unchanged.status, again.status) == (0, 0, 0, 0), (
        collected,
        again,
    )
    assert "epoch 1 was closed already" in unchanged.output
    assert (drained, same) == (0, True), errors
    assert (last.status, servers_of(folder)) == (0, {}), last


@pytest.mark.xdist_group("demo")
def test_what_its_policy_asks_to_be_signed_a_demo_does_not_write(repository: Path, folder: Path) -> None:
    """APPROVED_BEFORE_WRITTEN: a worker of its own holds the policy as any other does."""
    arguments = ("demo", "--repo", repository, "--data", folder, "--epochs")
    assert run_program(*arguments, "1").status == 0
    with (folder / "ledger.toml").open("a", encoding="utf-8") as policy:
        policy.write(f'[approvals]\nrequired = 1\n[approvals.approvers]\nann = "0x{"a" * 40}"\n')

    refused = run_program(*arguments, "2")

    assert (refused.status, "approvals-missing" in refused.errors) == (1, True), refused
    assert servers_of(folder) == {}

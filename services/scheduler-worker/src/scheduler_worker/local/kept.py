"""The file that says where servers are that were kept running; it is believed only while they are alive."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from scheduler_worker.local.folder import write_private_file

STATE = "servers.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptServers:
    """What a later process must know to use the servers, the password excepted."""

    durable: bool
    postgres_port: int
    postgres_pid: int
    temporal_address: str
    temporal_ui_url: str | None
    temporal_pid: int


def write_kept(folder: Path, kept: KeptServers) -> None:
    """Write down that these servers stay up."""
    write_private_file(folder / STATE, json.dumps(asdict(kept), indent=2) + "\n")


def read_kept(folder: Path) -> KeptServers | None:
    """What was last written down; None if nothing was, or not by this version of the program."""
    try:
        found = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(found, dict) or found.keys() != {each.name for each in fields(KeptServers)}:
        return None
    return KeptServers(**found)


def forget_kept(folder: Path) -> None:
    """The servers are no longer kept: they have an owner again, or are gone."""
    (folder / STATE).unlink(missing_ok=True)

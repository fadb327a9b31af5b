"""The demo's data folder: its policy file, and the place of its servers' data."""

from __future__ import annotations

import json
import os
import re
import tomllib
from hashlib import sha256
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import attrs

from ledger_core.errors import LedgerError
from scheduler_worker.policy import Policy, parse_policy, read_policy

POLICY_FILE: Final = "ledger.toml"

_POLICY: Final = """\
# Written by `ledger demo`; a policy of your own begins as a copy of ledger.toml.example.
node_id = "{node_id}"

[epoch]
length_days = 7

[weights] # milli-units: 1000 is one unit
"git:commit_authored" = 1000
"git:commit_coauthored" = 500
"git:commit_merged" = 250

[pool]
base_issuance_credits = {pool_credits}

[[sources.git]]
name = {name}
path = {path}
accept_rewrites = true # amended commits are everyday work in a demo
"""


class DemoFolderOfAnother(LedgerError):
    """The data folder belongs to the demo of another repository."""

    code = "demo-folder-of-another"

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder} holds the demo of another repository; name a new folder with --data")


class DemoFolderUnusable(LedgerError):
    """The data folder can't be made or written."""

    code = "demo-folder-unusable"

    def __init__(self, folder: Path, problem: str) -> None:
        super().__init__(f"{folder} can't be used: {problem}")


def default_folder(repository: Path) -> Path:
    """Return the folder that belongs to a repository, by its path."""
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    digest = sha256(os.fsencode(repository)).hexdigest()[:8]
    return data / "cogni-ledger" / f"demo-{source_name(repository)}-{digest}"


def source_folder(repository: Path) -> Path:
    """Return what a person calls the repository: its work tree, if it has one."""
    return repository.parent if repository.name == ".git" else repository


def source_name(repository: Path) -> str:
    """Return a short name for a repository at a path."""
    name = source_folder(repository).name.removesuffix(".git")
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60] or "repository"


def prepare_policy(folder: Path, repository: Path, *, pool_credits: int) -> Policy:
    """Return the policy of the folder, or a new one that is not saved yet; both pay pool_credits.

    Raises: DemoFolderOfAnother, DemoFolderUnusable, PolicyUnreadable, PolicyInvalid.
    """
    try:
        policy = read_policy(folder / POLICY_FILE) if (folder / POLICY_FILE).exists() else None
    except OSError as error:
        raise DemoFolderUnusable(folder, _problem(error)) from error
    if policy is None:
        policy = parse_policy(tomllib.loads(_text(uuid4(), repository, pool_credits)), folder=folder)
    elif [source.path for source in policy.git_sources] != [repository]:
        raise DemoFolderOfAnother(folder)
    return attrs.evolve(policy, base_issuance_credits=pool_credits)


def save_policy(folder: Path, repository: Path, policy: Policy) -> None:
    """Make the folder, and write the policy into it if it has none.

    Raises: DemoFolderUnusable.
    """
    file = folder / POLICY_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            written = file.with_suffix(".new")
            written.write_text(
                _text(policy.node_id, repository, policy.base_issuance_credits or 0), encoding="utf-8"
            )
            written.replace(file)
    except UnicodeEncodeError as error:
        raise DemoFolderUnusable(folder, "the repository's path is not UTF-8") from error
    except OSError as error:
        raise DemoFolderUnusable(folder, _problem(error)) from error


def _text(node_id: UUID, repository: Path, pool_credits: int) -> str:
    return _POLICY.format(
        node_id=node_id,
        pool_credits=pool_credits,
        name=json.dumps(source_name(repository)),
        path=_toml_text(str(repository)),
    )


def _toml_text(text: str) -> str:
    """Return text as a TOML string: as JSON writes it, but DEL needs an escape too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def _problem(error: OSError) -> str:
    return (error.strerror or "no reason given").lower()

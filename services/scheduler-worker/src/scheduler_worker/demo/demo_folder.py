"""The demo's data folder: its policy file, and the place of its servers' data."""

from __future__ import annotations

import json
import os
import re
from hashlib import sha256
from pathlib import Path
from typing import Final
from uuid import uuid4

from ledger_core.errors import LedgerError
from scheduler_worker.policy import Policy, read_policy

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


def source_name(repository: Path) -> str:
    """Return a short name for a repository at a path."""
    folder = repository.parent if repository.name == ".git" else repository
    return re.sub(r"[^A-Za-z0-9._-]+", "-", folder.name.removesuffix(".git")).strip("-.")[:60] or "repository"


def prepare_policy(folder: Path, repository: Path, *, pool_credits: int) -> Policy:
    """Return the policy of the folder, written now if there is none.

    Raises: DemoFolderOfAnother, DemoFolderUnusable, PolicyUnreadable, PolicyInvalid.
    """
    file = folder / POLICY_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            written = file.with_suffix(".new")
            written.write_text(
                _POLICY.format(
                    node_id=uuid4(),
                    pool_credits=pool_credits,
                    name=json.dumps(source_name(repository)),
                    path=json.dumps(str(repository), ensure_ascii=False),
                ),
                encoding="utf-8",
            )
            written.replace(file)
    except UnicodeEncodeError as error:
        raise DemoFolderUnusable(folder, "the repository's path is not UTF-8") from error
    except OSError as error:
        raise DemoFolderUnusable(folder, error.strerror or "no reason given") from error
    policy = read_policy(file)
    if [source.path for source in policy.git_sources] != [repository]:
        raise DemoFolderOfAnother(folder)
    return policy

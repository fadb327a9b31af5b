"""As whom PostgreSQL runs, and what that account can reach.

PostgreSQL refuses to run as root. An ordinary user needs nothing of this module. Root runs it as `nobody`, which
may see neither root's folders nor programs installed in them: those are then put where it can, and no folder's
permissions but our own are widened. Whatever else runs as `nobody` can reach such a cluster's files.
"""

from __future__ import annotations

import os
import pwd
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from scheduler_worker.local.refusals import LocalAccountMissing, LocalFolderUnusable

UNPRIVILEGED = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account other than ours, to run PostgreSQL as."""

    user_id: int
    group_id: int

    def can(self, access: int, path: Path) -> bool:
        """Whether the mode bits of the path itself grant it all of the access, 0o4 to read, 0o1 to search."""
        found = path.stat()
        if found.st_uid == self.user_id:
            granted = found.st_mode >> 6
        elif found.st_gid == self.group_id:
            granted = found.st_mode >> 3
        else:
            granted = found.st_mode
        return granted & access == access

    def can_enter(self, folder: Path) -> bool:
        """Whether it can search the folder and every folder above it."""
        real = folder.resolve()
        return all(self.can(0o1, part) for part in (real, *real.parents))


def server_account() -> Account | None:
    """The account to run PostgreSQL as; None means our own.

    Raises:  LocalAccountMissing.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise LocalAccountMissing(UNPRIVILEGED) from None
    return Account(user_id=entry.pw_uid, group_id=entry.pw_gid)


def enterable_temporary_folder(account: Account) -> Path:
    """A folder for temporary things that the account can enter.

    Raises:  LocalFolderUnusable.
    """
    candidates = [Path(tempfile.gettempdir()), Path("/var/tmp"), Path("/tmp")]  # noqa: S108 - names made unguessable
    for folder in candidates:
        if folder.is_dir() and account.can_enter(folder):
            return folder
    raise LocalFolderUnusable(candidates[0], f"the account {UNPRIVILEGED!r} can enter no temporary folder")


def is_ours_alone(folder: Path) -> bool:
    """Whether it is a real folder that we own and only we can write to, so nobody can have prepared it."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    writable = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not writable

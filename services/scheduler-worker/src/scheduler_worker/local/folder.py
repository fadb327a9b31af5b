"""The folder that servers keep their data in: made, locked against a second process, and its small files."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scheduler_worker.local.refusals import LocalFolderInUse, LocalFolderUnusable

LOCK = "lock"


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Make the folder if it is missing, and hold it: no other process can, until we are done or dead.

    The lock is the kernel's, so it can't be left behind; the file stays, for removing it would let two in.
    Raises:  LocalFolderInUse, LocalFolderUnusable.
    """
    make_folder(folder)
    with open(
        folder / LOCK,
        "r+",
        encoding="ascii",
        opener=lambda path, _: os.open(path, os.O_RDWR | os.O_CREAT, 0o600),
    ) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = lock.read(20).strip()
            raise LocalFolderInUse(folder, int(holder) if holder.isdecimal() else None) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def make_folder(folder: Path) -> None:
    """Make a folder, and what is missing above it; one that exists is left as it is.

    Only root's can be passed through by others, as its PostgreSQL runs under another account.
    Raises:  LocalFolderUnusable.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700)
        list(folder.iterdir())
    except (FileExistsError, NotADirectoryError) as error:
        raise LocalFolderUnusable(folder, "a file is in its way") from error
    except OSError as error:
        raise LocalFolderUnusable(folder, (error.strerror or "it can't be made").lower()) from error


def write_private_file(path: Path, text: str) -> None:
    """Replace a file of mode 0600 as a whole: a reader finds the old text or the new one."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with open(fresh, "x", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
    fresh.replace(path)

"""Where a cluster is: in the folder it belongs to, or elsewhere if PostgreSQL's account can't enter that.

Elsewhere is a temporary folder with a name not to be guessed, recorded in the folder it belongs to. A name made
from the folder's path would be found again by the next folder of that path, with the old data in it.
"""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

from scheduler_worker.local.account import Account, enterable_temporary_folder, is_ours_alone
from scheduler_worker.local.folder import write_private_file

RECORD = "cluster-place"
ELSEWHERE = "ledger-local-"
FOR_TESTS = "for-tests-in"


def cluster_place(folder: Path, account: Account | None, *, durable: bool) -> Path:
    """The folder to keep the cluster in; one elsewhere is made if there is none yet.

    Raises:  LocalFolderUnusable.
    """
    if (recorded := recorded_place(folder)) is not None:
        if durable:
            (recorded / FOR_TESTS).unlink(missing_ok=True)
        return recorded
    if account is None or account.can_enter(folder):
        return folder
    temporary = enterable_temporary_folder(account)
    _remove_forgotten(temporary)
    place = temporary / f"{ELSEWHERE}{secrets.token_hex(8)}"
    write_private_file(folder / RECORD, f"{place}\n")
    place.mkdir()
    place.chmod(0o711)
    if not durable:
        write_private_file(place / FOR_TESTS, f"{folder}\n")
    return place


def recorded_place(folder: Path) -> Path | None:
    """The place that was made for this folder elsewhere; None if there is none, or no longer."""
    record = folder / RECORD
    if not record.exists():
        return None
    place = Path(record.read_text(encoding="utf-8").strip())
    return place if is_ours_alone(place) else None


def _remove_forgotten(temporary: Path) -> None:
    """Remove the clusters of tests whose folders are gone; any other may be of a folder that was only moved."""
    for mark in temporary.glob(f"{ELSEWHERE}*/{FOR_TESTS}"):
        if is_ours_alone(mark.parent):
            folder = Path(mark.read_text(encoding="utf-8").removesuffix("\n"))
            if recorded_place(folder) != mark.parent:
                shutil.rmtree(mark.parent, ignore_errors=True)

"""A PostgreSQL cluster on disk: how it comes to be whole or not at all, and its password."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

from scheduler_worker.local.account import Account
from scheduler_worker.local.folder import write_private_file
from scheduler_worker.local.process import LIFELINE, Stops, start_guarded
from scheduler_worker.local.programs import postgres_major_version
from scheduler_worker.local.refusals import (
    LocalClusterVersion,
    LocalFolderInUse,
    LocalFolderUnusable,
)
from scheduler_worker.local.startup import await_end, open_log

SUPERUSER = "postgres"
PASSWORD = "password"  # noqa: S105 - a file's name
CLUSTER = "cluster"
UNFINISHED = "unfinished-"
PLAIN = {"LC_ALL": "C", "TZ": "UTC"}  # messages in English, and no search for the time zone
INITDB_STOPS: Stops = (("SIGTERM", 10.0), ("SIGKILL", 5.0))  # it ends within half a second, after its step


def read_password(folder: Path) -> str:
    """The superuser's password.

    Raises:  LocalFolderUnusable.
    """
    try:
        return (folder / PASSWORD).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise LocalFolderUnusable(folder, f"its file {PASSWORD!r} is missing") from None


def make_cluster(
    folder: Path, place: Path, programs: Path, *, account: Account | None, durable: bool
) -> None:
    """Make a cluster in a folder of another name, and give it its own name when it is whole.

    Raises:  LocalServerFailed.
    """
    nursery = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=place))
    try:
        password = secrets.token_urlsafe(24)
        write_private_file(folder / PASSWORD, f"{password}\n")
        write_private_file(nursery / PASSWORD, f"{password}\n")
        if account is not None:
            for each in (nursery / PASSWORD, nursery):
                os.chown(each, account.user_id, account.group_id)
        _run_initdb(folder, nursery, programs, account=account, durable=durable)
        (nursery / CLUSTER).rename(place / CLUSTER)
    finally:
        shutil.rmtree(nursery, ignore_errors=True)


def remove_unfinished(place: Path) -> None:
    """Remove what starts left behind that were killed while they made the cluster."""
    for unfinished in place.glob(f"{UNFINISHED}*"):
        shutil.rmtree(unfinished)


def _run_initdb(
    folder: Path, nursery: Path, programs: Path, *, account: Account | None, durable: bool
) -> None:
    """Make a cluster in the nursery: UTF-8, sorted by code point on every machine, a password for every login."""
    command = [str(programs / "initdb"), "-D", str(nursery / CLUSTER), "-U", SUPERUSER]
    command += ["--pwfile", str(nursery / PASSWORD), "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
    command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    if not durable:
        command.append("--no-sync")
    log_path = folder / "initdb.log"
    with open_log(log_path) as log:
        process = start_guarded(
            command,
            stops=INITDB_STOPS,
            log=log,
            lifeline=folder / LIFELINE,
            account=account,
            environment=PLAIN,
        )
        await_end("initdb", process, log=log, path=log_path)


def check_cluster(folder: Path, cluster: Path) -> None:
    """Refuse a cluster that can't be started, and forget one that was not ended before the machine was.

    PostgreSQL itself clears a left-over postmaster.pid, except when its process id now belongs to another process.
    Raises:  LocalClusterVersion, LocalFolderUnusable, LocalFolderInUse.
    """
    try:
        found = (cluster / "PG_VERSION").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise LocalFolderUnusable(folder, f"{cluster} is not a PostgreSQL cluster") from None
    if found != (supported := postgres_major_version()):
        raise LocalClusterVersion(folder, found=found, supported=supported)
    pid_file = cluster / "postmaster.pid"
    if not pid_file.exists():
        return
    pid = pid_file.read_text(encoding="utf-8").partition("\n")[0].strip()
    running = _command_line(pid)
    if str(cluster) in running:
        raise LocalFolderInUse(folder, int(pid))
    if running:
        pid_file.unlink()


def _command_line(pid: str) -> str:
    """What a process runs, with its arguments; empty if there is no such process."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path("/proc", pid, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    listing = subprocess.run(  # noqa: S603 - a fixed program, a number
        ["/bin/ps", "-ww", "-o", "args=", "-p", pid], capture_output=True, check=False, text=True
    )
    return listing.stdout

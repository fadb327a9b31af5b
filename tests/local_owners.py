"""Owners of local servers in processes of their own, to be killed, and what is left of them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage
from tempfile import TemporaryDirectory

MEMORY = Path("/dev/shm")
OWNER = "an owner of local servers"
START = """# an owner of local servers
import signal
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it in what runs in the background
from scheduler_worker.local.{module} import {function} as run
with run(Path({folder!r}), {options}):
    print("up", flush=True)
    signal.pause()
"""


@contextmanager
def owner(function: str, folder: Path, options: str, *, wait: bool = True) -> Iterator[subprocess.Popen[str]]:
    """A process that owns servers in the folder, up if waited for; killed at the end if it still runs."""
    module = {"local_postgres": "postgres", "local_temporal": "temporal", "local_servers": "servers"}[
        function
    ]
    program = START.format(module=module, function=function, folder=str(folder), options=options)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        try:
            if wait:
                assert process.stdout is not None
                assert process.stdout.readline() == "up\n"
            yield process
        finally:
            process.kill()


@contextmanager
def folder_for_all() -> Iterator[Path]:
    """A folder that every account can enter, unlike pytest's own, with a space in its path; in memory if it fits."""
    roomy = MEMORY.is_dir() and disk_usage(MEMORY).free > 2 * 1024**3  # a cluster is 40 MB
    with TemporaryDirectory(prefix="ledger test ", dir=MEMORY if roomy else None) as made:
        Path(made).chmod(0o711)
        yield Path(made).resolve() / "data"


def eventually(holds: Callable[[], bool], *, seconds: float = 15) -> bool:
    """Whether the claim becomes true in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def servers_of(folder: Path) -> dict[int, str]:
    """The live processes that were started for the folder or work in it, owners excepted."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            place = str((entry / "cwd").readlink())
        except OSError:
            continue
        if command and (str(folder) in command or place.startswith(str(folder))) and OWNER not in command:
            found[int(entry.name)] = command
    return found


def parent_of(process_id: int) -> int | None:
    """The process id of its parent, none for a process that has ended."""
    try:
        status = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return int(status.rpartition(")")[2].split()[1])


def listening_addresses(process_ids: set[int]) -> set[str]:
    """The IP addresses, as the kernel writes them, on which the processes wait for TCP connections."""
    sockets = set()
    for process_id in process_ids:
        for descriptor in Path(f"/proc/{process_id}/fd").iterdir():
            try:
                sockets.add(str(descriptor.readlink()))
            except OSError:
                continue
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in sockets:
                addresses.add(words[1].partition(":")[0])
    return addresses

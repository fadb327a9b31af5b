"""A PostgreSQL of one's own: a cluster in a folder, served on a free port of the loopback interface.

Every login needs the superuser's random password, as other users of the machine can reach the port too; there is
no Unix socket. Root's runs under another account (see `account`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from scheduler_worker.local.account import Account, server_account
from scheduler_worker.local.cluster import (
    CLUSTER,
    PLAIN,
    SUPERUSER,
    check_cluster,
    make_cluster,
    read_password,
    remove_unfinished,
)
from scheduler_worker.local.folder import hold_folder
from scheduler_worker.local.place import cluster_place
from scheduler_worker.local.process import LIFELINE, GuardedProcess, Stops, dismiss, start_guarded
from scheduler_worker.local.programs import postgres_programs
from scheduler_worker.local.refusals import LocalServerFailed
from scheduler_worker.local.startup import (
    LOOPBACK,
    PORT_ATTEMPTS,
    PortTaken,
    await_ready,
    free_ports,
    open_log,
)

LOG = "postgres.log"
POSTGRES_STOPS: Stops = (("SIGINT", 15.0), ("SIGQUIT", 5.0), ("SIGKILL", 5.0))  # fast, immediate, by force
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """A running PostgreSQL; url names its superuser, the password and the database `postgres`."""

    url: str = field(repr=False)
    port: int
    pid: int


@contextmanager
def local_postgres(folder: Path, *, durable: bool = True) -> Iterator[PostgresServer]:
    """Run PostgreSQL on the cluster in the folder, making it if there is none; it ends with the block.

    Holds:   one process at a time has the folder; nothing listens beyond loopback; the server ends even if this
             process is killed. durable=False is for tests: a power failure may lose everything.
    Raises:  LocalFolderInUse, LocalFolderUnusable, LocalServersMissing, LocalClusterVersion,
             LocalAccountMissing, LocalServerFailed.
    """
    folder = folder.absolute()
    with hold_folder(folder):
        process, server = start_postgres(folder, durable=durable)
        try:
            yield server
        finally:
            process.stop()


def start_postgres(folder: Path, *, durable: bool) -> tuple[GuardedProcess, PostgresServer]:
    """As local_postgres, for a caller that holds the folder and ends the server itself."""
    dismiss(folder / LIFELINE, stops=POSTGRES_STOPS)
    account = server_account()
    programs = postgres_programs(account)
    place = cluster_place(folder, account, durable=durable)
    remove_unfinished(place)
    if not (place / CLUSTER).exists():
        make_cluster(folder, place, programs, account=account, durable=durable)
    check_cluster(folder, place / CLUSTER)
    password = read_password(folder)
    settings = SETTINGS if durable else SETTINGS | FORGETFUL
    with open_log(folder / LOG) as log:
        for _ in range(PORT_ATTEMPTS):
            log.truncate(0)
            (port,) = free_ports(1)
            command = [str(programs / "postgres"), "-D", str(place / CLUSTER)]
            for name, value in (settings | {"port": str(port)}).items():
                command += ["-c", f"{name}={value}"]
            with suppress(PortTaken):
                process = _serve(folder, place / CLUSTER, command, account=account, log=log)
                return process, describe_postgres(password, port=port, pid=process.pid)
    raise LocalServerFailed("PostgreSQL", log_tail="no free port", log=folder / LOG)


def describe_postgres(password: str, *, port: int, pid: int) -> PostgresServer:
    """The server that runs as the process, on the port."""
    url = f"postgresql://{SUPERUSER}:{password}@{LOOPBACK}:{port}/postgres"
    return PostgresServer(url=url, port=port, pid=pid)


def _serve(
    folder: Path, cluster: Path, command: list[str], *, account: Account | None, log: FileIO
) -> GuardedProcess:
    """Start the server and wait until it accepts connections, which it writes down in its own file."""
    process = start_guarded(
        command,
        stops=POSTGRES_STOPS,
        log=log,
        lifeline=folder / LIFELINE,
        account=account,
        environment=PLAIN,
    )

    def ready() -> bool:
        try:
            lines = (cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        return lines[:1] == [str(process.pid)] and [each.strip() for each in lines[7:]] == ["ready"]

    await_ready("PostgreSQL", process, ready=ready, log=log, path=folder / LOG)
    return process

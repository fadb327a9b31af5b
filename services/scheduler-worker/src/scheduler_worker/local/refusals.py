"""Why a local PostgreSQL or Temporal can't be had here; each refusal says what to do about it."""

from __future__ import annotations

from pathlib import Path

from ledger_core.errors import LedgerError


class LocalServersMissing(LedgerError):
    """The wheels that bring the servers' programs are not installed."""

    code = "local-servers-missing"

    def __init__(self, program: str) -> None:
        """Name the program that was looked for."""
        super().__init__(f"{program} is not installed; install cogni-scheduler-worker[local]")
        self.program = program


class LocalFolderInUse(LedgerError):
    """Another process runs servers in this folder; nothing in it was touched."""

    code = "local-folder-in-use"

    def __init__(self, folder: Path, process_id: int | None) -> None:
        """Name the folder and the process, if it is known."""
        who = "another process" if process_id is None else f"process {process_id}"
        super().__init__(f"the folder {folder} is in use by {who}; end that process or choose another folder")
        self.folder = folder
        self.process_id = process_id


class LocalFolderUnusable(LedgerError):
    """The folder can't hold the servers' data as it is."""

    code = "local-folder-unusable"

    def __init__(self, folder: Path, problem: str) -> None:
        """Name the folder and what is wrong with it."""
        super().__init__(f"the folder {folder} can't hold local servers: {problem}")
        self.folder = folder
        self.problem = problem


class LocalClusterVersion(LedgerError):
    """The cluster in the folder was made by another major version of PostgreSQL; it was left as it is."""

    code = "local-cluster-version"

    def __init__(self, folder: Path, *, found: str, supported: str) -> None:
        """Name the folder and both major versions."""
        super().__init__(
            f"the folder {folder} holds data of PostgreSQL {found}, but PostgreSQL {supported} is installed; "
            f"choose another folder, or remove this one if its data isn't wanted"
        )
        self.folder = folder
        self.found = found
        self.supported = supported


class LocalAccountMissing(LedgerError):
    """PostgreSQL refuses to run as root, and no unprivileged account exists to run it as."""

    code = "local-account-missing"

    def __init__(self, account: str) -> None:
        """Name the account that was looked for."""
        super().__init__(
            f"PostgreSQL can't run as root, and there is no account {account!r}; run as an ordinary user"
        )
        self.account = account


class LocalServerFailed(LedgerError):
    """A server ended or stayed silent instead of coming up; the end of its log says why."""

    code = "local-server-failed"

    def __init__(self, server: str, *, log_tail: str, log: Path | None) -> None:
        """Name the server, the last lines that it wrote, and the place of the whole log, if it has one."""
        where = "" if log is None else f" (whole log: {log})"
        super().__init__(f"{server} did not start{where}: {log_tail or 'it wrote nothing'}")
        self.server = server
        self.log_tail = log_tail
        self.log = log

"""A Temporal development server of one's own, on free ports of the loopback interface, without calls home.

It knows no passwords: any user of the machine can reach it. Its data, if it keeps any, is one SQLite file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import quote

from scheduler_worker.local.folder import hold_folder
from scheduler_worker.local.process import LIFELINE, GuardedProcess, Stops, dismiss, start_guarded
from scheduler_worker.local.programs import temporal_program
from scheduler_worker.local.refusals import LocalServerFailed
from scheduler_worker.local.startup import (
    LOOPBACK,
    PORT_ATTEMPTS,
    PortTaken,
    await_ready,
    free_ports,
    open_log,
)

LOG = "temporal.log"
DATABASE = "temporal.sqlite"
TEMPORAL_STOPS: Stops = (("SIGTERM", 10.0), ("SIGKILL", 5.0))
QUICK_STOPS: Stops = (("SIGKILL", 5.0),)  # the other takes 1.5 s; SQLite's file survives this one too
QUIET = {"TEMPORAL_VERSION_CHECK_DISABLED": "1"}
ANSWER_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporalServer:
    """A running Temporal; address is host:port for clients, ui_url is None if it runs without its web pages."""

    address: str
    ui_url: str | None
    pid: int


@contextmanager
def local_temporal(
    folder: Path | None, *, ui: bool, namespaces: Sequence[str] = ()
) -> Iterator[TemporalServer]:
    """Run a Temporal development server on the data in the folder, or in memory; it ends with the block.

    Holds:   `default` and the namespaces exist; one process at a time has the folder; nothing listens beyond
             loopback; the server ends even if this process is killed.
    Raises:  LocalFolderInUse, LocalFolderUnusable, LocalServersMissing, LocalServerFailed.
    """
    folder = None if folder is None else folder.absolute()
    with nullcontext() if folder is None else hold_folder(folder):
        starting = StartingTemporal(folder, ui=ui, namespaces=namespaces)
        process, server = starting.finish()
        try:
            yield server
        finally:
            process.stop()


class StartingTemporal:
    """A Temporal that was told to start; other things can be done until `finish` is called."""

    def __init__(
        self, folder: Path | None, *, ui: bool, namespaces: Sequence[str] = (), durable: bool = True
    ) -> None:
        """Launch it; the caller holds the folder, and calls `finish` or `abandon`.

        Raises:  LocalServersMissing, LocalServerFailed.
        """
        self._program = temporal_program()
        self._stops = TEMPORAL_STOPS if folder is not None and durable else QUICK_STOPS
        self._folder = folder
        self._ui = ui
        self._namespaces = tuple(namespaces)
        self._log_path = None if folder is None else folder / LOG
        if folder is not None:
            dismiss(folder / LIFELINE, stops=TEMPORAL_STOPS)
        self._log = open_log(self._log_path)
        self._launch()

    def finish(self) -> tuple[GuardedProcess, TemporalServer]:
        """Wait until it answers for each of its namespaces.

        Raises:  LocalServerFailed.
        """
        with self._log:
            for _ in range(PORT_ATTEMPTS):
                try:
                    await_ready(
                        "Temporal", self._process, ready=self._answers, log=self._log, path=self._log_path
                    )
                except PortTaken:
                    self._log.truncate(0)
                    self._launch()
                else:
                    return self._process, self._server
            self._process.stop()
        raise LocalServerFailed("Temporal", log_tail="no free port", log=self._log_path)

    def abandon(self) -> None:
        """Stop it before it is up."""
        self._process.stop()
        self._log.close()

    def _launch(self) -> None:
        grpc_port, self._http_port, metrics_port, ui_port = free_ports(4)
        command = [str(self._program), "server", "start-dev", "--ip", LOOPBACK, "--port", str(grpc_port)]
        command += ["--http-port", str(self._http_port), "--metrics-port", str(metrics_port)]
        command += ["--log-level", "error", "--disable-config-file", "--disable-config-env"]
        if self._ui:
            command += ["--ui-ip", LOOPBACK, "--ui-port", str(ui_port), "--ui-disable-news-fetch"]
        else:
            command.append("--headless")
        for namespace in self._namespaces:
            command += ["--namespace", namespace]
        if self._folder is not None:
            command += ["--db-filename", str(self._folder / DATABASE)]
        self._process = start_guarded(
            command,
            stops=self._stops,
            log=self._log,
            lifeline=None if self._folder is None else self._folder / LIFELINE,
            environment=QUIET,
        )
        self._server = TemporalServer(
            address=f"{LOOPBACK}:{grpc_port}",
            ui_url=f"http://{LOOPBACK}:{ui_port}" if self._ui else None,
            pid=self._process.pid,
        )

    def _answers(self) -> bool:
        return all(_knows(self._http_port, name) for name in ("default", *self._namespaces))


def _knows(http_port: int, namespace: str) -> bool:
    """Whether the frontend serves the namespace; its HTTP port comes up last, and is asked without a client."""
    with closing(HTTPConnection(LOOPBACK, http_port, timeout=ANSWER_SECONDS)) as connection:
        try:
            connection.request("GET", f"/api/v1/namespaces/{quote(namespace, safe='')}")
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False

"""A worker in a process of its own on a node of its own, and what can be asked of it from outside."""

from __future__ import annotations

import http.client
import io
import json
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from scheduler_worker.cli.app import run
from scheduler_worker.local.startup import free_ports
from tests.command_line import Ended, running_program

DEADLINE_SECONDS = 60
STREAM = "git:acme/web:commits"
_SAMPLE = re.compile(r"^(?P<name>[a-z_]+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of an exposition: a metric's name, labels and value."""

    name: str
    labels: dict[str, str]
    value: float


def parse_exposition(text: str) -> list[Sample]:
    """The samples of Prometheus' text format."""
    found = []
    for line in text.splitlines():
        match = _SAMPLE.match(line)
        if match is not None:
            labels = dict(_LABEL.findall(match["labels"] or ""))
            found.append(Sample(match["name"], labels, float(match["value"])))
    return found


def until(found: Callable[[], _Found | None], what: str) -> _Found:
    """Ask again and again until there is an answer."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        answer = found()
        if answer is not None and answer is not False:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"in vain: {what}")


@dataclass(slots=True)
class OperatedWorker:
    """A running worker, its log so far, and its endpoints."""

    process: subprocess.Popen[str]
    health_port: int
    metrics_port: int
    lines: list[str] = field(default_factory=list)

    def get(self, path: str, *, method: str = "GET") -> tuple[int, Any]:
        """Ask the health endpoint; 0 where nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.health_port, timeout=10)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
        except OSError:
            return 0, None
        finally:
            connection.close()
        return answer.status, json.loads(body) if body else None

    def scrape(self) -> list[Sample]:
        """What Prometheus would read now; raises where nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=10)
        try:
            connection.request("GET", "/metrics")
            return parse_exposition(connection.getresponse().read().decode())
        finally:
            connection.close()

    def value(self, name: str, **labels: str) -> float | None:
        """The value of the one sample with these labels; None where there is none."""
        found = [
            sample.value
            for sample in self.scrape()
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        assert len(found) <= 1, (name, found)
        return found[0] if found else None

    def events(self) -> list[dict[str, Any]]:
        """The log so far, as JSON."""
        return [json.loads(line) for line in list(self.lines)]

    def await_event(self, event: str, **fields: object) -> dict[str, Any]:
        """Wait for a line of the log with these fields."""
        return until(
            lambda: next(
                (line for line in self.events() if line["event"] == event and fields.items() <= line.items()),
                None,
            ),
            f"{event} in {self.lines[-5:]}",
        )

    def await_ready(self) -> None:
        """Wait until it takes work."""
        until(lambda: self.get("/readyz")[0] == 200, f"ready; {self.lines[-5:]}")

    def stop(self, number: int) -> int:
        """Send the signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_SECONDS)


@dataclass(frozen=True, slots=True)
class OperatedNode:
    """A node's environment; its commands run in this process, its workers in their own."""

    settings: dict[str, str]
    repository: Path

    def run(self, *words: str, **more: str) -> Ended:
        """Run `ledger` to its end."""
        output, errors = io.StringIO(), io.StringIO()
        with (
            pytest.MonkeyPatch.context() as patch,
            redirect_stdout(output),
            redirect_stderr(errors),
        ):
            for name, value in (self.settings | more).items():
                patch.setenv(name, value)
            status = run(list(words))
        return Ended(status=status, output=output.getvalue(), errors=errors.getvalue())

    @contextmanager
    def worker(self, **more: str) -> Iterator[OperatedWorker]:
        """Run a worker with its endpoints on, looking around every second; it is killed at the end."""
        health_port, metrics_port = free_ports(2)
        settings = self.settings | {
            "LEDGER_HEALTH_ADDRESS": f"127.0.0.1:{health_port}",
            "LEDGER_METRICS_ADDRESS": f"127.0.0.1:{metrics_port}",
            "LEDGER_OBSERVE_SECONDS": "1",
        }
        with running_program("worker", settings=settings | more) as process:
            worker = OperatedWorker(process, health_port, metrics_port)
            assert process.stderr is not None
            reader = threading.Thread(target=worker.lines.extend, args=(process.stderr,), daemon=True)
            reader.start()
            try:
                yield worker
            finally:
                process.kill()
                reader.join(DEADLINE_SECONDS)

"""deploy/compose.yaml in its own order, to a first closed epoch; others' images are stood in for without a registry.

podman-compose knows no condition of `depends_on`, and podman's timers need systemd: so what the file says of order and
health is carried out here, a service after the other, and each condition is waited for as it is written.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

from deploy.image.containers import Ended, podman
from deploy.image.test_image import POLICY
from ledger_core import NodeId
from ledger_core.verification.__main__ import main as verify
from tests.command_line import write_weeks

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy/compose.yaml"
STAND_INS = ROOT / "deploy/image/compose.stand-ins.yaml"
SERVICES: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]
NOT_STOOD_IN_FOR = {"temporal-ui"}  # no image, and nothing waits for it
DEADLINE_SECONDS = 90


def in_order() -> list[str]:
    """The services that `up` starts, each after what it waits for."""
    wanted = {
        name: set(service.get("depends_on", {}))
        for name, service in SERVICES.items()
        if "profiles" not in service and name not in NOT_STOOD_IN_FOR
    }
    return list(TopologicalSorter(wanted).static_order())


@dataclass(frozen=True, slots=True)
class Composed:
    """A project of its own."""

    project: str
    settings: Mapping[str, str]

    def compose(self, *words: str) -> Ended:
        """Run podman-compose on both files."""
        runtime = ["--podman-args=--runtime=runc"] if os.getuid() == 0 else []
        files = ["-f", str(FILE), "-f", str(STAND_INS)]
        done = subprocess.run(
            [sys.executable, "-m", "podman_compose", "-p", self.project, *runtime, *files, *words],
            env={**os.environ, **self.settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return Ended(status=done.returncode, output=done.stdout, errors=done.stderr)

    def container(self, service: str) -> str:
        return f"{self.project}_{service}_1"

    def start(self, service: str) -> None:
        """Start it once everything that it waits for is as the file says."""
        for other, how in SERVICES[service].get("depends_on", {}).items():
            self.await_condition(other, how["condition"])
        ended = self.compose("up", "--detach", "--no-deps", service)
        assert ended.status == 0, ended.errors

    def await_condition(self, service: str, condition: str) -> None:
        """Wait for a dependency's condition."""
        name = self.container(service)
        if condition == "service_completed_successfully":
            assert podman("wait", name).output.strip() == "0", podman("logs", name)
            return
        assert condition == "service_healthy", condition
        deadline = time.monotonic() + DEADLINE_SECONDS
        while podman("healthcheck", "run", name).status != 0:
            assert time.monotonic() < deadline, podman("logs", name)
            time.sleep(0.5)

    def ledger(self, *words: str) -> Ended:
        """Run a command as the guide says; podman-compose wants the profile named."""
        return self.compose("--profile", "tools", "run", "--rm", "-T", "--no-deps", "ledger", *words)


@pytest.fixture
def composed(node_id: NodeId) -> Iterator[Composed]:
    with TemporaryDirectory(prefix="ledger-check-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        write_weeks(folder / "git" / "web", weeks=1, commits_a_week=10)
        (folder / "ledger.toml").write_text(POLICY.format(node_id=node_id), encoding="utf-8")
        passwords = {
            name: f"{name.lower()}-of-a-check"
            for name in (
                "POSTGRES_PASSWORD",
                "LEDGER_OWNER_PASSWORD",
                "LEDGER_APP_PASSWORD",
                "TEMPORAL_PASSWORD",
            )
        }
        settings = passwords | {
            "LEDGER_TOML": str(folder / "ledger.toml"),
            "LEDGER_REPOSITORIES": str(folder / "git"),
            "LEDGER_ACTOR": "an admin",
        }
        project = Composed(f"ledger-check-{os.getpid()}", settings)
        try:
            yield project
        finally:
            project.compose("--profile", "tools", "down", "--volumes", "--timeout", "5")


def test_three_commands_take_a_machine_to_its_first_statement(composed: Composed, tmp_path: Path) -> None:
    for service in in_order():
        composed.start(service)
    composed.await_condition("schedule", "service_completed_successfully")
    composed.await_condition("worker", "service_healthy")

    collected = composed.ledger("epoch", "collect", "--at", "2026-01-05")
    closed = composed.ledger("epoch", "finalize", "1", "--yes")

    assert collected.status == 0, collected.errors
    assert closed.status == 0, closed.errors
    exported = podman(
        "exec", composed.container("worker"), "ledger", "statement", "export", "1", "-o", "/tmp/1.zip"
    )
    assert exported.status == 0, exported.errors
    bundle = tmp_path / "1.zip"
    copied = podman("cp", f"{composed.container('worker')}:/tmp/1.zip", str(bundle))
    assert copied.status == 0, copied.errors
    assert verify([str(bundle)]) == 0


def test_only_loopback_is_published_and_no_password_has_a_default() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    passwords = re.findall(r"\$\{\w*PASSWORD([^}]*)\}", FILE.read_text(encoding="utf-8"))

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len(passwords) > 6
    assert {password[:2] for password in passwords} == {":?"}

"""Running the built images as a cluster would: no rights, nothing to write on, a fixed user."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRATCH = ("--tmpfs", "/tmp:rw,noexec,nosuid,nodev,size=16m")  # git is read with a few small files
WORKER = "localhost/ledger-worker"
WORKER_GIT = "localhost/ledger-worker-git"
PATIENCE_SECONDS = 120
HARDENED = (
    *("--read-only", "--read-only-tmpfs=false", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--network", "host", "--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096"),
    *("--pull", "never"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a container ended."""

    status: int
    output: str
    errors: str


def podman(*words: str, seconds: float = PATIENCE_SECONDS) -> Ended:
    """Run podman to its end; as root with runc, as crun refuses mixed control groups."""
    runtime = ["--runtime", "runc"] if os.getuid() == 0 and shutil.which("runc") else []
    done = subprocess.run(
        ["podman", *runtime, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
    return Ended(status=done.returncode, output=done.stdout, errors=done.stderr)


def described(image: str) -> dict[str, Any]:
    """The image's configuration."""
    ended = podman("image", "inspect", image)
    assert ended.status == 0, ended.errors
    found: dict[str, Any] = json.loads(ended.output)[0]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a node's containers are given: an environment and folders of this machine."""

    settings: Mapping[str, str]
    folders: Mapping[Path, str]
    has_scratch: bool = True

    def options(self, **more: str) -> list[str]:
        """The options of `podman run` for it."""
        words = [*HARDENED, *(SCRATCH if self.has_scratch else ())]
        for name, value in {**self.settings, **more}.items():
            words += ["--env", f"{name}={value}"]
        for folder, where in self.folders.items():
            words += ["--volume", f"{folder}:{where}"]
        return words

    def run(self, image: str, *words: str, **more: str) -> Ended:
        """Run one command of the image to its end."""
        return podman("run", "--rm", *self.options(**more), image, *words)

    def shell(self, image: str, script: str) -> Ended:
        """Run a script of the base's shell in the image: what an intruder could."""
        return podman("run", "--rm", *self.options(), "--entrypoint", "sh", image, "-c", script)

    @contextmanager
    def running(self, image: str, *words: str, **more: str) -> Iterator[Container]:
        """Run a container for the length of the block."""
        name = f"ledger-check-{uuid.uuid4().hex[:8]}"
        ended = podman("run", "--detach", "--name", name, *self.options(**more), image, *words)
        try:
            assert ended.status == 0, ended.errors
            yield Container(name=name)
        finally:
            podman("rm", "--force", "--time", "0", name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A running container."""

    name: str

    def health(self) -> int:
        """The status of the image's own check: 0 is well."""
        return podman("healthcheck", "run", self.name).status

    def execute(self, *words: str) -> Ended:
        """Run a command beside the one that runs."""
        return podman("exec", self.name, *words)

    def log(self) -> str:
        """All that it said."""
        ended = podman("logs", self.name)
        return ended.output + ended.errors

    def stop(self, *, grace_seconds: int = 30) -> int:
        """Stop it as an engine does: SIGTERM, then after the grace period SIGKILL; return its exit status."""
        assert podman("stop", "--time", str(grace_seconds), self.name).status == 0
        ended = podman("inspect", "--format", "{{.State.ExitCode}}", self.name)
        return int(ended.output)

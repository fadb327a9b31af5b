"""Running git so that neither the machine's settings nor the repository's can make it run a program.

The environment is built from nothing, the git folder is always named, and no protocol is allowed.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from ledger_core.errors import SourceUnavailable
from scheduler_worker.sources.git.refusals import GitFailed, GitNotInstalled

SHORT_COMMAND_SECONDS: Final = 60  # a look at refs or tips; longer means a stuck disk, or a FIFO as a trap
STALL_SECONDS: Final = 900  # git prints nothing before it has walked the history: minutes for the largest
_CHUNK_BYTES: Final = 1 << 18
_STDERR_BYTES: Final = 4_096

# Settings that stand above the repository's own. The walk does not read the repository's at all (see
# repository.py); these are for the two questions about refs that only the repository itself can answer.
_SETTINGS: Final = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.sshCommand=false",
    "core.askPass=false",
    "core.commitGraph=false",  # a cache, which may be stale or lie; the commits themselves are the truth
    "credential.helper=",
    "log.showSignature=false",
    "protocol.allow=never",
    "gc.auto=0",
    "maintenance.auto=false",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a short command printed, and how it ended."""

    status: int
    output: bytes
    problem: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """The git program, bound to one git folder; `scratch` is an empty folder that stands for home."""

    program: str
    git_folder: Path
    scratch: Path
    objects: Path | None = None

    def answer(self, *arguments: str, lines: Iterable[str] = ()) -> Answer:
        """Run a short command to its end, with `lines` as its input.

        Raises: GitNotInstalled, SourceUnavailable when it was killed or took too long.
        """
        try:
            done = subprocess.run(  # noqa: S603 - a fixed program, arguments as a list, no shell
                self._command(arguments),
                input=_input(lines),
                capture_output=True,
                timeout=SHORT_COMMAND_SECONDS,
                cwd=self.scratch,
                env=self._environment(),
                check=False,
            )
        except FileNotFoundError as error:
            raise GitNotInstalled from error
        except subprocess.TimeoutExpired as error:
            raise SourceUnavailable("git", f"no answer within {SHORT_COMMAND_SECONDS} seconds") from error
        _check_not_killed(done.returncode)
        return Answer(status=done.returncode, output=done.stdout, problem=done.stderr[:_STDERR_BYTES])

    def chunks(self, *arguments: str, lines: Iterable[str] = ()) -> Generator[bytes]:
        """Yield what git prints as it comes; closing the iterator early ends git.

        Raises: GitNotInstalled; GitFailed at the end when git ended with an error; SourceUnavailable
                when it was killed, or printed nothing for STALL_SECONDS.
        """
        with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as source:
            source.write(_input(lines))
            source.seek(0)
            try:
                process = subprocess.Popen(  # noqa: S603 - as above
                    self._command(arguments),
                    stdin=source,
                    stdout=subprocess.PIPE,
                    stderr=errors,  # a file, so that a flood of warnings can't block git
                    cwd=self.scratch,
                    env=self._environment(),
                )
            except FileNotFoundError as error:
                raise GitNotInstalled from error
            assert process.stdout is not None, "stdout is a pipe"
            with process.stdout as output:
                try:
                    yield from _chunks(output)
                    status = process.wait(SHORT_COMMAND_SECONDS)
                finally:
                    process.kill()  # nothing happens when it has ended
                    process.wait()
            _check_not_killed(status)
            if status != 0:
                errors.seek(0)
                raise GitFailed(status, errors.read(_STDERR_BYTES))

    def _command(self, arguments: Iterable[str]) -> list[str]:
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        return [self.program, "--no-pager", f"--git-dir={self.git_folder}", *settings, *arguments]

    def _environment(self) -> dict[str, str]:
        environment = {
            "HOME": str(self.scratch),
            "XDG_CONFIG_HOME": str(self.scratch),
            "PATH": str(Path(self.program).parent),
            "LC_ALL": "C",
            "TZ": "UTC",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",  # not known to every git; the empty list below holds for all
            "GIT_ALLOW_PROTOCOL": "",  # no transport at all, whatever protocol.*.allow says
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_PAGER": "cat",
        }
        if self.objects is not None:
            environment["GIT_OBJECT_DIRECTORY"] = str(self.objects)
        return environment


def find_git_program() -> str:
    """Return the whole path of the git program on the PATH.

    Raises: GitNotInstalled.
    """
    program = shutil.which("git")
    if program is None:
        raise GitNotInstalled
    return str(Path(program).absolute())


def _chunks(output: IO[bytes]) -> Iterator[bytes]:
    waiting = select.poll()
    waiting.register(output, select.POLLIN)
    while True:
        if not waiting.poll(STALL_SECONDS * 1000):
            raise SourceUnavailable("git", f"it printed nothing for {STALL_SECONDS} seconds")
        chunk = os.read(output.fileno(), _CHUNK_BYTES)
        if not chunk:
            return
        yield chunk


def _input(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8")


def _check_not_killed(status: int) -> None:
    if status < 0:
        raise SourceUnavailable("git", f"it was ended by signal {-status}")

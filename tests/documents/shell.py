"""A shell that types blocks of the pages as they stand, at a terminal where somebody says yes."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from tests.documents.markdown import commands_of

_QUESTION: Final = re.compile(rb"(?:\[?(y/N)\S{0,3}|\[[^\]\n]*\]:) \Z")
_MARK: Final = "=== "
# What the shell started and did not end is ended; what it ended with is kept.
_BEGINNING: Final = """set -euo pipefail
end() {
    status=$?
    trap - EXIT ERR
    kill $(jobs -p) 2>/dev/null || true
    wait || true
    exit $status
}
trap end EXIT"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Blocks of one page that follow each other: by their numbers from 1, or all.

    Holds:   `before` is what the reader has done elsewhere, no part of the page; `fills` says what stands for a
             placeholder of the page, and nothing else of the page is changed; a command may end with one of `ends`
             as well as with 0, where it says something that stops no reader.
    """

    page: str
    numbers: tuple[int, ...] | None = None
    fills: Mapping[str, str] = field(default_factory=dict)
    before: str = ""
    ends: tuple[int, ...] = ()

    def blocks(self) -> list[tuple[int, str]]:
        """Return the numbers and the commands, with the placeholders filled in.

        Raises: AssertionError for a placeholder that the page does not have.
        """
        found = commands_of(self.page)
        chosen = [(n, found[n - 1].code) for n in self.numbers or range(1, len(found) + 1)]
        for placeholder in self.fills:
            assert any(placeholder in code for _, code in chosen), f"{self.page} has no {placeholder}"
        return [(number, _filled(code, self.fills)) for number, code in chosen]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """How a shell ended, and what each block printed, by its page and number."""

    status: int
    printed: Mapping[tuple[str, int], str]
    errors: str


def _filled(code: str, fills: Mapping[str, str]) -> str:
    for placeholder, value in fills.items():
        code = code.replace(placeholder, value)
    return code


def script(scenes: Sequence[Scene]) -> str:
    """Return the scenes as one script, which says where it is and stops at the first command that fails."""
    parts = [_BEGINNING]
    for scene in scenes:
        parts += [f"echo '{_MARK}before {scene.page}' >&2", f"echo '{_MARK}before 0'", scene.before]
        if scene.ends:
            allowed = "|".join(map(str, scene.ends))
            parts.append(f"set +e; trap 'case $? in {allowed}) ;; *) exit 1 ;; esac' ERR")
        for number, code in scene.blocks():
            parts += [f"echo '{_MARK}{scene.page} {number}' | tee /dev/stderr", code]
        parts.append("set -e; trap - ERR")
    return "\n".join(parts)


def live(
    scenes: Sequence[Scene], *, folder: Path, settings: Mapping[str, str], patience_seconds: int
) -> Lived:
    """Run the scenes in one bash, and answer whatever is asked at its terminal with yes, or as is proposed."""
    ours, theirs = pty.openpty()
    quiet = termios.tcgetattr(theirs)
    quiet[3] &= ~termios.ECHO
    termios.tcsetattr(theirs, termios.TCSANOW, quiet)
    with subprocess.Popen(
        ["bash", "-c", script(scenes)],
        cwd=folder,
        env=dict(settings),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        seen: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        readers = [
            threading.Thread(target=_listen, args=(stream, kept, ours), daemon=True)
            for stream, kept in zip((process.stdout, process.stderr), seen, strict=True)
        ]
        for reader in readers:
            reader.start()
        try:
            process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            seen[1].extend(b"=== it had no end\n")
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            for reader in readers:
                reader.join(10)
            os.close(ours)
    output, errors = (kept.decode(errors="replace") for kept in seen)
    return Lived(status=process.wait(), printed=_by_block(output), errors=errors)


def _listen(stream: IO[bytes] | None, kept: bytearray, terminal: int) -> None:
    assert stream is not None
    while chunk := os.read(stream.fileno(), 65_536):
        kept += chunk
        if asked := _QUESTION.search(kept[-200:]):
            os.write(terminal, b"y\n" if asked[1] else b"\n")


def _by_block(output: str) -> dict[tuple[str, int], str]:
    found: dict[tuple[str, int], str] = {}
    parts = re.split(rf"^{_MARK}(\S+) (\d+)\n", output, flags=re.MULTILINE)
    for page, number, printed in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        if page != "before":
            found[page, int(number)] = printed
    return found

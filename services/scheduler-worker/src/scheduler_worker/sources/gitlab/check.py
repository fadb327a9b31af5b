"""Looking at projects before anything is collected: what the token sees, and how much there is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import frozen

from ledger_core.errors import LedgerError, SourceUnavailable
from ledger_core.ports.watcher import Counted, Watcher
from scheduler_worker.sources.gitlab.client import GitlabClient, Reading
from scheduler_worker.sources.gitlab.fields import objects
from scheduler_worker.sources.gitlab.gitlab_source import STREAMS, find_project

_ONE: Final = "1"
_COUNT: Final = re.compile("[0-9]{1,9}", re.ASCII)


@frozen(kw_only=True)
class CheckedStream:
    """How many things a stream lists (None: GitLab does not count so many), and why it can't be read."""

    things: int | None = None
    problem: str | None = None


@frozen(kw_only=True)
class CheckedProject:
    """One project by name: its number, its streams, and why it can't be read."""

    name: str
    number: int | None = None
    streams: Mapping[str, CheckedStream]
    problem: str | None = None

    @property
    def problems(self) -> tuple[str, ...]:
        """Return what can't be read, and why."""
        own = () if self.problem is None else (f"{self.name}: {self.problem}",)
        return own + tuple(
            f"{self.name} {name}: {found.problem}"
            for name, found in self.streams.items()
            if found.problem is not None
        )


def check_gitlab(
    client: GitlabClient, projects: Sequence[str], streams: Iterable[str], *, watcher: Watcher
) -> tuple[CheckedProject, ...]:
    """Return what the client's token sees of each project; a refusal is of what it hit, and the rest is checked."""
    wanted = tuple(streams)
    found = []
    for name in Counted(watcher, total=len(projects), what="projects").of(projects):
        reading = client.reading()
        try:
            number = find_project(reading, name)
        except (LedgerError, SourceUnavailable) as error:
            found.append(CheckedProject(name=name, streams={}, problem=_problem_of(error)))
            continue
        checked = {stream: _checked(reading, number, stream) for stream in wanted}
        found.append(CheckedProject(name=name, number=number, streams=checked))
    return tuple(found)


def _checked(reading: Reading, project: int, name: str) -> CheckedStream:
    stream = STREAMS[name]
    path = f"/projects/{project}/{stream.items}"
    try:
        got = reading.get(path, {"state": stream.state, "scope": "all", "per_page": _ONE}, what=name)
        if stream.note_type is not None:
            for item in objects(got.value, name)[:1]:
                reading.get(f"{path}/{item.whole('iid')}/notes", {"per_page": _ONE}, what=name)
    except (LedgerError, SourceUnavailable) as error:
        return CheckedStream(problem=_problem_of(error))
    total = got.headers.get("x-total", "")
    return CheckedStream(things=int(total) if _COUNT.fullmatch(total) else None)


def _problem_of(error: LedgerError | SourceUnavailable) -> str:
    code = error.code if isinstance(error, LedgerError) else "source-unavailable"
    return f"{code}: {error}"

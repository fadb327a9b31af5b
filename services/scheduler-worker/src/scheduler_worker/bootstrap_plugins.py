"""The composition root's part for sources that installed packages bring: found by entry point, held to their kind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import entry_points

from ledger_core.errors import InvalidValue, LedgerError
from ledger_core.identifiers import StreamRef
from ledger_core.ports.activity_source import ActivityPage, ActivitySource
from ledger_core.ports.clock import Clock
from ledger_core.ports.source_factory import SOURCE_ENTRY_POINTS, SourceSettings
from scheduler_worker.plugin_policy import PluginSourcePolicy
from scheduler_worker.policy_table import PolicyInvalid


class SourcePackageBroken(LedgerError):
    """An installed package's source can't be imported or made, or tells what is not its own."""

    code = "source-package-broken"

    def __init__(self, kind: str, problem: str) -> None:
        super().__init__(f"the package that brings sources of the kind {kind} {problem}")
        self.kind = kind
        self.problem = problem


def plugin_sources(policy: PluginSourcePolicy, clock: Clock) -> Iterator[ActivitySource]:
    """Yield the sources that one table means, each held to the kind's own events.

    Raises: SourcePackageBroken, PolicyInvalid.
    """
    settings = SourceSettings(
        kind=policy.kind,
        table=policy.table,
        folder=str(policy.folder),
        environment=os.environ,
        clock=clock,
    )
    found = entry_points(group=SOURCE_ENTRY_POINTS, name=policy.kind)
    if len(found) != 1:
        raise SourcePackageBroken(policy.kind, f"is not the only one: {len(found)} do")
    try:
        made = tuple(OwnEventsOnly(source, policy.kind) for source in found[policy.kind].load()(settings))
    except InvalidValue as error:
        raise PolicyInvalid(policy.key, f"has no meaning: {error}") from error
    except LedgerError:
        raise
    except Exception as error:
        raise SourcePackageBroken(policy.kind, f"fails with {type(error).__name__}") from error
    yield from made


class OwnEventsOnly:
    """A package's source that can tell nothing in another source's name; an ActivitySource.

    Bindings give an account's work to a user by the event's source, and whoever tells an id first keeps it: a
    package must not be able to do either for GitHub.
    """

    def __init__(self, source: ActivitySource, kind: str) -> None:
        """Take a source whose streams are of its kind.

        Raises: SourcePackageBroken.
        """
        self._source = source
        self._kind = kind
        self._streams = tuple(source.streams())
        for stream in self._streams:
            if stream.source != kind and not stream.source.startswith(f"{kind}-"):
                raise SourcePackageBroken(kind, f"names a source {stream.source}, which is not its own")

    def streams(self) -> tuple[StreamRef, ...]:
        """Return the streams that the source named when it was made."""
        return self._streams

    def pages(self, stream: StreamRef, cursor: str | None, *, until: datetime) -> Iterator[ActivityPage]:
        """Yield the source's pages.

        Raises: SourcePackageBroken for a page with a foreign event; nothing of it is stored then.
        """
        for page in self._source.pages(stream, cursor, until=until):
            for event in page.events:
                if event.source != stream.source or not event.id.startswith(f"{stream.source}:"):
                    raise SourcePackageBroken(self._kind, f"tells an event of source {event.source}")
            yield page

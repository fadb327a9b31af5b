"""Collecting one thing that a hint names, beside the readings of its stream."""

from __future__ import annotations

from collections.abc import Mapping

from temporalio import activity

from ledger_core.identifiers import StreamRef
from ledger_core.ports.activity_source import ActivitySource, SourceDirectory
from ledger_core.ports.item_source import ItemHint, ItemSource
from ledger_core.ports.ledger import Ledger
from ledger_core.use_cases.store_events import store_events
from scheduler_worker.activities.served_streams import StreamNotConfigured, find_source
from scheduler_worker.messages import ItemReport
from scheduler_worker.observability.stream_counters import StreamCounters


class ItemActivities:
    """What a workflow does to single things of sources."""

    def __init__(
        self,
        ledger: Ledger,
        sources: Mapping[StreamRef, ActivitySource],
        *,
        directories: Mapping[StreamRef, SourceDirectory],
    ) -> None:
        self._ledger = ledger
        self._sources = sources
        self._directories = directories

    @activity.defn
    def collect_item(self, hint: ItemHint) -> ItemReport:
        """Ask the source for the thing as it is now, and store its events; no cursor moves."""
        source: object = find_source(hint.stream, self._sources, self._directories)
        if not isinstance(source, ItemSource):
            raise StreamNotConfigured(hint.stream)
        found = source.find_item(hint)
        stored = store_events(self._ledger, found.events)
        StreamCounters(activity.metric_meter(), hint.stream).count_events(stored)
        if stored.conflicts:
            activity.logger.warning("events_conflict", extra={"conflicts": stored.conflicts})
        activity.logger.info("item_collected", extra={"inserted": stored.inserted})
        return ItemReport(
            stream=hint.stream,
            inserted=stored.inserted,
            duplicates=stored.duplicates,
            conflicts=stored.conflicts,
            skipped=found.skipped,
        )

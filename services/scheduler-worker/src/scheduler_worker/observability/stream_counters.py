"""What collection counts: events, duplicates, conflicts and pages, by stream."""

from __future__ import annotations

from temporalio.common import MetricMeter

from ledger_core.identifiers import StreamRef
from ledger_core.ports.activity_store import StoredEvents


class StreamCounters:
    """The counters of one stream; without an endpoint for metrics they count nothing.

    Holds: the labels are the stream's and the activity's, so there are as many as streams are configured.
    """

    def __init__(self, meter: MetricMeter, stream: StreamRef) -> None:
        meter = meter.with_additional_attributes({"stream": str(stream)})
        self._ingested = meter.create_counter("ledger_events_ingested", "Events stored for the first time")
        self._duplicates = meter.create_counter("ledger_events_duplicate", "Events that were stored before")
        self._conflicts = meter.create_counter(
            "ledger_events_conflicting", "Events that were stored before with another content"
        )
        self._pages = meter.create_counter("ledger_pages", "Pages stored with their cursor")

    def count_page(self, stored: StoredEvents) -> None:
        """Count a page that is stored."""
        self._pages.add(1)
        self.count_events(stored)

    def count_events(self, stored: StoredEvents) -> None:
        """Count events that are stored."""
        self._ingested.add(stored.inserted)
        self._duplicates.add(stored.duplicates)
        self._conflicts.add(stored.conflicts)

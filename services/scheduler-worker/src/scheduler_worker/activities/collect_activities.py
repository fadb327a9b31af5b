"""Collecting one stream: page by page, each page's events and cursor in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from temporalio import activity
from temporalio.exceptions import FailureError

from ledger_core.domain.completeness import CompletenessCertificate
from ledger_core.domain.stream_reading import StreamReading
from ledger_core.errors import CursorMoved, LedgerError, SourceUnavailable
from ledger_core.identifiers import StreamRef, is_name
from ledger_core.ports.activity_source import ActivityPage, ActivitySource, CertifyingSource, SourceDirectory
from ledger_core.ports.activity_store import StoredEvents
from ledger_core.ports.clock import Clock
from ledger_core.ports.ledger import Ledger
from ledger_core.use_cases.record_reading import begin_reading, record_reading
from ledger_core.use_cases.record_stream_health import (
    record_stream_collected,
    record_stream_problem,
    record_streams_listed,
)
from ledger_core.use_cases.store_page import find_cursor, store_page
from scheduler_worker.activities.heartbeats import beating
from scheduler_worker.activities.refusals import sentence_of
from scheduler_worker.activities.served_streams import StreamNotConfigured, find_source
from scheduler_worker.messages import MAX_STREAMS, ListedStreams, StreamReport, StreamRequest
from scheduler_worker.observability.stream_counters import StreamCounters

SHOWN_CURSOR_CHARACTERS: Final = 200  # a report is read by people; the ledger keeps the whole cursor


class TooManyStreamsListed(LedgerError):
    """A directory has more streams than one collection can report on: none of them is collected."""

    code = "too-many-streams"

    def __init__(self, directory: StreamRef, count: int) -> None:
        super().__init__(
            f"{directory} has {count} streams, and one node collects at most {MAX_STREAMS}; switch some off,"
            " or give some repositories to another node"
        )
        self.directory = directory
        self.count = count


class ReadingNotCertified(LedgerError):
    """A source that certifies its readings ended one without."""

    code = "reading-not-certified"

    def __init__(self, stream: StreamRef) -> None:
        super().__init__(f"the reading of {stream} ended without the certificate that its source promises")
        self.stream = stream


@dataclass(slots=True)
class _Reading:
    """One try to read a stream: whether it must end with a certificate, and the one its last page had."""

    must_end_certified: bool = False
    certificate: CompletenessCertificate | None = None
    begun_at: datetime | None = None

    @property
    def lacks_its_certificate(self) -> bool:
        """Say whether no figures tell already why it failed."""
        return self.must_end_certified and not (self.certificate is not None and self.certificate.differing)


class CollectActivities:
    """What a workflow does to sources."""

    def __init__(
        self,
        ledger: Ledger,
        sources: Mapping[StreamRef, ActivitySource],
        clock: Clock,
        *,
        directories: Mapping[StreamRef, SourceDirectory],
    ) -> None:
        self._ledger = ledger
        self._sources = sources
        self._directories = directories
        self._clock = clock

    @activity.defn
    def list_streams(self, request: StreamRequest) -> ListedStreams:
        """Ask the platform which streams a directory has now; one that can't be listed is a gap of the window."""
        directory = request.stream
        found = self._directories.get(directory)
        if found is None:
            raise StreamNotConfigured(directory)
        with self._problems_noted(directory), self._gap_noted(request) as reading, beating():
            reading.must_end_certified = True
            begun_at = begin_reading(self._ledger, directory, request.window, clock=self._clock)
            streams = found.list_streams()
            if len(streams) > MAX_STREAMS:
                raise TooManyStreamsListed(directory, len(streams))
        listed = CompletenessCertificate(begins=None, ends=None, pages=1, counts=())
        with activity.shield_thread_cancel_exception():
            record_reading(
                self._ledger,
                StreamReading(
                    stream=directory, window=request.window, retrieved_at=begun_at, certificate=listed
                ),
            )
            record_streams_listed(self._ledger, directory, streams, clock=self._clock)
        return ListedStreams(streams=streams)

    @activity.defn
    def collect_stream(self, request: StreamRequest) -> StreamReport:
        """Store everything that the stream has after its cursor; an attempt goes on where one stopped."""
        with self._problems_noted(request.stream), self._gap_noted(request) as reading:
            report = self._collect(request, reading)
        with activity.shield_thread_cancel_exception():
            record_stream_collected(
                self._ledger, request.stream, period_end=request.window.period_end, clock=self._clock
            )
        activity.logger.info("stream_collected", extra={"pages": report.pages, "inserted": report.inserted})
        return replace(report, complete=True)

    def _collect(self, request: StreamRequest, reading: _Reading) -> StreamReport:
        source = self._source_of(request.stream)
        reading.must_end_certified = isinstance(source, CertifyingSource) and source.certifies(request.stream)
        if reading.must_end_certified:
            reading.begun_at = begin_reading(self._ledger, request.stream, request.window, clock=self._clock)
        cursor = find_cursor(self._ledger, request.stream)
        report = _resumed(StreamReport(stream=request.stream, cursor=_shown(cursor)))
        counters = StreamCounters(activity.metric_meter(), request.stream)
        pages = source.pages(request.stream, cursor, until=request.window.period_end)
        with closing(pages), beating() as beat:  # type: ignore[type-var]  # generators close; others need not
            beat(*_counts(report))
            for page in pages:
                # A cancellation waits until the page is in or out: the count must be what was stored.
                with activity.shield_thread_cancel_exception():
                    stored = store_page(
                        self._ledger,
                        request.stream,
                        page,
                        expected_cursor=cursor,
                        window=request.window,
                        begun_at=reading.begun_at,
                    )
                counters.count_page(stored)
                if stored.conflicts:
                    activity.logger.warning("events_conflict", extra={"conflicts": stored.conflicts})
                reading.certificate = page.certificate
                if page.certificate is not None:
                    counts = {
                        count.what: (count.seen, count.independent) for count in page.certificate.counts
                    }
                    activity.logger.info("stream_counted_again", extra={"seen_and_independent": counts})
                cursor = page.cursor
                report = _after_page(report, page, stored)
                beat(*_counts(report))
        if reading.must_end_certified and reading.certificate is None:
            raise ReadingNotCertified(request.stream)
        return report

    def _source_of(self, stream: StreamRef) -> ActivitySource:
        found = find_source(stream, self._sources, self._directories)
        if found is None:
            raise StreamNotConfigured(stream)
        return found

    @contextmanager
    def _gap_noted(self, request: StreamRequest) -> Iterator[_Reading]:
        """Keep with the window why a reading that had to end with a certificate failed (GAP_BLOCKS_CLOSE)."""
        reading = _Reading()
        try:
            yield reading
        except (CursorMoved, FailureError):
            raise
        except Exception as error:
            if reading.lacks_its_certificate:
                failed = StreamReading(
                    stream=request.stream,
                    window=request.window,
                    retrieved_at=self._clock(),
                    problem=_code_of(error),
                )
                try:
                    with activity.shield_thread_cancel_exception():
                        record_reading(self._ledger, failed)
                except Exception:  # noqa: BLE001 - as below: the first error is the one to tell
                    activity.logger.warning("stream_gap_not_noted", extra={"stream": str(request.stream)})
            raise

    @contextmanager
    def _problems_noted(self, stream: StreamRef) -> Iterator[None]:
        """Note in the ledger why a try fails; a cancellation, or another's cursor, is no failure of the source."""
        try:
            yield
        except (CursorMoved, FailureError):
            raise
        except Exception as error:
            try:
                with activity.shield_thread_cancel_exception():
                    record_stream_problem(self._ledger, stream, sentence_of(error), clock=self._clock)
            except Exception:  # noqa: BLE001 - the database may be what failed; the first error is the one to tell
                activity.logger.warning("stream_problem_not_noted", extra={"stream": str(stream)})
            raise


def _code_of(error: Exception) -> str:
    if isinstance(error, LedgerError):
        return error.code if is_name(error.code) else LedgerError.code  # a package's may be anything
    return "source-unavailable" if isinstance(error, SourceUnavailable) else "internal-error"


def _counts(report: StreamReport) -> tuple[int, int, int, int, dict[str, int]]:
    return report.pages, report.inserted, report.duplicates, report.conflicts, dict(report.skipped)


def _resumed(report: StreamReport) -> StreamReport:
    """Return the report with the counts that an earlier attempt of this run left in its last heartbeat."""
    match list(activity.info().heartbeat_details):
        case [int(pages), int(inserted), int(duplicates), int(conflicts), dict(skipped)]:
            return replace(
                report,
                pages=pages,
                inserted=inserted,
                duplicates=duplicates,
                conflicts=conflicts,
                skipped={str(reason): int(number) for reason, number in skipped.items()},
            )
        case _:
            return report


def _after_page(report: StreamReport, page: ActivityPage, stored: StoredEvents) -> StreamReport:
    return replace(
        report,
        pages=report.pages + 1,
        inserted=report.inserted + stored.inserted,
        duplicates=report.duplicates + stored.duplicates,
        conflicts=report.conflicts + stored.conflicts,
        skipped=dict(Counter(report.skipped) + Counter(page.skipped)),
        cursor=_shown(page.cursor),
    )


def _shown(cursor: str | None) -> str | None:
    if cursor is None or len(cursor) <= SHOWN_CURSOR_CHARACTERS:
        return cursor
    return cursor[:SHOWN_CURSOR_CHARACTERS] + "..."

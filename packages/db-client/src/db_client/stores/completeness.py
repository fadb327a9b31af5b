"""Readings of streams and waivers of their gaps on PostgreSQL."""

from __future__ import annotations

from collections import Counter
from datetime import UTC
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, insert, select
from sqlalchemy.dialects.postgresql import distinct_on

from db_client.tables.completeness import gap_waivers, stream_readings
from db_client.tables.epochs import epochs
from ledger_core.domain.canonical_json import canonical_json, parse_strict_json
from ledger_core.domain.completeness import (
    CompletenessCertificate,
    CompletenessCount,
    Gap,
    parse_gap,
)
from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.stream_reading import GapWaiver, SkippedActivity, StreamReading
from ledger_core.errors import InvalidValue
from ledger_core.identifiers import EpochId, NodeId, StreamRef

_STREAM = (stream_readings.c.source, stream_readings.c.source_ref, stream_readings.c.stream)


class PostgresCompletenessStore:
    """The port CompletenessStore."""

    def __init__(self, connection: Connection, node_id: NodeId) -> None:
        self._connection = connection
        self._node_id = node_id

    def newest_readings(self, window: EpochWindow) -> tuple[StreamReading, ...]:
        """Return the window's newest reading of each stream, in order."""
        newest = (
            self._of_window(window).ext(distinct_on(*_STREAM)).order_by(*_STREAM, stream_readings.c.id.desc())
        )
        return tuple(_reading(row, window) for row in self._connection.execute(newest))

    def find_newest(self, window: EpochWindow, stream: StreamRef) -> StreamReading | None:
        """Return the window's newest reading of a stream."""
        columns = stream_readings.c
        row = self._connection.execute(
            self._of_window(window)
            .where(
                columns.source == stream.source,
                columns.source_ref == stream.source_ref,
                columns.stream == stream.stream,
            )
            .order_by(columns.id.desc())
            .limit(1)
        ).one_or_none()
        return None if row is None else _reading(row, window)

    def waivers(self, epoch_id: EpochId) -> tuple[GapWaiver, ...]:
        """Return the epoch's waivers, the oldest first."""
        rows = self._connection.execute(
            select(gap_waivers)
            .where(gap_waivers.c.node_id == self._node_id, gap_waivers.c.epoch_id == epoch_id)
            .order_by(gap_waivers.c.id)
        )
        return tuple(
            GapWaiver(
                stream=_stream(row),
                gap=parse_gap(parse_strict_json(row.gap)),
                reason=row.reason,
                waived_by=row.waived_by,
                waived_at=row.waived_at.astimezone(UTC),
            )
            for row in rows
        )

    def skipped(self, window: EpochWindow) -> tuple[SkippedActivity, ...]:
        """Return what the window's readings took for no event."""
        columns = stream_readings.c
        found: dict[StreamRef, tuple[int, Counter[str], Counter[str]]] = {}
        rows = self._connection.execute(
            self._of_window(window).order_by(*_STREAM, columns.id),
            execution_options={"yield_per": 1_000},
        )
        for row in rows:
            readings, reasons, actors = found.get(_stream(row), (0, Counter(), Counter()))
            if row.certificate is not None:
                reasons.update(row.certificate["skipped"])
                actors.update(row.certificate["skipped_actors"])
            found[_stream(row)] = (readings + 1, reasons, actors)
        return tuple(
            SkippedActivity(
                stream=stream,
                readings=readings,
                by_reason=dict(sorted(reasons.items())),
                by_actor=dict(sorted(actors.items())),
            )
            for stream, (readings, reasons, actors) in found.items()
        )

    def record(self, reading: StreamReading) -> bool:
        """Append a reading, unless its epoch is closed or it says nothing new; a close beside it waits."""
        window = reading.window
        newest = self.find_newest(window, reading.stream)
        if newest is not None and newest.says_what(reading):
            return False  # and no lock: a quiet stream keeps no close waiting
        status = self._connection.execute(
            select(epochs.c.status)
            .where(
                epochs.c.node_id == self._node_id,
                epochs.c.period_start == window.period_start,
                epochs.c.period_end == window.period_end,
            )
            .with_for_update(read=True)
        ).scalar_one_or_none()
        if status == "closed":
            return False
        one_at_a_time = f"ledger: readings of {self._node_id} {window} {reading.stream}"
        self._connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(one_at_a_time, 0))))
        newest = self.find_newest(window, reading.stream)
        if newest is not None and newest.says_what(reading):
            return False
        self._connection.execute(
            insert(stream_readings).values(
                node_id=self._node_id,
                period_start=window.period_start,
                period_end=window.period_end,
                source=reading.stream.source,
                source_ref=reading.stream.source_ref,
                stream=reading.stream.stream,
                retrieved_at=reading.retrieved_at,
                certificate=_certificate_json(reading.certificate),
                problem=reading.problem,
                gap=_gap_text(reading.gap),
                gap_when_over=_gap_text(reading.gap_when_over),
            )
        )
        return True

    def waive(self, epoch_id: EpochId, waiver: GapWaiver) -> None:
        """Append a waiver."""
        self._connection.execute(
            insert(gap_waivers).values(
                node_id=self._node_id,
                epoch_id=epoch_id,
                source=waiver.stream.source,
                source_ref=waiver.stream.source_ref,
                stream=waiver.stream.stream,
                gap=_gap_text(waiver.gap),
                reason=waiver.reason,
                waived_by=waiver.waived_by,
                waived_at=waiver.waived_at,
            )
        )

    def _of_window(self, window: EpochWindow) -> Select[Any]:
        columns = stream_readings.c
        return select(stream_readings).where(
            and_(
                columns.node_id == self._node_id,
                columns.period_start == window.period_start,
                columns.period_end == window.period_end,
            )
        )


def _stream(row: Row[Any]) -> StreamRef:
    return StreamRef(source=row.source, source_ref=row.source_ref, stream=row.stream)


def _reading(row: Row[Any], window: EpochWindow) -> StreamReading:
    return StreamReading(
        stream=_stream(row),
        window=window,
        retrieved_at=row.retrieved_at.astimezone(UTC),
        certificate=None if row.certificate is None else _certificate(row.certificate),
        problem=row.problem,
    )


def _gap_text(gap: Gap | None) -> str | None:
    return None if gap is None else canonical_json(gap.document()).decode("utf-8")


def _certificate_json(certificate: CompletenessCertificate | None) -> dict[str, object] | None:
    if certificate is None:
        return None
    return {
        "begins": certificate.begins,
        "ends": certificate.ends,
        "pages": certificate.pages,
        "counts": [
            {
                "what": count.what,
                "route": count.route,
                "seen": count.seen,
                "independent": count.independent,
            }
            for count in certificate.counts
        ],
        "skipped": dict(certificate.skipped),
        "skipped_actors": dict(certificate.skipped_actors),
    }


def _certificate(stored: Any) -> CompletenessCertificate:
    try:
        return CompletenessCertificate(
            begins=stored["begins"],
            ends=stored["ends"],
            pages=stored["pages"],
            counts=tuple(CompletenessCount(**count) for count in stored["counts"]),
            skipped=stored["skipped"],
            skipped_actors=stored["skipped_actors"],
        )
    except (KeyError, TypeError, AttributeError) as error:  # not of our writing
        raise InvalidValue("certificate", "is stored in no form of ours") from error

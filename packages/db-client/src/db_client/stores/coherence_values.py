"""Values from rows that may hold anything: of a row that makes none, None, or an error of NO_VALUE."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Row

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.domain.amendment import Amendment, parse_amendment
from ledger_core.domain.curation import CuratedEvent
from ledger_core.domain.epoch import Epoch, EpochStatus
from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.payouts import PayoutLine
from ledger_core.domain.pool import PoolComponent
from ledger_core.domain.statement import payout_document
from ledger_core.domain.stream_reading import StreamCompleteness, parse_completeness
from ledger_core.domain.weight_config import WeightConfig
from ledger_core.errors import LedgerError
from ledger_core.identifiers import ComponentId, EpochId, EventId, UserId

# What a row holds that no domain value takes: refused by the domain, by the parser, or of another kind.
NO_VALUE: Final = (LedgerError, ValueError, TypeError, KeyError, RecursionError)


def in_utc(value: datetime) -> datetime:
    """Return the instant in UTC."""
    return value.astimezone(UTC)


def epoch_of(row: Row[Any]) -> Epoch | None:
    """Return the epoch, or None."""
    has_result = {row.pool_total_credits is not None, row.closed_at is not None}
    if has_result != {row.status == EpochStatus.CLOSED}:
        return None
    try:
        return Epoch(
            id=EpochId(row.id),
            status=EpochStatus(row.status),
            window=EpochWindow(period_start=in_utc(row.period_start), period_end=in_utc(row.period_end)),
            weight_config=WeightConfig(json.loads(row.weight_config)),
            pool_total_credits=row.pool_total_credits,
            opened_at=in_utc(row.opened_at),
            closed_at=None if row.closed_at is None else in_utc(row.closed_at),
        )
    except NO_VALUE:
        return None


def component_of(row: Row[Any]) -> PoolComponent:
    """Return the pool component.

    Raises: NO_VALUE.
    """
    return PoolComponent(
        component_id=ComponentId(row.component_id),
        algorithm_version=row.algorithm_version,
        amount_credits=row.amount_credits,
        inputs=json.loads(row.inputs),
        evidence_ref=row.evidence_ref,
        computed_at=in_utc(row.computed_at),
    )


def payouts_of(stored: str) -> tuple[PayoutLine, ...] | None:
    """Return the payouts as a document has them to the letter, or None."""
    try:
        documents = json.loads(stored)
        lines = tuple(
            PayoutLine(
                user_id=line["user_id"],
                total_units=int(line["total_units"]),
                share=line["share"],
                amount_credits=int(line["amount_credits"]),
            )
            for line in documents
        )
        # As a document has them, to the letter: "007" credits are no 7.
        is_exact = [payout_document(line) for line in lines] == documents
    except NO_VALUE:
        return None
    return lines if is_exact else None


def completeness_of(stored: str | None) -> tuple[StreamCompleteness, ...] | None:
    """Return how complete the streams were, none of them where nothing is stored; None for what says nothing."""
    try:
        return () if stored is None else parse_completeness(json.loads(stored))
    except NO_VALUE:
        return None


def amendment_of(stored: str | None) -> Amendment | None:
    """Return the amendment, or None."""
    try:
        return None if stored is None else parse_amendment(json.loads(stored))
    except NO_VALUE:
        return None


def curated_event_of(row: Row[Any]) -> CuratedEvent | None:
    """Return the curated event, or None."""
    try:
        return CuratedEvent(
            event_id=EventId(row.event_id),
            source=row.source,
            event_type=row.event_type,
            payload_hash=row.payload_hash,
            user_id=None if row.user_id is None else UserId(row.user_id),
            included=row.included,
            weight_override_milli=row.weight_override_milli,
            late_from_epoch_id=row.late_from_epoch_id,
        )
    except NO_VALUE:
        return None


def computed_hash_of(row: Row[Any]) -> str | None:
    """Return the payload hash that the event of the row gives, or None."""
    try:
        return ActivityEvent(
            id=EventId(row.id),
            source=row.source,
            event_type=row.event_type,
            platform_user_id=row.platform_user_id,
            platform_login=row.platform_login,
            artifact_url=row.artifact_url,
            event_time=in_utc(row.event_time),
            metadata=json.loads(row.metadata),
            producer=row.producer,
            producer_version=row.producer_version,
            retrieved_at=in_utc(row.retrieved_at),
        ).payload_hash
    except NO_VALUE:
        return None

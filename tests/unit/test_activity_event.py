"""Activity events: immutable facts that pin their own payload."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from ledger_core import ActivityEvent, EventId, InvalidValue, NotCanonical, canonical_json
from ledger_core.domain.activity_event import MAX_METADATA_BYTES, MAX_URL_CHARACTERS
from ledger_core.testing import make_event

EVENT = ActivityEvent(
    id=EventId("github:pr:acme/widgets:42"),
    source="github",
    event_type="pr_merged",
    platform_user_id="1001",
    platform_login="ann",
    artifact_url="https://github.com/acme/widgets/pull/42",
    event_time=datetime(2026, 11, 17, 9, 30, 0, 1, tzinfo=UTC),
    metadata={"title": 'Fix na\u00efve "quote"', "additions": 12},
    producer="github-adapter",
    producer_version="1.0.0",
    retrieved_at=datetime(2026, 11, 23, 6, tzinfo=UTC),
)
PAYLOAD = (
    '{"artifact_url":"https://github.com/acme/widgets/pull/42","event_time":"2026-11-17T09:30:00.000001Z",'
    '"event_type":"pr_merged","id":"github:pr:acme/widgets:42",'
    '"metadata":{"additions":12,"title":"Fix na\u00efve \\"quote\\""},'
    '"platform_login":"ann","platform_user_id":"1001","source":"github"}'
)
PAYLOAD_HASH = "31b5902297ad343447d249ff6057daf34eb8f6ebd1402d0f0eedbe8325fcec30"

FACTS: dict[str, Any] = {
    "id": "github:pr:acme/widgets:43",
    "source": "gitlab",
    "event_type": "pr_opened",
    "platform_user_id": None,
    "platform_login": "anna",
    "artifact_url": None,
    "event_time": EVENT.event_time + timedelta(microseconds=1),
    "metadata": {},
}
PROVENANCE: dict[str, Any] = {
    "producer": "other-adapter",
    "producer_version": "2",
    "retrieved_at": datetime(2027, 1, 1, tzinfo=UTC),
}


def test_the_payload_hash_pins_the_fact_in_canonical_json() -> None:
    """PAYOUT_DETERMINISTIC: text and hash are written out here; a change of either changes every hash."""
    assert canonical_json(EVENT.payload()).decode() == PAYLOAD
    assert EVENT.payload_hash == PAYLOAD_HASH == sha256(PAYLOAD.encode()).hexdigest()


def test_an_event_of_nobody_has_nulls_in_its_payload() -> None:
    event = replace(
        EVENT,
        id=EventId("git:commit:depot:abc"),
        source="git",
        event_type="commit",
        platform_user_id=None,
        platform_login=None,
        artifact_url=None,
        event_time=datetime(2026, 11, 16, tzinfo=UTC),
        metadata={},
    )

    assert event.payload_hash == "4f4fbf58e629d2f4a00c20f9355eaa72873bd6239bf67696efa33febd3704db4"


@pytest.mark.parametrize(("name", "value"), FACTS.items(), ids=FACTS)
def test_every_part_of_the_fact_is_pinned(name: str, value: Any) -> None:
    """ACTIVITY_IDEMPOTENT: whatever changes at the source shows as a conflict."""
    changed: dict[str, Any] = {name: value}

    assert replace(EVENT, **changed).payload_hash != PAYLOAD_HASH


@pytest.mark.parametrize(("name", "value"), PROVENANCE.items(), ids=PROVENANCE)
def test_provenance_is_not_pinned(name: str, value: Any) -> None:
    """ACTIVITY_IDEMPOTENT: the same fact seen later, or by a newer adapter, is the same fact."""
    changed: dict[str, Any] = {name: value}

    assert replace(EVENT, **changed).payload_hash == PAYLOAD_HASH


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", ""),
        ("id", " x"),
        ("source", "GitHub"),
        ("event_type", ""),
        ("platform_user_id", ""),
        ("platform_login", "a\nb"),
        ("artifact_url", ""),
        ("artifact_url", "h" * (MAX_URL_CHARACTERS + 1)),
        ("event_time", datetime(2026, 11, 17)),  # noqa: DTZ001 - the naive time that must be refused
        ("producer", ""),
        ("producer", None),
        ("producer_version", None),
        ("retrieved_at", None),
        ("metadata", {"title": "nul\x00"}),
        ("metadata", {"nul\x00": 1}),
        ("metadata", {"title": "x" * MAX_METADATA_BYTES}),
    ],
)
def test_what_breaks_the_rule_of_a_part_is_refused(name: str, value: Any) -> None:
    """PROVENANCE_REQUIRED: nor is there an event without producer, version and retrieval time."""
    changed: dict[str, Any] = {name: value}

    with pytest.raises(InvalidValue):
        replace(EVENT, **changed)


@pytest.mark.parametrize("metadata", [{"size": 1.5}, {"size": 2**53}, {1: "a"}])
def test_metadata_without_a_canonical_form_is_refused(metadata: Any) -> None:
    with pytest.raises(NotCanonical):
        replace(EVENT, metadata=metadata)


def test_the_largest_metadata_and_the_longest_link_are_kept() -> None:
    metadata = {"title": "x" * (MAX_METADATA_BYTES - len('{"title":""}'))}

    event = replace(EVENT, metadata=metadata, artifact_url="h" * MAX_URL_CHARACTERS)

    assert len(event.metadata_json) == MAX_METADATA_BYTES


def test_a_text_that_only_looks_like_an_escaped_nul_is_kept() -> None:
    event = make_event(metadata={"title": "C:\\u0000", "odd": "\\\\u0000"})

    assert event.metadata == {"title": "C:\\u0000", "odd": "\\\\u0000"}


def test_a_nul_after_a_backslash_is_refused() -> None:
    with pytest.raises(InvalidValue, match="NUL"):
        make_event(metadata={"title": "\\\x00"})

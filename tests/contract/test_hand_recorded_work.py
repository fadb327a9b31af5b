"""Hand-recorded work in a ledger: a line that was changed after its collection is a conflict, and changes nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from ledger_core import EventId, Ledger
from ledger_core.ports.activity_store import StoredEvents
from ledger_core.testing import FixedClock
from ledger_core.use_cases.store_page import find_cursor, store_page
from scheduler_worker.sources.jsonl.jsonl_source import JsonlSource

UNTIL = datetime(2027, 1, 1, tzinfo=UTC)


def line(name: str, person: str, event_type: str = "talk_given") -> str:
    record = {
        "id": name,
        "event_type": event_type,
        "event_time": "2026-11-18T15:00:00Z",
        "platform_user_id": person,
    }
    return json.dumps(record) + "\n"


def collect(ledger: Ledger, path: Path) -> list[StoredEvents]:
    source = JsonlSource(name="community", path=path, clock=FixedClock())
    (stream,) = source.streams()
    cursor = find_cursor(ledger, stream)
    stored = []
    for page in source.pages(stream, cursor, until=UNTIL):
        stored.append(store_page(ledger, stream, page, expected_cursor=cursor))
        cursor = page.cursor
    return stored


def test_a_line_that_was_changed_after_its_collection_is_a_conflict_and_the_first_stays(
    ledger: Ledger, tmp_path: Path
) -> None:
    """ACTIVITY_IDEMPOTENT, ACTIVITY_APPEND_ONLY."""
    path = tmp_path / "work.jsonl"
    path.write_text(line("one", "ada") + line("two", "bob"))
    assert collect(ledger, path) == [StoredEvents(inserted=2, duplicates=0, conflicts=0)]

    path.write_text(line("one", "eve") + line("two", "bob", "book_written") + line("three", "cid"))

    assert collect(ledger, path) == [StoredEvents(inserted=1, duplicates=0, conflicts=2)]
    assert collect(ledger, path) == []
    with ledger.read() as view:
        told = {
            name: view.activity.find(EventId(f"jsonl:work:community:{name}"))
            for name in ("one", "two", "three")
        }
    assert {name: (event.platform_user_id, event.event_type) for name, event in told.items() if event} == {
        "one": ("ada", "talk_given"),
        "two": ("bob", "talk_given"),
        "three": ("cid", "talk_given"),
    }

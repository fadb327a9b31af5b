"""Whatever becomes of a file of records between collections, whole or broken off: nothing that it holds stays untold."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from ledger_core.domain.activity_event import ActivityEvent
from ledger_core.identifiers import EventId, NodeId, StreamRef
from ledger_core.testing import RETRIEVED_AT, FixedClock, InMemoryLedger
from ledger_core.use_cases.store_page import find_cursor, store_page
from scheduler_worker.sources.jsonl.jsonl_source import JsonlSource

NODE = NodeId(UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff"))
STREAM = StreamRef(source="jsonl", source_ref="community", stream="records")

Records = dict[int, int]  # the numbers in ids, in order, and what each line says
edits = st.one_of(
    st.tuples(st.just("append"), st.integers(0, 4), st.integers(0, 1)),
    st.tuples(st.just("change"), st.integers(0, 9), st.integers(1, 3)),
    st.tuples(st.just("take away"), st.integers(0, 9), st.just(0)),
    st.tuples(st.just("turn round"), st.just(0), st.just(0)),
    st.tuples(st.just("collect"), st.just(0), st.just(0)),
    st.tuples(st.just("break off"), st.integers(0, 3), st.just(0)),
)


def written(records: Records, *, ends: bool) -> str:
    lines = [
        json.dumps(
            {
                "id": f"r{number}",
                "event_type": "talk_given",
                "event_time": "2026-11-18T15:00:00Z",
                "platform_user_id": "ada",
                "metadata": {"says": says},
            }
        )
        for number, says in records.items()
    ]
    return "\n".join(lines) + ("\n" if ends and lines else "")


def edited(records: Records, name: str, which: int, how: int, next_number: int) -> Records:
    numbers = list(records)
    if name == "append":
        return records | dict.fromkeys(range(next_number, next_number + which), how)
    if name == "turn round":
        return dict(reversed(records.items()))
    if not numbers:
        return records
    number = numbers[which % len(numbers)]
    if name == "change":
        return records | {number: records[number] + how}
    return {other: says for other, says in records.items() if other != number}


class Collected:
    """A ledger and a file, and what the test knows that was told: each record as it was first, and in every form."""

    def __init__(self, path: Path, *, page_lines: int) -> None:
        self.ledger = InMemoryLedger(NODE)
        self.first: Records = {}
        self.told: set[tuple[int, int]] = set()
        self._source = JsonlSource(name="community", path=path, clock=FixedClock(), page_lines=page_lines)

    def collect(self, most_pages: int | None = None) -> None:
        """Store the pages there are, or only so many."""
        cursor = find_cursor(self.ledger, STREAM)
        for number, page in enumerate(self._source.pages(STREAM, cursor, until=RETRIEVED_AT)):
            if number == most_pages:
                break
            told = {int(event.id.rpartition(":r")[2]): _says(event) for event in page.events}
            stored = store_page(self.ledger, STREAM, page, expected_cursor=cursor)
            assert stored.conflicts == sum(self.first.get(key, says) != says for key, says in told.items())
            assert stored.inserted == len(told.keys() - self.first.keys())
            cursor = page.cursor
            self.first = told | self.first
            self.told |= set(told.items())

    def is_at_its_end(self) -> bool:
        """Say whether another reading has nothing to tell."""
        pages = self._source.pages(STREAM, find_cursor(self.ledger, STREAM), until=RETRIEVED_AT)
        return list(pages) == []


def _says(event: ActivityEvent) -> int:
    says = event.metadata["says"]
    assert isinstance(says, int)
    return says


@given(steps=st.lists(edits, max_size=25), page_lines=st.integers(1, 3), ends=st.booleans())
def test_what_a_file_holds_at_a_collection_is_told_and_what_was_told_first_stays(
    steps: list[tuple[str, int, int]], *, page_lines: int, ends: bool
) -> None:
    """ACTIVITY_IDEMPOTENT: whatever was changed is told, and so counted as a conflict."""
    records: Records = {}
    next_number = 0
    with TemporaryDirectory() as folder:
        path = Path(folder, "work.jsonl")
        path.write_text("")
        kept = Collected(path, page_lines=page_lines)
        for name, which, how in [*steps, ("collect", 0, 0)]:
            if name == "break off":
                kept.collect(most_pages=which)
            elif name == "collect":
                kept.collect()
                assert set(records.items()) <= kept.told
                assert kept.is_at_its_end()
            else:
                records = edited(records, name, which, how, next_number)
                next_number += which if name == "append" else 0
                path.write_text(written(records, ends=ends))

    with kept.ledger.read() as view:
        assert view.activity.count_waiting() == len(kept.first)
        for number, says in kept.first.items():
            event = view.activity.find(EventId(f"jsonl:work:community:r{number}"))
            assert event is not None
            assert _says(event) == says

"""The jsonl source: every line once, a changed one as a conflict, a bad one by its number."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ledger_core.domain.activity_event import MAX_METADATA_BYTES
from ledger_core.errors import InvalidValue, LedgerError, SourceUnavailable
from ledger_core.identifiers import NodeId, StreamRef
from ledger_core.ports.activity_source import ActivityPage
from ledger_core.ports.activity_store import StoredEvents
from ledger_core.testing import RETRIEVED_AT, FixedClock, InMemoryLedger
from ledger_core.use_cases.store_page import find_cursor, store_page
from scheduler_worker.sources.jsonl import jsonl_source, lines, records
from scheduler_worker.sources.jsonl.jsonl_source import FILE_CHANGED, JsonlSource
from scheduler_worker.sources.jsonl.refusals import JsonlLineRefused

DOCUMENT = Path(__file__).parents[2] / "docs/sources-jsonl.md"
UNTIL = datetime(2026, 12, 1, tzinfo=UTC)
NODE = NodeId(UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff"))
STREAM = StreamRef(source="jsonl", source_ref="community", stream="records")


def record(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "id": f"r{number}",
        "event_type": "workshop_held",
        "event_time": "2026-11-18T15:00:00Z",
        "platform_user_id": "ada@example.org",
        **changed,
    }


def line(number: int, **changed: Any) -> bytes:
    return json.dumps(record(number, **changed)).encode() + b"\n"


def source_of(path: Path, **options: Any) -> JsonlSource:
    return JsonlSource(name="community", path=path, clock=FixedClock(), **options)


def read(path: Path, cursor: str | None = None, **options: Any) -> list[ActivityPage]:
    return list(source_of(path, **options).pages(STREAM, cursor, until=UNTIL))


def ids(pages: list[ActivityPage]) -> list[str]:
    return [event.id.rpartition(":")[2] for page in pages for event in page.events]


def refusal(path: Path, cursor: str | None = None) -> LedgerError:
    with pytest.raises(LedgerError) as refused:
        read(path, cursor)
    assert "\n" not in str(refused.value)
    return refused.value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "work.jsonl"


class Kept:
    """A ledger that collects a file again and again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ledger = InMemoryLedger(NODE)

    def collect(self) -> tuple[StoredEvents, dict[str, int]]:
        cursor = find_cursor(self.ledger, STREAM)
        sums, skipped = [0, 0, 0], dict[str, int]()
        for page in source_of(self.path, page_lines=2).pages(STREAM, cursor, until=UNTIL):
            stored = store_page(self.ledger, STREAM, page, expected_cursor=cursor)
            cursor = page.cursor
            sums = [sums[0] + stored.inserted, sums[1] + stored.duplicates, sums[2] + stored.conflicts]
            skipped |= page.skipped
        return StoredEvents(inserted=sums[0], duplicates=sums[1], conflicts=sums[2]), skipped


def stored(inserted: int, duplicates: int = 0, conflicts: int = 0) -> StoredEvents:
    return StoredEvents(inserted=inserted, duplicates=duplicates, conflicts=conflicts)


# --- what a line becomes ---------------------------------------------------------------------------


def test_the_documents_own_lines_become_events(path: Path) -> None:
    shown = re.search(r"```jsonl\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert shown is not None
    path.write_text(shown[1], encoding="utf-8")

    (page,) = read(path)

    workshop, on_call = page.events
    assert workshop.id == "jsonl:work:community:2026-11-18-workshop"
    assert (workshop.source, workshop.event_type) == ("jsonl", "workshop_held")
    assert workshop.event_time == datetime(2026, 11, 18, 15, tzinfo=UTC)
    assert (workshop.platform_user_id, workshop.platform_login) == ("ada@example.org", "Ada")
    assert workshop.artifact_url == "https://example.org/workshops/12"
    assert workshop.metadata == {"title": "Reading a statement", "people": 14}
    assert (on_call.platform_login, on_call.artifact_url, on_call.metadata) == (None, None, {})
    assert page.retrieved_at == on_call.retrieved_at == RETRIEVED_AT


def test_order_and_spaces_of_a_line_change_no_hash(path: Path) -> None:
    path.write_bytes(line(1, platform_login=None))
    turned = json.dumps(dict(reversed(record(1).items())), separators=(" ,  ", "\t:"))
    (before,) = read(path)
    path.write_text("\r\n" + turned + "\r\n \n")

    (after,) = read(path)

    assert before.events == after.events
    assert before.events[0].payload_hash == after.events[0].payload_hash


# --- bad lines -------------------------------------------------------------------------------------

NO_IDENTIFIER = "must be 1 to 255 characters without control characters, line separators or outer white space"
BAD_LINES = {
    "cut": (b'{"id": "r2", "event_type"', "jsonl-line-not-json", "it is not JSON"),
    "list": (b"[]", "jsonl-line-not-json", "it is JSON, but no object"),
    "repeated key": (b'{"id": "a", "id": "b"}', "jsonl-line-not-json", "an object repeats a key"),
    "fraction": (
        line(2, metadata={"h": 1.5}), "jsonl-line-not-json", "a number is not an integer; write it as text",
    ),
    "huge": (
        line(2, metadata={"h": 2**53}), "jsonl-line-not-json",
        "an integer lies beyond +-(2^53-1); write it as text",
    ),
    "nested": (b"[" * 100_000, "jsonl-line-not-json", "it is not JSON"),
    "latin": (b'{"id": "\xe9"}', "jsonl-line-not-utf8", "it is not in UTF-8"),
    "mark": (
        b"\xef\xbb\xbf" + line(2), "jsonl-line-not-utf8",
        "it begins with a byte order mark; save the file as UTF-8 without one",
    ),
    "missing": (b'{"id": "r2"}', "jsonl-field-missing", "event_type is missing"),
    "null": (line(2, platform_user_id=None), "jsonl-field-missing", "platform_user_id is missing"),
    "misspelt": (line(2, even_type="x"), "jsonl-field-unknown", "even_type is unknown; did you mean event_type?"),
    "unknown": (
        line(2, **{"\x1b[2J": 1}), "jsonl-field-unknown",
        f"?[2J is unknown; known are {', '.join(records.FIELDS)}",
    ),
    "number": (line(2, id=7), "jsonl-field-invalid", "id must be text, not int"),
    "long id": (line(2, id="x" * 141), "jsonl-field-invalid", "id must have at most 140 characters"),
    "type": (
        line(2, event_type="Workshop"), "jsonl-field-invalid",
        "event_type must be 1 to 63 of a-z, 0-9, '_', '-', '.', and begin with a letter",
    ),
    "time": (
        line(2, event_time="2026-11-18"), "jsonl-field-invalid",
        "event_time must be written like 2026-11-16T00:00:00Z",
    ),
    "local time": (
        line(2, event_time="2026-11-18T15:00:00+01:00"), "jsonl-field-invalid",
        "event_time must be written like 2026-11-16T00:00:00Z",
    ),
    "no day": (
        line(2, event_time="2026-02-30T00:00:00Z"), "jsonl-field-invalid",
        "event_time is no date and time of the calendar",
    ),
    "seconds": (line(2, event_time=5), "jsonl-field-invalid", "event_time must be text, not int"),
    "person": (
        line(2, platform_user_id=" ada"), "jsonl-field-invalid",
        f"platform_user_id {NO_IDENTIFIER}",
    ),
    "surrogate": (
        line(2, platform_login="\ud800"), "jsonl-field-invalid",
        f"platform_login {NO_IDENTIFIER}",
    ),
    "link": (
        line(2, artifact_url="javascript:alert(1)"), "jsonl-field-invalid",
        "artifact_url must begin with https:// or http://",
    ),
    "metadata": (line(2, metadata=[]), "jsonl-field-invalid", "metadata must be an object"),
    "large metadata": (
        line(2, metadata={"x": "y" * MAX_METADATA_BYTES}), "jsonl-field-invalid",
        "metadata is larger than 65536 bytes",
    ),
    "repeated": (line(1), "jsonl-id-repeated", "its id is that of line 1; the second would never count"),
    "long": (b'"' + b"x" * 200_000 + b'"', "jsonl-line-too-long", "it has more than 131072 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_ends_the_reading_with_its_number_and_loses_nothing_before_or_after_it(
    path: Path, name: str
) -> None:
    bad, code, problem = BAD_LINES[name]
    path.write_bytes(line(1) + b"\n" + bad.rstrip(b"\n") + b"\n" + line(3))
    pages: list[ActivityPage] = []

    with pytest.raises(JsonlLineRefused) as refused:
        pages.extend(source_of(path).pages(STREAM, None, until=UNTIL))

    assert (refused.value.code, str(refused.value)) == (code, f"community, line 3: {problem}")
    assert ids(pages) == ["r1"]
    assert isinstance(refusal(path, pages[-1].cursor), type(refused.value))
    path.write_bytes(line(1) + b"\n" + line(2) + line(3))
    assert ids(read(path, pages[-1].cursor)) == ["r2", "r3"]


def test_a_line_may_be_as_long_as_the_limit_says(path: Path) -> None:
    short = line(1).rstrip(b"\n")
    longest = short + b" " * (lines.MAX_LINE_BYTES - len(short))
    for end in (b"", b"\n", b"\r\n"):
        path.write_bytes(longest + end)
        assert ids(read(path)) == ["r1"]

    path.write_bytes(longest + b" \n")
    assert refusal(path).code == "jsonl-line-too-long"


# --- files -----------------------------------------------------------------------------------------


def test_what_is_no_file_to_read_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")

    found = [refusal(tmp_path / name) for name in ("none", "fifo", ".")]

    assert {error.code for error in found} == {"jsonl-file-unreadable"}
    assert [str(error) for error in found] == [
        "community can't be read: No such file or directory",
        "community can't be read: it is no ordinary file",
        "community can't be read: it is no ordinary file",
    ]


def test_a_file_beyond_its_limits_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(line(1) + line(2) + line(3))
    monkeypatch.setattr(lines, "MAX_FILE_LINES", 3)
    assert ids(read(path)) == ["r1", "r2", "r3"]
    monkeypatch.setattr(lines, "MAX_FILE_LINES", 2)
    assert str(refusal(path)).startswith("community has more than 2 lines; leave it as it is")
    monkeypatch.setattr(lines, "MAX_FILE_BYTES", len(line(1)))
    assert str(refusal(path)).startswith(f"community has more than {len(line(1))} bytes; leave it")


def test_a_foreign_stream_a_foreign_cursor_and_a_colon_in_the_name_are_refused(path: Path) -> None:
    path.write_bytes(line(1))
    with pytest.raises(InvalidValue):
        list(source_of(path).pages(StreamRef(source="git", source_ref="x", stream="y"), None, until=UNTIL))
    good = read(path)[-1].cursor
    short = '{"bytes":0,"format":1,"lines":0,"sha256":"a"}'
    for cursor in (
        "", "{}", "[]", "x" * 201, short, good + " ", good.replace(":1,", ":2,", 1), good.replace(":", ":-", 1),
    ):  # fmt: skip
        assert refusal(path, cursor).code == "jsonl-cursor-invalid"
    for name in ("a:b", "n" * 101, "", " a"):
        with pytest.raises(InvalidValue):
            JsonlSource(name=name, path=path, clock=FixedClock())
    with pytest.raises(InvalidValue):
        source_of(path, page_lines=0)


# --- pages and cursors -----------------------------------------------------------------------------


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n"])
def test_from_every_cursor_the_rest_comes_and_from_the_last_nothing(path: Path, end: bytes) -> None:
    path.write_bytes((b"".join(map(line, range(5))) + b"\n").rstrip(b"\n") + end)

    pages = read(path, page_lines=2)

    assert [len(page.events) for page in pages if page.events] == [2, 2, 1]
    for number, page in enumerate(pages, start=1):
        assert ids(read(path, page.cursor)) == ids(pages[number:])
    assert read(path, pages[-1].cursor) == []


def test_a_page_ends_after_so_many_bytes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl_source, "PAGE_BYTES", len(line(1)) + 1)
    path.write_bytes(b"".join(map(line, range(5))))

    assert [len(page.events) for page in read(path)] == [2, 2, 1]


def test_lines_that_are_added_come_once(path: Path) -> None:
    kept = Kept(path)
    path.write_bytes(line(1).rstrip(b"\n"))
    assert kept.collect() == (stored(1), {})
    with path.open("ab") as file:
        file.write(b"\n" + line(2) + line(3))

    assert kept.collect() == (stored(2, duplicates=1), {})  # the line that got its end comes again
    assert kept.collect() == (stored(0), {})


def test_what_is_glued_to_a_line_that_was_collected_is_refused(path: Path) -> None:
    path.write_bytes(line(1).rstrip(b"\n"))
    cursor = read(path)[-1].cursor
    with path.open("ab") as file:
        file.write(line(2))

    assert (refusal(path, cursor).code, refusal(path).code) == ("jsonl-line-not-json", "jsonl-line-not-json")


@pytest.mark.parametrize(
    "change", [{"event_type": "talk_given"}, {"platform_user_id": "eve"}, {"metadata": {"a": 1}}]
)
def test_a_line_that_was_changed_after_it_was_collected_is_a_conflict(
    path: Path, change: dict[str, Any]
) -> None:
    """ACTIVITY_IDEMPOTENT: the same id with another payload is counted, and what was seen first stays."""
    kept = Kept(path)
    path.write_bytes(line(1) + line(2) + line(3))
    kept.collect()
    path.write_bytes(line(1) + line(2, **change) + line(3) + line(4))

    assert kept.collect() == (stored(1, duplicates=2, conflicts=1), {FILE_CHANGED: 1})
    assert kept.collect() == (stored(0), {})
    assert kept.ledger.read().__enter__().activity.count_waiting() == 4


def test_lines_put_in_between_are_new_and_lines_taken_away_are_told(path: Path) -> None:
    kept = Kept(path)
    path.write_bytes(line(1) + line(2))
    kept.collect()

    path.write_bytes(line(1) + line(9) + line(2))
    assert kept.collect() == (stored(1, duplicates=2), {FILE_CHANGED: 1})
    path.write_bytes(line(1))
    assert kept.collect() == (stored(0, duplicates=1), {FILE_CHANGED: 1})
    path.write_bytes(b"")
    assert kept.collect() == (stored(0), {FILE_CHANGED: 1})
    assert kept.collect() == (stored(0), {})


def test_an_id_that_was_collected_is_not_used_again(path: Path) -> None:
    path.write_bytes(line(1))
    cursor = read(path)[-1].cursor
    with path.open("ab") as file:
        file.write(line(1, event_type="talk_given"))

    assert refusal(path, cursor).code == "jsonl-id-repeated"


def test_a_file_that_is_changed_while_it_is_read_is_tried_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = b"".join(map(line, range(5_000)))  # more than a buffer, which is 128 KiB from Python 3.14 on
    path.write_bytes(old)
    cursor = read(path)[-1].cursor
    path.write_bytes(old + line(5_000))
    real = lines.JsonlFile.hash_of_first

    def and_then_it_is_edited(file: lines.JsonlFile, size_bytes: int) -> str | None:
        found = real(file, size_bytes)
        path.write_bytes(old.replace(b"ada", b"eve", 1) + line(5_000))
        return found

    monkeypatch.setattr(lines.JsonlFile, "hash_of_first", and_then_it_is_edited)
    with pytest.raises(SourceUnavailable, match="changed while it was read"):
        read(path, cursor)


def test_a_file_that_shrinks_while_it_is_read_is_tried_again(path: Path) -> None:
    path.write_bytes(b"".join(map(line, range(5_000))))
    pages = source_of(path, page_lines=10).pages(STREAM, None, until=UNTIL)
    next(pages)
    os.truncate(path, 0)

    with pytest.raises(SourceUnavailable, match="became shorter while it was read"):
        list(pages)


def test_a_file_that_grows_while_it_is_read_gives_the_rest_the_next_time(path: Path) -> None:
    path.write_bytes(line(1) + line(2))
    pages = source_of(path, page_lines=1).pages(STREAM, None, until=UNTIL)
    first = next(pages)
    with path.open("ab") as file:
        file.write(line(3))

    rest = list(pages)

    assert ids([first, *rest]) == ["r1", "r2"]
    assert ids(read(path, rest[-1].cursor)) == ["r3"]


def test_the_longest_name_and_id_fit_an_event_s_id(path: Path) -> None:
    path.write_bytes(line(1, id="i" * records.MAX_ID_CHARACTERS))
    name = "n" * records.MAX_NAME_CHARACTERS
    source = JsonlSource(name=name, path=path, clock=FixedClock())

    (page,) = source.pages(source.streams()[0], None, until=UNTIL)

    assert len(page.events[0].id) == len("jsonl:work:") + 100 + 1 + 140

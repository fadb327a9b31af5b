"""The bundle's bytes: fixed by what is stored, readable by any zip reader, written in one flat pass."""

from __future__ import annotations

import hashlib
import io
import os
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ledger_core.domain.allocation import (
    Allocation,
    compute_allocation_set_hash,
    compute_proposed_allocations,
)
from ledger_core.domain.curation import CuratedEvent, compute_activity_set_hash
from ledger_core.domain.payouts import compute_payouts
from ledger_core.domain.statement import PayoutStatement
from ledger_core.errors import EpochNotFound, InvalidValue, StatementNotFound
from ledger_core.identifiers import EpochId, UserId
from ledger_core.ports.curation_store import CuratedActivity
from ledger_core.testing import MONDAY, InMemoryLedger, make_component, make_event, make_window
from ledger_core.verification import verify_bundle, write_bundle
from ledger_core.verification.bundle_format import ENTRIES, EVENTS, FILES, MAX_LINE_BYTES
from ledger_core.verification.refusals import BundleLineTooLong
from tests.bundle_forging import lines_of, take_apart
from tests.bundle_histories import NODE, WEIGHTS, bundle_bytes, standard_history

# What the first release wrote: other bytes are another format, and need another name.
PINNED = {
    1: "a381b653e985c14de0d3770ca5f49962c7c81aed4096ee7ca88f45655137df80",
    2: "068be1be4468806106f1baef98b3008f149b3bf13eb37a78515b2a2ef2f61c02",
    3: "87f96a0ea61c22eb3d0cd59d70084b60bf448b80905df8d86ea2cf6e3d2be86b",
}


@pytest.fixture(scope="module")
def ledger() -> InMemoryLedger:
    return standard_history()


@pytest.mark.parametrize("epoch_id", [1, 2, 3])
def test_a_bundles_bytes_are_those_of_the_first_release(ledger: InMemoryLedger, epoch_id: int) -> None:
    digest = hashlib.sha256(bundle_bytes(ledger, epoch_id)).hexdigest()

    assert PINNED[epoch_id] == digest


def test_writing_twice_gives_equal_bytes(ledger: InMemoryLedger) -> None:
    assert bundle_bytes(ledger, 3) == bundle_bytes(standard_history(), 3)


def test_later_statements_do_not_change_an_earlier_bundle(ledger: InMemoryLedger) -> None:
    chains = [len(lines_of(take_apart(bundle_bytes(ledger, epoch))["chain.jsonl"])) for epoch in (1, 2, 3)]

    assert chains == [0, 1, 2]


def test_other_zip_readers_find_the_same_entries_and_contents(ledger: InMemoryLedger, tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(bundle_bytes(ledger, 3))

    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert list(ENTRIES) == archive.namelist()
        for entry in archive.infolist():
            assert (
                entry.compress_type,
                entry.date_time,
                entry.create_system,
            ) == (zipfile.ZIP_STORED, (1980, 1, 1, 0, 0, 0), 3)
            assert entry.external_attr >> 16 == 0o100644
        with ledger.read() as view:
            statement = view.statements.find(EpochId(3))
        assert statement is not None
        assert statement.document() == archive.read("statement.json")


def test_units_and_credits_travel_as_decimal_strings(ledger: InMemoryLedger) -> None:
    files = take_apart(bundle_bytes(ledger, 1))

    carol = lines_of(files["allocations.jsonl"])[2]
    base = lines_of(files["pool.jsonl"])[0]
    overridden = next(line for line in lines_of(files[EVENTS]) if line["payload"]["id"].endswith(":3"))
    assert (carol["proposed_units"], carol["final_units"], carol["activity_count"]) == ("0", "12000", 0)
    assert str(2**55) == base["amount_credits"]
    assert str(2**60) == overridden["curation"]["weight_override_milli"]


def test_late_work_names_the_epoch_of_its_window(ledger: InMemoryLedger) -> None:
    events = lines_of(take_apart(bundle_bytes(ledger, 2))[EVENTS])

    late = {line["payload"]["id"]: line["curation"]["late_from_epoch_id"] for line in events}
    assert late["github:pr_merged:acme/widgets:20"] == "1"  # reported too late
    assert late["github:pr_merged:acme/widgets:6"] == "1"  # resolved too late
    assert late["github:pr_merged:acme/widgets:21"] is None


def test_an_open_epoch_has_no_bundle(ledger: InMemoryLedger) -> None:
    with ledger.read() as view, pytest.raises(StatementNotFound):
        write_bundle(view, EpochId(4), io.BytesIO())


def test_an_unknown_epoch_has_no_bundle(ledger: InMemoryLedger) -> None:
    with ledger.read() as view, pytest.raises(EpochNotFound):
        write_bundle(view, EpochId(99), io.BytesIO())


def test_a_file_that_cannot_seek_is_refused(ledger: InMemoryLedger) -> None:
    reading, writing = os.pipe()
    with (
        os.fdopen(reading),
        os.fdopen(writing, "wb") as pipe,
        ledger.read() as view,
        pytest.raises(InvalidValue),
    ):
        write_bundle(view, EpochId(3), pipe)


def test_a_file_that_takes_less_than_it_is_given_is_an_error(ledger: InMemoryLedger) -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            return super().write(data[:10])

    with ledger.read() as view, pytest.raises(OSError, match="less"):
        write_bundle(view, EpochId(3), Full())


def test_a_bundle_is_written_from_where_the_file_stands(ledger: InMemoryLedger) -> None:
    file = io.BytesIO(b"before")
    file.seek(6)
    with ledger.read() as view:
        summary = write_bundle(view, EpochId(3), file)

    assert b"before" + bundle_bytes(ledger, 3) == file.getvalue()
    assert len(file.getvalue()) - 6 == summary.size_bytes
    assert (
        summary.events,
        summary.allocations,
        summary.pool_components,
        summary.earlier_statements,
    ) == (6, 3, 1, 2)


def test_a_record_beyond_the_limit_is_refused_rather_than_written(
    ledger: InMemoryLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "ledger_core.verification.bundle_writer.MAX_LINE_BYTES", {**MAX_LINE_BYTES, EVENTS: 400}
    )
    with pytest.raises(BundleLineTooLong, match=r"events\.jsonl"):
        bundle_bytes(ledger, 1)


def test_the_largest_event_that_a_ledger_holds_fits_a_line() -> None:
    widest = "\U0001f600"
    event = make_event(
        event_id=widest * 255, login=widest * 255, account=widest * 255, metadata={"": widest * 16_000}
    )
    files = take_apart(_bundle_of([_activity(event, note=widest * 2_000)]))

    assert len(files[EVENTS]) < MAX_LINE_BYTES[EVENTS] / 8
    assert set(FILES) == files.keys()


def test_memory_does_not_grow_with_the_events(tmp_path: Path) -> None:
    path = tmp_path / "large.zip"
    event = make_event(event_id="x")

    def many(count: int) -> Iterator[CuratedActivity]:
        for number in range(count):
            object.__setattr__(event, "id", f"github:pr:acme/widgets:{number:08d}")
            yield _activity(event)

    peaks: list[tuple[int, int]] = []
    for count in (200, 4_000):
        view = _view(lambda: many(count))  # noqa: B023 - used up within the round
        tracemalloc.start()
        with path.open("wb") as file:
            write_bundle(view, EpochId(1), file)
        written = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        report = verify_bundle(path)
        verified = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == report.events
        peaks.append((written, verified))
    print("peaks in bytes, writing and verifying, of 200 and 4,000 events:", peaks)
    # Both read in chunks of at most 256 KiB; 3,800 events more are 2 MB of lines.
    assert peaks[1][0] < peaks[0][0] + 100_000
    assert peaks[1][1] < peaks[0][1] + 400_000


def _activity(event: Any, note: str | None = None) -> CuratedActivity:
    curation = CuratedEvent(
        event_id=event.id,
        source=event.source,
        event_type=event.event_type,
        payload_hash=event.payload_hash,
        user_id=UserId("ann"),
        included=True,
    )
    return CuratedActivity(event=event, curation=curation, note=note)


def _bundle_of(activities: list[CuratedActivity]) -> bytes:
    file = io.BytesIO()
    write_bundle(_view(lambda: iter(activities)), EpochId(1), file)
    return file.getvalue()


def _view(activities: Any) -> Any:
    """Return a view of one closed epoch with these events; its statement's activity hash is that of none."""
    proposed = compute_proposed_allocations((), WEIGHTS)
    rows = [Allocation(user_id=row.user_id, proposed_units=row.proposed_units) for row in proposed]
    components = (make_component(1000),)
    statement = PayoutStatement(
        node_id=NODE,
        epoch_id=EpochId(1),
        window=make_window(0),
        weight_config=WEIGHTS,
        activity_set_hash=compute_activity_set_hash((), WEIGHTS),
        allocation_set_hash=compute_allocation_set_hash(row.finalized() for row in rows),
        pool_components=components,
        pool_total_credits=1000,
        payouts=compute_payouts((), 1000),
        previous_statement_hash=None,
    )
    return cast(
        "Any",
        SimpleNamespace(
            epochs=SimpleNamespace(get=lambda _: None),
            statements=SimpleNamespace(find=lambda _: statement, chain=lambda: iter((statement,))),
            pool=SimpleNamespace(list_all=lambda _: components),
            allocations=SimpleNamespace(list_all=lambda _: tuple(rows)),
            curation=SimpleNamespace(ordered_activity=lambda _: activities()),
        ),
    )


def test_a_store_that_contradicts_itself_is_written_as_it_is_and_not_verified(tmp_path: Path) -> None:
    event = make_event(1, at=MONDAY + timedelta(hours=1))
    activity = _activity(event)
    object.__setattr__(activity.curation, "payload_hash", "0" * 64)
    path = tmp_path / "bundle.zip"
    path.write_bytes(_bundle_of([activity]))

    report = verify_bundle(path)

    assert "payload-hashes" in [check.name for check in report.checks if not check.is_ok]

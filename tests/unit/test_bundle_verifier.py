"""The verifier: a bundle as the ledger wrote it is verified; every forgery is found, by the check it breaks."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from ledger_core.domain.canonical_json import canonical_json
from ledger_core.errors import InvalidValue
from ledger_core.identifiers import EpochId
from ledger_core.testing import InMemoryLedger
from ledger_core.verification.report import CHECK_NAMES, VerificationReport, printable
from ledger_core.verification.verifier import verify_open_bundle
from tests.bundle_histories import (
    bundle_bytes,
    file_of,
    finalize,
    lines_of,
    open_week,
    put_together,
    standard_history,
    take_apart,
)

LEDGER = standard_history()
BUNDLES = {epoch: bundle_bytes(LEDGER, epoch) for epoch in (1, 2, 3)}


def verify(bundle: bytes, expected_hash: str | None = None) -> VerificationReport:
    return verify_open_bundle(io.BytesIO(bundle), expected_hash=expected_hash)


class Parts:
    """A bundle taken apart, to be changed at will and put together with a right manifest."""

    def __init__(self, bundle: bytes) -> None:
        files = take_apart(bundle)
        self.statement: Any = lines_of(files["statement.json"])[0]
        self.chain = lines_of(files["chain.jsonl"])
        self.pool = lines_of(files["pool.jsonl"])
        self.allocations = lines_of(files["allocations.jsonl"])
        self.events = lines_of(files["events.jsonl"])

    def bundle(self) -> bytes:
        return put_together(
            {
                "statement.json": canonical_json(self.statement),
                "chain.jsonl": file_of(self.chain),
                "pool.jsonl": file_of(self.pool),
                "allocations.jsonl": file_of(self.allocations),
                "events.jsonl": file_of(self.events),
            }
        )

    def link_chain(self) -> None:
        """Make every document name the one before it: what a forger of history does."""
        previous = None
        for document in [*self.chain, self.statement]:
            document["previous_statement_hash"] = previous
            previous = sha256(canonical_json(document)).hexdigest()

    def hash_payload(self, number: int) -> None:
        event = self.events[number]
        event["payload_hash"] = sha256(canonical_json(event["payload"])).hexdigest()


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_bundle_of_the_ledger_is_verified(epoch: int) -> None:
    report = verify(BUNDLES[epoch])

    with LEDGER.read() as view:
        statement = view.statements.find(EpochId(epoch))
    assert statement is not None
    assert report.is_verified
    assert statement.statement_hash == report.statement_hash
    assert [name for name in CHECK_NAMES if name != "expected-hash"] == [
        check.name for check in report.checks
    ]


def test_the_report_counts_what_it_checked() -> None:
    report = verify(BUNDLES[2])

    assert (5, 4, 1, 1) == (
        report.events,
        report.allocations,
        report.pool_components,
        report.earlier_statements,
    )


def test_putting_a_bundle_together_again_gives_its_bytes() -> None:
    assert BUNDLES[1] == Parts(BUNDLES[1]).bundle()


def test_an_epoch_without_events_and_without_payouts_is_verified() -> None:
    ledger = InMemoryLedger(LEDGER.node_id)
    finalize(ledger, open_week(ledger, 0), 0)
    finalize(ledger, open_week(ledger, 1), 500)

    assert verify(bundle_bytes(ledger, 1)).is_verified
    assert verify(bundle_bytes(ledger, 2)).is_verified


def test_the_expected_hash_tells_a_wholly_rewritten_history() -> None:
    genuine = verify(BUNDLES[1]).statement_hash
    ledger = InMemoryLedger(LEDGER.node_id)
    finalize(ledger, open_week(ledger, 0), 2**55 + 250)
    rewritten = bundle_bytes(ledger, 1)

    assert verify(BUNDLES[1], genuine).is_verified
    assert verify(rewritten).is_verified
    report = verify(rewritten, genuine)
    assert report.first_difference is not None
    assert ("expected-hash", genuine) == (report.first_difference.name, report.first_difference.expected)


@pytest.mark.parametrize("hash_text", ["", "0" * 63, "0" * 65, "G" * 64, "A" * 64, "0" * 64 + "\n"])
def test_an_expected_hash_that_is_none_is_refused(tmp_path: Any, hash_text: str) -> None:
    from ledger_core.verification import verify_bundle  # noqa: PLC0415 - the public name, once

    path = tmp_path / "bundle.zip"
    path.write_bytes(BUNDLES[1])

    with pytest.raises(InvalidValue):
        verify_bundle(path, expected_hash=hash_text)


def moved_credit(parts: Parts) -> None:
    first, second = parts.statement["payouts"][:2]
    first["amount_credits"] = str(int(first["amount_credits"]) + 1)
    second["amount_credits"] = str(int(second["amount_credits"]) - 1)


def other_share(parts: Parts) -> None:
    parts.statement["payouts"][0]["share"] = "0.999999"


def payout_left_out(parts: Parts) -> None:
    del parts.statement["payouts"][0]


def payout_added(parts: Parts) -> None:
    parts.statement["payouts"].append(parts.statement["payouts"][0])


def payouts_in_other_order(parts: Parts) -> None:
    parts.statement["payouts"].reverse()


def kept_back(parts: Parts) -> None:
    parts.statement["undistributed_credits"] = "1"


def larger_pool(parts: Parts) -> None:
    parts.statement["pool_total_credits"] = "101"


def pool_written_otherwise(parts: Parts) -> None:
    parts.statement["pool_total_credits"] = "0100"


def larger_component(parts: Parts) -> None:
    parts.pool[0]["amount_credits"] = "101"


def other_inputs(parts: Parts) -> None:
    parts.pool[0]["inputs"]["rate"] = 8


def other_evidence(parts: Parts) -> None:
    parts.pool[0]["evidence_ref"] = None


def component_twice(parts: Parts) -> None:
    parts.pool.append(parts.pool[0])
    parts.statement["pool_components"].append(parts.statement["pool_components"][0])
    parts.statement["pool_total_credits"] = "200"


def pool_without_base(parts: Parts) -> None:
    parts.pool[0]["component_id"] = "other"
    parts.statement["pool_components"][0]["component_id"] = "other"


def overflowing_pool(parts: Parts) -> None:
    top_up = {**parts.pool[0], "component_id": "top_up", "amount_credits": str(2**63 - 1)}
    stated = {
        **parts.statement["pool_components"][0],
        "component_id": "top_up",
        "amount_credits": str(2**63 - 1),
    }
    parts.pool.append(top_up)
    parts.statement["pool_components"].append(stated)
    parts.statement["pool_total_credits"] = str(100 + 2**63 - 1)


def event_left_out(parts: Parts) -> None:
    del parts.events[2]


def last_event_left_out(parts: Parts) -> None:
    del parts.events[-1]


def event_twice(parts: Parts) -> None:
    parts.events.insert(1, parts.events[0])


def events_swapped(parts: Parts) -> None:
    parts.events[1], parts.events[2] = parts.events[2], parts.events[1]


def event_of_another_epoch(parts: Parts) -> None:
    parts.events.insert(0, Parts(BUNDLES[1]).events[0])


def payload_changed(parts: Parts) -> None:
    parts.events[0]["payload"]["metadata"]["title"] = "better"


def payload_changed_with_its_hash(parts: Parts) -> None:
    payload_changed(parts)
    parts.hash_payload(0)


def event_given_to_another(parts: Parts) -> None:
    parts.events[1]["curation"]["user_id"] = "carol"


def event_excluded(parts: Parts) -> None:
    parts.events[1]["curation"]["included"] = False


def event_reweighted(parts: Parts) -> None:
    parts.events[1]["curation"]["weight_override_milli"] = "4"


def event_after_the_window(parts: Parts) -> None:
    parts.events[1]["payload"]["event_time"] = parts.statement["period_end"]
    parts.hash_payload(1)


def late_event_not_marked(parts: Parts) -> None:
    parts.events[0]["curation"]["late_from_epoch_id"] = None


def late_from_nowhere(parts: Parts) -> None:
    parts.events[0]["curation"]["late_from_epoch_id"] = "77"


def late_from_another_window(parts: Parts) -> None:
    parts.events[0]["curation"]["late_from_epoch_id"] = "2"


def punctual_event_marked_late(parts: Parts) -> None:
    parts.events[1]["curation"]["late_from_epoch_id"] = "1"


def other_weights(parts: Parts) -> None:
    parts.statement["weight_config"]["github:pr_merged"] = 4


def more_proposed(parts: Parts) -> None:
    parts.allocations[0]["proposed_units"] = "1000"


def more_events_counted(parts: Parts) -> None:
    parts.allocations[0]["activity_count"] += 1


def allocation_left_out(parts: Parts) -> None:
    del parts.allocations[1]


def allocation_without_activity(parts: Parts) -> None:
    parts.allocations.append(
        {**parts.allocations[0], "user_id": "zoe", "proposed_units": "0", "activity_count": 0}
    )


def allocation_twice(parts: Parts) -> None:
    parts.allocations.insert(0, parts.allocations[0])


def allocations_swapped(parts: Parts) -> None:
    parts.allocations.reverse()


def units_set_afterwards(parts: Parts) -> None:
    parts.allocations[0]["final_units"] = "5"


def user_added_by_an_admin(parts: Parts) -> None:
    row = {
        "user_id": "zoe",
        "proposed_units": "0",
        "activity_count": 0,
        "final_units": "9",
        "override_reason": "x",
    }
    parts.allocations.append(row)


def other_activity_hash(parts: Parts) -> None:
    parts.statement["activity_set_hash"] = "0" * 64


def other_allocation_hash(parts: Parts) -> None:
    parts.statement["allocation_set_hash"] = "0" * 64


def chain_cut_off(parts: Parts) -> None:
    parts.chain.clear()


def first_statement_left_out(parts: Parts) -> None:
    del parts.chain[0]


def last_statement_left_out(parts: Parts) -> None:
    del parts.chain[-1]


def statements_swapped(parts: Parts) -> None:
    parts.chain.reverse()


def history_edited(parts: Parts) -> None:
    parts.chain[0]["pool_total_credits"] = "1"


def statement_that_claims_to_be_first(parts: Parts) -> None:
    parts.statement["previous_statement_hash"] = None


def history_of_another_node(parts: Parts) -> None:
    parts.chain[0]["node_id"] = "0c0ffee0-1111-4222-8333-444455550000"
    parts.link_chain()


def epoch_twice_in_history(parts: Parts) -> None:
    parts.chain[1]["epoch_id"] = "1"
    parts.link_chain()


def this_epoch_in_history(parts: Parts) -> None:
    parts.statement["epoch_id"] = "2"


def overlapping_windows(parts: Parts) -> None:
    parts.chain[1]["period_start"] = parts.chain[0]["period_start"]
    parts.link_chain()


def window_over_its_predecessor(parts: Parts) -> None:
    parts.statement["period_start"] = "2026-11-29T23:59:59.999999Z"


FORGERIES: tuple[tuple[Callable[[Parts], None], str], ...] = (
    (moved_credit, "payouts"),
    (other_share, "payouts"),
    (payout_left_out, "payouts"),
    (payout_added, "payouts"),
    (payouts_in_other_order, "payouts"),
    (kept_back, "undistributed"),
    (larger_pool, "pool-total"),
    (pool_written_otherwise, "pool-total"),
    (larger_component, "pool-components"),
    (other_inputs, "pool-components"),
    (other_evidence, "pool-components"),
    (component_twice, "pool-components"),
    (pool_without_base, "pool-base"),
    (overflowing_pool, "pool-total"),
    (event_left_out, "activity-set"),
    (last_event_left_out, "activity-set"),
    (event_twice, "event-order"),
    (events_swapped, "event-order"),
    (event_of_another_epoch, "event-windows"),
    (payload_changed, "payload-hashes"),
    (payload_changed_with_its_hash, "activity-set"),
    (event_given_to_another, "activity-set"),
    (event_excluded, "activity-set"),
    (event_reweighted, "activity-set"),
    (event_after_the_window, "event-windows"),
    (late_event_not_marked, "event-windows"),
    (late_from_nowhere, "event-windows"),
    (late_from_another_window, "event-windows"),
    (punctual_event_marked_late, "event-windows"),
    (other_weights, "activity-set"),
    (more_proposed, "allocations"),
    (more_events_counted, "allocations"),
    (allocation_left_out, "allocations"),
    (allocation_without_activity, "allocations"),
    (allocation_twice, "allocations"),
    (allocations_swapped, "allocations"),
    (units_set_afterwards, "allocation-set"),
    (user_added_by_an_admin, "allocation-set"),
    (other_activity_hash, "activity-set"),
    (other_allocation_hash, "allocation-set"),
    (chain_cut_off, "chain-links"),
    (first_statement_left_out, "chain-links"),
    (last_statement_left_out, "chain-links"),
    (statements_swapped, "chain-links"),
    (history_edited, "chain-links"),
    (statement_that_claims_to_be_first, "chain-links"),
    (history_of_another_node, "chain-node"),
    (epoch_twice_in_history, "chain-epochs"),
    (this_epoch_in_history, "chain-epochs"),
    (overlapping_windows, "chain-windows"),
    (window_over_its_predecessor, "chain-windows"),
)


@pytest.mark.parametrize(("forge", "check"), FORGERIES, ids=[forge.__name__ for forge, _ in FORGERIES])
def test_a_forgery_with_a_right_manifest_is_found_by_its_check(
    forge: Callable[[Parts], None], check: str
) -> None:
    parts = Parts(BUNDLES[3])
    forge(parts)

    report = verify(parts.bundle())

    assert report.first_difference is not None
    assert check == report.first_difference.name
    assert printable(report.first_difference.where) == report.first_difference.where


def test_every_check_is_failed_by_some_forgery() -> None:
    # `document` cannot fail alone: it is the net under the others, and fails with each that changes it.
    elsewhere = {"files", "statement-hash", "expected-hash", "document"}

    assert set(CHECK_NAMES) == {check for _, check in FORGERIES} | elsewhere


def test_the_rebuilt_document_shows_where_a_forged_one_leaves_it() -> None:
    parts = Parts(BUNDLES[3])
    kept_back(parts)

    failed = {check.name: check for check in verify(parts.bundle()).checks if not check.is_ok}

    assert {"undistributed", "document"} == failed.keys()
    where = failed["document"].where
    assert where is not None
    at = int(where.removeprefix("statement.json byte "))
    assert canonical_json(parts.statement)[at - 1 : at + 1] == b'"1'


def test_a_manifest_that_names_another_statement_is_found() -> None:
    bundle = put_together(take_apart(BUNDLES[3]), statement_hash="0" * 64)

    report = verify(bundle)

    assert report.first_difference is not None
    assert report.first_difference.name == "statement-hash"
    assert verify(BUNDLES[3]).statement_hash == report.statement_hash


@pytest.mark.parametrize(
    "name", ["statement.json", "chain.jsonl", "pool.jsonl", "allocations.jsonl", "events.jsonl"]
)
def test_a_file_taken_from_another_bundle_is_found(name: str) -> None:
    mine, others = take_apart(BUNDLES[3]), take_apart(BUNDLES[2])
    mine[name] = others[name]

    assert not verify(put_together(mine)).is_verified


def test_what_no_statement_pins_may_differ_without_changing_the_verdict() -> None:
    """The limit of any verifier: notes and provenance are evidence, and no hash of a statement covers them."""
    parts = Parts(BUNDLES[3])
    parts.events[0]["curation"]["note"] = "another note"
    parts.events[0]["retrieved_at"] = "2027-01-01T00:00:00Z"
    parts.pool[0]["computed_at"] = "2027-01-01T00:00:00Z"

    report = verify(parts.bundle())

    assert report.is_verified
    assert verify(BUNDLES[3]).statement_hash == report.statement_hash


def test_a_difference_is_printable_and_short_whatever_the_bundle_says() -> None:
    parts = Parts(BUNDLES[3])
    parts.pool[0]["evidence_ref"] = "\x1b[2J\u202e" + "x" * 100_000
    report = verify(parts.bundle())

    assert report.first_difference is not None
    text = str(report.first_difference)
    assert text.isascii()
    assert text.isprintable()
    assert len(text) < 1_000


def test_printing_keeps_plain_text_and_escapes_the_rest() -> None:
    assert printable("ann:10") == "ann:10"
    assert printable(None) == "null"
    assert printable(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01 00:00:00+00:00"
    assert printable("\x1b\n\x7f\u00e9\U0001f600\ud800") == "\\x1b\\n\\x7f\\xe9\\U0001f600\\ud800"
    assert printable("a" * 201) == "a" * 200 + "..."

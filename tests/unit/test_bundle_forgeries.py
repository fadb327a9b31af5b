"""Forgeries whose manifest and hashes are right: each is found, by the check that it breaks."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from ledger_core.verification.report import CHECK_NAMES, printable
from ledger_core.verification.verifier import verify_open_bundle
from tests.bundle_forging import Parts
from tests.bundle_histories import bundle_bytes, standard_history

LEDGER = standard_history()
BUNDLES = {epoch: bundle_bytes(LEDGER, epoch) for epoch in (1, 3)}


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

    report = verify_open_bundle(io.BytesIO(parts.bundle()))

    assert report.first_difference is not None
    assert check == report.first_difference.name
    assert printable(report.first_difference.where) == report.first_difference.where


def test_every_check_is_failed_by_some_forgery() -> None:
    # `document` cannot fail alone: it is the net under the others, and fails with each that changes it.
    elsewhere = {"files", "statement-hash", "expected-hash", "document"}

    assert set(CHECK_NAMES) == {check for _, check in FORGERIES} | elsewhere

"""Forgeries of the standard history's third bundle, each with the check that must find it first."""

from __future__ import annotations

from collections.abc import Callable

from tests.bundle_forging import Parts
from tests.bundle_histories import bundle_bytes, standard_history

Forgery = Callable[[Parts], None]
FORGERIES: list[tuple[Forgery, str]] = []


def breaks(check: str) -> Callable[[Forgery], Forgery]:
    """Register a forgery under the check that must find it first."""

    def register(forge: Forgery) -> Forgery:
        FORGERIES.append((forge, check))
        return forge

    return register


@breaks("payouts")
def moved_credit(parts: Parts) -> None:
    first, second = parts.statement["payouts"][:2]
    first["amount_credits"] = str(int(first["amount_credits"]) + 1)
    second["amount_credits"] = str(int(second["amount_credits"]) - 1)


@breaks("payouts")
def other_share(parts: Parts) -> None:
    parts.statement["payouts"][0]["share"] = "0.999999"


@breaks("payouts")
def payout_left_out(parts: Parts) -> None:
    del parts.statement["payouts"][0]


@breaks("payouts")
def payout_added(parts: Parts) -> None:
    parts.statement["payouts"].append(parts.statement["payouts"][0])


@breaks("payouts")
def payouts_in_other_order(parts: Parts) -> None:
    parts.statement["payouts"].reverse()


@breaks("undistributed")
def kept_back(parts: Parts) -> None:
    parts.statement["undistributed_credits"] = "1"


@breaks("pool-total")
def larger_pool(parts: Parts) -> None:
    parts.statement["pool_total_credits"] = "101"


@breaks("pool-total")
def pool_written_otherwise(parts: Parts) -> None:
    parts.statement["pool_total_credits"] = "0100"


@breaks("pool-components")
def larger_component(parts: Parts) -> None:
    parts.pool[0]["amount_credits"] = "101"


@breaks("pool-components")
def other_inputs(parts: Parts) -> None:
    parts.pool[0]["inputs"]["rate"] = 8


@breaks("pool-components")
def other_evidence(parts: Parts) -> None:
    parts.pool[0]["evidence_ref"] = None


@breaks("pool-components")
def component_twice(parts: Parts) -> None:
    parts.pool.append(parts.pool[0])
    parts.statement["pool_components"].append(parts.statement["pool_components"][0])
    parts.statement["pool_total_credits"] = "200"


@breaks("pool-base")
def pool_without_base(parts: Parts) -> None:
    parts.pool[0]["component_id"] = "other"
    parts.statement["pool_components"][0]["component_id"] = "other"


@breaks("pool-total")
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


@breaks("activity-set")
def event_left_out(parts: Parts) -> None:
    del parts.events[2]


@breaks("event-order")
def event_twice(parts: Parts) -> None:
    parts.events.insert(1, parts.events[0])


@breaks("event-order")
def events_swapped(parts: Parts) -> None:
    parts.events[1], parts.events[2] = parts.events[2], parts.events[1]


@breaks("event-windows")
def event_of_another_epoch(parts: Parts) -> None:
    parts.events.insert(0, Parts(bundle_bytes(standard_history(), 1)).events[0])


@breaks("payload-hashes")
def payload_changed(parts: Parts) -> None:
    parts.events[0]["payload"]["metadata"]["title"] = "better"


@breaks("activity-set")
def payload_changed_with_its_hash(parts: Parts) -> None:
    payload_changed(parts)
    parts.hash_payload(0)


@breaks("activity-set")
def event_given_to_another(parts: Parts) -> None:
    parts.events[1]["curation"]["user_id"] = "carol"


@breaks("activity-set")
def event_excluded(parts: Parts) -> None:
    parts.events[1]["curation"]["included"] = False


@breaks("activity-set")
def event_reweighted(parts: Parts) -> None:
    parts.events[1]["curation"]["weight_override_milli"] = "4"


@breaks("event-windows")
def event_after_the_window(parts: Parts) -> None:
    parts.events[1]["payload"]["event_time"] = parts.statement["period_end"]
    parts.hash_payload(1)


@breaks("event-windows")
def late_event_not_marked(parts: Parts) -> None:
    parts.events[0]["curation"]["late_from_epoch_id"] = None


@breaks("event-windows")
def late_from_nowhere(parts: Parts) -> None:
    parts.events[0]["curation"]["late_from_epoch_id"] = "77"


@breaks("event-windows")
def late_from_another_window(parts: Parts) -> None:
    parts.events[0]["curation"]["late_from_epoch_id"] = "2"


@breaks("event-windows")
def punctual_event_marked_late(parts: Parts) -> None:
    parts.events[1]["curation"]["late_from_epoch_id"] = "1"


@breaks("activity-set")
def other_weights(parts: Parts) -> None:
    parts.statement["weight_config"]["github:pr_merged"] = 4


@breaks("allocations")
def more_proposed(parts: Parts) -> None:
    parts.allocations[0]["proposed_units"] = "1000"


@breaks("allocations")
def more_events_counted(parts: Parts) -> None:
    parts.allocations[0]["activity_count"] += 1


@breaks("allocations")
def allocation_left_out(parts: Parts) -> None:
    del parts.allocations[1]


@breaks("allocations")
def allocation_without_activity(parts: Parts) -> None:
    parts.allocations.append(
        {**parts.allocations[0], "user_id": "zoe", "proposed_units": "0", "activity_count": 0}
    )


@breaks("allocations")
def allocation_twice(parts: Parts) -> None:
    parts.allocations.insert(0, parts.allocations[0])


@breaks("allocations")
def allocations_swapped(parts: Parts) -> None:
    parts.allocations.reverse()


@breaks("allocation-set")
def units_set_afterwards(parts: Parts) -> None:
    parts.allocations[0]["final_units"] = "5"


@breaks("allocation-set")
def user_added_by_an_admin(parts: Parts) -> None:
    row = {
        "user_id": "zoe",
        "proposed_units": "0",
        "activity_count": 0,
        "final_units": "9",
        "override_reason": "x",
        "override_by": "eve",
        "override_at": None,
    }
    parts.allocations.append(row)


@breaks("activity-set")
def other_activity_hash(parts: Parts) -> None:
    parts.statement["activity_set_hash"] = "0" * 64


@breaks("allocation-set")
def other_allocation_hash(parts: Parts) -> None:
    parts.statement["allocation_set_hash"] = "0" * 64


@breaks("chain-links")
def chain_cut_off(parts: Parts) -> None:
    parts.chain.clear()


@breaks("chain-links")
def first_statement_left_out(parts: Parts) -> None:
    del parts.chain[0]


@breaks("chain-links")
def last_statement_left_out(parts: Parts) -> None:
    del parts.chain[-1]


@breaks("chain-links")
def statements_swapped(parts: Parts) -> None:
    parts.chain.reverse()


@breaks("chain-links")
def history_edited(parts: Parts) -> None:
    parts.chain[0]["pool_total_credits"] = "1"


@breaks("chain-links")
def statement_that_claims_to_be_first(parts: Parts) -> None:
    parts.statement["previous_statement_hash"] = None


@breaks("chain-node")
def history_of_another_node(parts: Parts) -> None:
    parts.chain[0]["node_id"] = "0c0ffee0-1111-4222-8333-444455550000"
    parts.link_chain()


@breaks("chain-epochs")
def epoch_twice_in_history(parts: Parts) -> None:
    parts.chain[1]["epoch_id"] = "1"
    parts.link_chain()


@breaks("chain-epochs")
def this_epoch_in_history(parts: Parts) -> None:
    parts.statement["epoch_id"] = "2"


@breaks("chain-windows")
def overlapping_windows(parts: Parts) -> None:
    parts.chain[1]["period_start"] = parts.chain[0]["period_start"]
    parts.link_chain()


@breaks("chain-windows")
def window_over_its_predecessor(parts: Parts) -> None:
    parts.statement["period_start"] = "2026-11-29T23:59:59.999999Z"

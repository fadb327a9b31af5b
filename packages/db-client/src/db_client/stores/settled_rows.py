"""Whether an epoch's rows are the very ones that a snapshot of this session showed.

A row's version has the number of the transaction that wrote it. Whatever committed after a snapshot was numbered no lower
than the lowest transaction that still ran when it was taken; and nothing with a lower number commits any more. So rows that
all have lower numbers were all in the snapshot, and if they are as many as it had, they are those, and none is another.
Of one session alone: with it ends what a server that failed, or another in its place, might have lost and numbered anew.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, text

from db_client.stores.large_statements import large_statements
from db_client.stores.proposal_sums import ACTIVITY, WINDOW
from ledger_core.domain.canonical_json import canonical_json, parse_canonical_json
from ledger_core.identifiers import EpochId, NodeId
from ledger_core.ports.allocation_store import SettledRows

# Rows have the lower half of a transaction's number. It tells what came first up to 2^31 transactions later: half of that is waited.
MOST_TRANSACTIONS: Final = 2**30

# A user without activity has no row, or one with an admin's decision and nothing proposed.
_ARE_PROPOSALS_BEHIND: Final = text(
    ACTIVITY  # noqa: S608 - constants of this module
    + """
    SELECT EXISTS (
        SELECT FROM activity
        FULL JOIN (
            SELECT user_id, proposed_units, final_units, activity_count FROM epoch_allocations
            WHERE node_id = :node_id AND epoch_id = :epoch_id
        ) AS allocation ON allocation.user_id = activity.user_id
        WHERE (coalesce(activity.units, 0), coalesce(activity.activity_count, 0))
                IS DISTINCT FROM (allocation.proposed_units, allocation.activity_count)
            OR (activity.user_id IS NULL AND allocation.final_units IS NULL)
    )
"""
)

_ROWS: Final = """
    FROM {table} AS stored WHERE stored.node_id = :node_id AND stored.epoch_id = :epoch_id
"""
_CURATION: Final = _ROWS.format(table="activity_curation")
_ALLOCATIONS: Final = _ROWS.format(table="epoch_allocations")
_SESSION: Final = "pg_stat_activity AS session WHERE session.pid = pg_backend_pid()"

_SHOWN: Final = text(f"""
    SELECT CAST(session.pid AS text) AS pid, CAST(session.backend_start AS text) AS started,
        CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS lowest,
        (SELECT CAST(count(*) AS text) {_CURATION}) AS curation,
        (SELECT CAST(count(*) AS text) {_ALLOCATIONS}) AS allocations
    FROM {_SESSION}
""")  # noqa: S608 - constants of this module

# age() counts from this transaction's own number, which it has: it locked the epoch.
_IS_NEWER: Final = "age(stored.xmin) <= age(CAST(CAST(CAST(:lowest AS text) AS xid8) AS xid))"
_ARE_AS_MANY: Final = "SELECT count(*) = CAST(:{count} AS bigint) AND count(*) FILTER (WHERE {newer}) = 0"
_WERE_SHOWN: Final = text(f"""
    SELECT (CAST(session.pid AS text), CAST(session.backend_start AS text)) = (:pid, :started)
        AND CAST(CAST(pg_current_xact_id() AS text) AS numeric) - CAST(CAST(:lowest AS text) AS numeric) < :most
        AND ({_ARE_AS_MANY.format(count="curation", newer=_IS_NEWER)} {_CURATION})
        AND ({_ARE_AS_MANY.format(count="allocations", newer=_IS_NEWER)} {_ALLOCATIONS}) AS were_shown
    FROM {_SESSION}
""")  # noqa: S608 - constants of this module


def find_settled(connection: Connection, node_id: NodeId, epoch_id: EpochId) -> SettledRows | None:
    """Return what tells the epoch's rows, as the snapshot shows them, from any later ones; None where proposals are behind."""
    values: dict[str, Any] = {"node_id": node_id, "epoch_id": epoch_id}
    window = connection.execute(WINDOW, values).one_or_none()
    if window is None:
        return None
    with large_statements(connection):
        is_behind = connection.execute(_ARE_PROPOSALS_BEHIND, values | window._asdict()).scalar_one()
    if is_behind:
        return None
    shown = connection.execute(_SHOWN, values).one()._asdict()
    return SettledRows(canonical_json(shown).decode("utf-8"))


def are_settled(connection: Connection, node_id: NodeId, epoch_id: EpochId, rows: SettledRows) -> bool:
    """Say whether the epoch's rows are those that were shown; the caller holds the epoch's lock, in read committed."""
    shown: dict[str, Any] = parse_canonical_json(rows.encode("utf-8"))
    values = shown | {"node_id": node_id, "epoch_id": epoch_id, "most": MOST_TRANSACTIONS}
    return connection.execute(_WERE_SHOWN, values).scalar_one() is True

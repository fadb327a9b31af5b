"""Curation brought up to date, in one set-based statement.

Its four parts see one snapshot of events and bindings: a page or a binding that commits meanwhile is in all
of them or in none. Each is an anti-join, as a rerun that finds nothing new then writes nothing. An event is
curated with the user that its identity is bound to at that moment, if any; without one it is unresolved and
stays visible as that (IDENTITY_BEST_EFFORT).
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import text

_ADD_WINDOW_EVENTS: Final = """
    INSERT INTO activity_curation (node_id, epoch_id, event_id, user_id, created_at, updated_at)
    SELECT event.node_id, :epoch_id, event.id, binding.user_id, :at, :at
    FROM activity_events AS event
    LEFT JOIN user_bindings AS binding
        ON binding.node_id = event.node_id
        AND binding.provider = event.source
        AND binding.external_id = event.platform_user_id
    WHERE event.node_id = :node_id
        AND event.event_time >= :period_start AND event.event_time < :period_end
        AND NOT EXISTS (
            SELECT FROM activity_curation AS curated
            WHERE curated.node_id = event.node_id AND curated.event_id = event.id
        )
    RETURNING 1
"""

_ADD_LATE_EVENTS: Final = """
    INSERT INTO activity_curation
        (node_id, epoch_id, event_id, user_id, late_from_epoch_id, created_at, updated_at)
    SELECT event.node_id, :epoch_id, event.id, binding.user_id, home.id, :at, :at
    FROM epochs AS home
    JOIN activity_events AS event
        ON event.node_id = home.node_id
        AND event.event_time >= home.period_start AND event.event_time < home.period_end
    LEFT JOIN user_bindings AS binding
        ON binding.node_id = event.node_id
        AND binding.provider = event.source
        AND binding.external_id = event.platform_user_id
    WHERE home.node_id = :node_id AND home.status = 'closed' AND home.id <> :epoch_id
        AND NOT EXISTS (
            SELECT FROM activity_curation AS curated
            WHERE curated.node_id = event.node_id AND curated.event_id = event.id
        )
    RETURNING 1
"""

# Of an event that closed unresolved more than once, the latest judgement is carried.
_CARRY_RESOLVED_EVENTS: Final = """
    INSERT INTO activity_curation (
        node_id, epoch_id, event_id, user_id, weight_override_milli, note, judged_by, judged_at,
        late_from_epoch_id, created_at, updated_at
    )
    SELECT DISTINCT ON (unresolved.event_id)
        unresolved.node_id, :epoch_id, unresolved.event_id, binding.user_id,
        unresolved.weight_override_milli, unresolved.note, unresolved.judged_by, unresolved.judged_at,
        home.id, :at, :at
    FROM activity_curation AS unresolved
    JOIN epochs AS closed
        ON closed.node_id = unresolved.node_id
        AND closed.id = unresolved.epoch_id
        AND closed.status = 'closed'
    JOIN activity_events AS event
        ON event.node_id = unresolved.node_id AND event.id = unresolved.event_id
    JOIN epochs AS home
        ON home.node_id = event.node_id
        AND event.event_time >= home.period_start AND event.event_time < home.period_end
    JOIN user_bindings AS binding
        ON binding.node_id = event.node_id
        AND binding.provider = event.source
        AND binding.external_id = event.platform_user_id
    WHERE unresolved.node_id = :node_id AND unresolved.included AND unresolved.user_id IS NULL
        AND NOT EXISTS (
            SELECT FROM activity_curation AS other
            WHERE other.node_id = unresolved.node_id AND other.event_id = unresolved.event_id
                AND (other.epoch_id = :epoch_id OR NOT other.included OR other.user_id IS NOT NULL)
        )
    ORDER BY unresolved.event_id, closed.closed_at DESC, closed.id DESC
    RETURNING 1
"""

# What the other parts add is not in the snapshot, and has its user from it already.
_SYNC_USERS: Final = """
    UPDATE activity_curation AS curated
    SET user_id = binding.user_id, updated_at = :at
    FROM activity_events AS event
    LEFT JOIN user_bindings AS binding
        ON binding.node_id = event.node_id
        AND binding.provider = event.source
        AND binding.external_id = event.platform_user_id
    WHERE curated.node_id = :node_id AND curated.epoch_id = :epoch_id
        AND event.node_id = curated.node_id AND event.id = curated.event_id
        AND curated.user_id IS DISTINCT FROM binding.user_id
    RETURNING 1
"""

REFRESH: Final = text(f"""
    WITH added AS ({_ADD_WINDOW_EVENTS}),
        added_late AS ({_ADD_LATE_EVENTS}),
        carried AS ({_CARRY_RESOLVED_EVENTS}),
        resolved AS ({_SYNC_USERS})
    SELECT (SELECT count(*) FROM added) AS added, (SELECT count(*) FROM added_late) AS added_late,
        (SELECT count(*) FROM carried) AS carried, (SELECT count(*) FROM resolved) AS resolved
""")  # noqa: S608 - constants of this module

"""Curation brought up to date, in one set-based statement.

Its four parts see one snapshot of events and bindings: a page or a binding that commits meanwhile is in all
of them or in none, and so is the note of it that triggers made (`migrations/sql/touched.sql`). They look at the events
of the days, and of the identities, that were touched; or at all there are, where that is asked for. Each is an anti-join,
so that nothing is written where nothing is new. An event is curated with the user that its identity is bound to at that
moment, if any; without one it is unresolved and stays visible as that (IDENTITY_BEST_EFFORT).
"""

from __future__ import annotations

from enum import Enum
from functools import cache
from typing import Final

from sqlalchemy import TextClause, text

_BINDING: Final = """
    LEFT JOIN user_bindings AS binding
        ON binding.node_id = event.node_id
        AND binding.provider = event.source
        AND binding.external_id = event.platform_user_id
"""

_EVENTS: Final = "activity_events AS event"
# A day of events at a time, by the index of their times; OFFSET 0 keeps the planner, who may take the table for empty,
# from beginning with the events.
_TOUCHED_EVENTS: Final = """
    (
        SELECT DISTINCT CAST(day AS timestamp) AT TIME ZONE 'UTC' AS start,
            CAST(day + 1 AS timestamp) AT TIME ZONE 'UTC' AS next_start
        FROM days
    ) AS touched
    CROSS JOIN LATERAL (
        SELECT * FROM activity_events AS stored
        WHERE stored.node_id = :node_id
            AND stored.event_time >= touched.start AND stored.event_time < touched.next_start
        OFFSET 0
    ) AS event
"""

# In the order of the indexes that every row goes into.
_ADD_WINDOW_EVENTS: Final = f"""
    INSERT INTO activity_curation (node_id, epoch_id, event_id, user_id, created_at, updated_at)
    SELECT event.node_id, :epoch_id, event.id, binding.user_id, :at, :at
    FROM {{events}} {_BINDING}
    WHERE event.node_id = :node_id
        AND event.event_time >= :period_start AND event.event_time < :period_end
        AND NOT EXISTS (
            SELECT FROM activity_curation AS curated
            WHERE curated.node_id = event.node_id AND curated.event_id = event.id
        )
    ORDER BY event.id
    RETURNING 1
"""  # noqa: S608 - constants of this module

_ADD_LATE_EVENTS: Final = f"""
    INSERT INTO activity_curation
        (node_id, epoch_id, event_id, user_id, late_from_epoch_id, created_at, updated_at)
    SELECT event.node_id, :epoch_id, event.id, binding.user_id, home.id, :at, :at
    FROM {{events}}
    JOIN epochs AS home
        ON home.node_id = event.node_id
        AND event.event_time >= home.period_start AND event.event_time < home.period_end
    {_BINDING}
    WHERE home.node_id = :node_id AND home.status = 'closed' AND home.id <> :epoch_id
        AND NOT EXISTS (
            SELECT FROM activity_curation AS curated
            WHERE curated.node_id = event.node_id AND curated.event_id = event.id
        )
    RETURNING 1
"""  # noqa: S608 - constants of this module

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
    JOIN {bindings} AS binding
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

_BINDINGS: Final = "user_bindings"
_TOUCHED_BINDINGS: Final = """
    (
        SELECT bound.* FROM (SELECT DISTINCT provider, external_id FROM identities) AS touched
        JOIN user_bindings AS bound
            ON bound.node_id = :node_id
            AND bound.provider = touched.provider AND bound.external_id = touched.external_id
    )
"""

# What the other parts add is not in the snapshot, and has its user from it already.
_SYNC_USERS: Final = f"""
    UPDATE activity_curation AS curated
    SET user_id = binding.user_id, updated_at = :at
    FROM {{events}} {_BINDING}
    WHERE curated.node_id = :node_id AND curated.epoch_id = :epoch_id
        AND event.node_id = curated.node_id AND event.id = curated.event_id
        AND curated.user_id IS DISTINCT FROM binding.user_id
    RETURNING 1
"""  # noqa: S608 - constants of this module

_EVENTS_OF_TOUCHED: Final = """
    (SELECT DISTINCT provider, external_id FROM identities) AS touched
    CROSS JOIN LATERAL (
        SELECT * FROM activity_events AS stored
        WHERE stored.node_id = :node_id
            AND stored.source = touched.provider AND stored.platform_user_id = touched.external_id
        OFFSET 0
    ) AS event
"""

_TAKE_DAYS: Final = "DELETE FROM touched_days WHERE node_id = :node_id RETURNING day"
_TAKE_IDENTITIES: Final = (
    "DELETE FROM touched_identities WHERE node_id = :node_id RETURNING provider, external_id"
)
_NOTHING: Final = "SELECT 1 WHERE false"

IS_TOUCHED: Final = text(
    "SELECT EXISTS (SELECT FROM touched_epochs WHERE node_id = :node_id AND epoch_id = :epoch_id)"
)
IS_UNCURATED: Final = text(
    "SELECT EXISTS (SELECT FROM touched_epochs WHERE node_id = :node_id AND epoch_id = :epoch_id AND is_uncurated)"
)
COUNT_TOUCHED: Final = text(f"""
    WITH days AS (SELECT day FROM touched_days WHERE node_id = :node_id),
        identities AS (SELECT provider, external_id FROM touched_identities WHERE node_id = :node_id)
    SELECT
        (SELECT count(*) FROM (SELECT FROM {_TOUCHED_EVENTS} LIMIT :most) AS few) AS events_of_days,
        (SELECT count(*) FROM (SELECT FROM identities LIMIT :most) AS few) AS identities,
        (SELECT count(*) FROM (SELECT FROM {_EVENTS_OF_TOUCHED} LIMIT :most) AS few) AS events_of_identities
""")  # noqa: S608 - constants of this module


class Part(Enum):
    """How much of the days, or of the identities, a refresh looks at."""

    NONE = "none"
    TOUCHED = "touched"
    EVERY = "every"


@cache
def refresh_statement(*, days: Part, identities: Part) -> TextClause:
    """Return the statement that brings curation up to date, and takes away the notes that it saw."""
    events = _EVENTS if days is Part.EVERY else _TOUCHED_EVENTS
    bindings = _BINDINGS if identities is Part.EVERY else _TOUCHED_BINDINGS
    bound = _EVENTS if identities is Part.EVERY else _EVENTS_OF_TOUCHED
    added, late = (
        _NOTHING if days is Part.NONE else part.format(events=events)
        for part in (_ADD_WINDOW_EVENTS, _ADD_LATE_EVENTS)
    )
    carried = _NOTHING if identities is Part.NONE else _CARRY_RESOLVED_EVENTS.format(bindings=bindings)
    resolved = _NOTHING if identities is Part.NONE else _SYNC_USERS.format(events=bound)
    return text(f"""
        WITH days AS ({_NOTHING if days is Part.NONE else _TAKE_DAYS}),
            identities AS ({_NOTHING if identities is Part.NONE else _TAKE_IDENTITIES}),
            added AS ({added}), added_late AS ({late}), carried AS ({carried}), resolved AS ({resolved})
        SELECT (SELECT count(*) FROM added) AS added, (SELECT count(*) FROM added_late) AS added_late,
            (SELECT count(*) FROM carried) AS carried, (SELECT count(*) FROM resolved) AS resolved
    """)  # noqa: S608 - constants of this module

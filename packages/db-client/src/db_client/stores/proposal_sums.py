"""What everybody's events in an epoch sum up to, as SQL: where it is stored, and where it is compared with what is stored."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text

# The sum of bigints is numeric, so it cannot wrap; the cast back, where it is stored, refuses what exceeds 2^63-1.
# Almost all of an epoch's events lie in its window, and are read by their times, once; late ones, and whatever else was
# curated from elsewhere, are looked up one by one. OFFSET 0 keeps that look-up from being joined with all events there are.
ACTIVITY: Final = """
    WITH activity AS (
        SELECT curated.user_id,
            sum(coalesce(
                curated.weight_override_milli,
                CAST(epoch.weight_config ->> coalesce(inside.kind, elsewhere.kind) AS bigint),
                0
            )) AS units,
            count(*) AS activity_count
        FROM epochs AS epoch
        JOIN activity_curation AS curated
            ON curated.node_id = epoch.node_id AND curated.epoch_id = epoch.id
        LEFT JOIN (
            SELECT event.id, event.source || ':' || event.event_type AS kind FROM activity_events AS event
            WHERE event.node_id = :node_id AND event.event_time >= :period_start AND event.event_time < :period_end
        ) AS inside ON inside.id = curated.event_id
        LEFT JOIN LATERAL (
            SELECT event.source || ':' || event.event_type AS kind FROM activity_events AS event
            WHERE inside.id IS NULL AND event.node_id = :node_id AND event.id = curated.event_id
            OFFSET 0
        ) AS elsewhere ON true
        WHERE epoch.node_id = :node_id AND epoch.id = :epoch_id
            AND curated.included AND curated.user_id IS NOT NULL
        GROUP BY curated.user_id
    )
"""

WINDOW: Final = text(
    "SELECT period_start, period_end FROM epochs WHERE node_id = :node_id AND id = :epoch_id"
)

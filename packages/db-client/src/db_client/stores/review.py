"""What a review shows, on PostgreSQL: one statement a question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, func, or_, select, text

from db_client.stores.allocations import allocation_of_row
from db_client.stores.curation import STREAMED_ROWS
from db_client.stores.epochs import epoch_of_row
from db_client.stores.evidence import CURATED_FACTS, FOLDED, curated_fact
from db_client.tables.curation import activity_curation
from db_client.tables.identities import user_bindings
from ledger_core.domain.amendment import parse_correction
from ledger_core.domain.identity import IdentityBinding, like_names
from ledger_core.domain.identity_suggestion import BoundAccount, alike_names
from ledger_core.identifiers import EpochId, NodeId, UserId
from ledger_core.ports.review_reader import JudgedEvents, LateWork, NamedAccount, UserInEpoch

_LATE: Final = text("""
    SELECT late_from_epoch_id, count(*) AS events, count(DISTINCT user_id) AS people
    FROM activity_curation
    WHERE node_id = :node_id AND epoch_id = :epoch_id AND included AND late_from_epoch_id IS NOT NULL
    GROUP BY late_from_epoch_id
    ORDER BY late_from_epoch_id DESC
""")

_DUE: Final = text("""
    SELECT count(*) FROM activity_events AS event
    WHERE event.node_id = :node_id
        AND EXISTS (
            SELECT FROM epochs AS epoch
            WHERE epoch.node_id = event.node_id AND (epoch.id = :epoch_id OR epoch.status = 'closed')
                AND event.event_time >= epoch.period_start AND event.event_time < epoch.period_end
        )
        AND NOT EXISTS (
            SELECT FROM activity_curation AS curated
            WHERE curated.node_id = event.node_id AND curated.event_id = event.id
        )
""")

# By the index of an account's events.
_NEWEST_LOGIN: Final = """
    LEFT JOIN LATERAL (
        SELECT event.platform_login AS login FROM activity_events AS event
        WHERE event.node_id = binding.node_id AND event.source = binding.provider
            AND event.platform_user_id = binding.external_id
        ORDER BY event.event_time DESC, event.id DESC LIMIT 1
    ) AS newest ON true
"""


def _names(column: str) -> str:
    """Return what `alike_names` compares by, but for what it leaves out: the wanted names lack that."""
    folded = FOLDED.format(column)
    local = f"split_part({folded}, '@', 1)"
    return f"{folded}, {local}, split_part({local}, '+', 2)"


_LOGIN: Final = FOLDED.format("event.platform_login")

# Events are read once, for accounts that had an alike login ever; the newest is then looked up for those alone.
_BOUND_LIKE: Final = text(f"""
    WITH perhaps AS (
        SELECT provider, external_id FROM user_bindings
        WHERE node_id = :node_id
            AND ARRAY[{_names("external_id")}, {_names("user_id")}] && CAST(:names AS text[])
        UNION
        SELECT event.source, event.platform_user_id FROM activity_events AS event
        WHERE event.node_id = :node_id AND event.platform_user_id IS NOT NULL
            AND ({_LOGIN} = ANY(CAST(:names AS text[])) OR event.platform_login ~ '[@+]'
                AND ARRAY[{_names("event.platform_login")}] && CAST(:names AS text[]))
    )
    SELECT binding.provider, binding.external_id, binding.user_id, newest.login
    FROM perhaps
    JOIN user_bindings AS binding
        ON binding.node_id = :node_id
        AND binding.provider = perhaps.provider AND binding.external_id = perhaps.external_id
    {_NEWEST_LOGIN}
    WHERE ARRAY[{_names("binding.external_id")}, {_names("binding.user_id")}, {_names("newest.login")}]
            && CAST(:names AS text[])
    ORDER BY binding.provider, binding.external_id
    LIMIT :limit
""")  # noqa: S608 - constants of this module

_NAMED: Final = text(f"""
    WITH called AS (
        SELECT source AS provider, platform_user_id AS external_id FROM activity_events
        WHERE node_id = :node_id AND platform_user_id IS NOT NULL
            AND ({FOLDED.format("platform_login")} = :name OR {FOLDED.format("platform_user_id")} = :name)
        UNION
        SELECT provider, external_id FROM user_bindings
        WHERE node_id = :node_id AND {FOLDED.format("external_id")} = :name
        ORDER BY provider, external_id
        LIMIT :limit
    )
    SELECT called.provider, called.external_id, binding.user_id, found.login, found.events
    FROM called
    LEFT JOIN user_bindings AS binding
        ON binding.node_id = :node_id
        AND binding.provider = called.provider AND binding.external_id = called.external_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS events,
            (array_agg(event.platform_login ORDER BY event.event_time DESC, event.id DESC))[1] AS login
        FROM activity_events AS event
        WHERE event.node_id = :node_id AND event.source = called.provider
            AND event.platform_user_id = called.external_id
    ) AS found
    ORDER BY called.provider, called.external_id
""")  # noqa: S608 - constants of this module


_OF_USER: Final = "? (@.user_id == $user_id)', jsonb_build_object('user_id', CAST(:user_id AS text)))"
_NEWEST_VERSION: Final = """
    NOT EXISTS (
        SELECT FROM payout_statements AS successor
        WHERE successor.node_id = statement.node_id AND successor.supersedes_statement_id = statement.id
    )
"""

# An allocation is looked up by its epoch and user; amendments are few, and each is looked into.
# Payouts are unpacked for the epochs that are returned alone: a statement may hold a million.
_EPOCHS_OF_USER: Final = text(f"""
    WITH corrected AS (
        SELECT statement.epoch_id,
            jsonb_path_query_first(statement.amendment_json, '$.corrections[*] {_OF_USER} AS correction
        FROM payout_statements AS statement
        WHERE statement.node_id = :node_id AND statement.supersedes_statement_id IS NOT NULL
            AND {_NEWEST_VERSION}
    ), held AS (
        SELECT epoch.*, allocation.user_id, allocation.proposed_units, allocation.final_units,
            allocation.override_reason, allocation.override_by, allocation.override_at,
            allocation.activity_count, corrected.correction
        FROM epochs AS epoch
        LEFT JOIN epoch_allocations AS allocation
            ON allocation.node_id = epoch.node_id AND allocation.epoch_id = epoch.id
            AND allocation.user_id = :user_id
        LEFT JOIN corrected ON corrected.epoch_id = epoch.id
        WHERE epoch.node_id = :node_id
            AND (allocation.user_id IS NOT NULL OR corrected.correction IS NOT NULL)
        ORDER BY epoch.period_start DESC
        LIMIT :limit
    )
    SELECT held.*, paid.has_statement, paid.line ->> 'amount_credits' AS amount_credits
    FROM held
    LEFT JOIN LATERAL (
        SELECT true AS has_statement,
            jsonb_path_query_first(statement.payouts_json, '$[*] {_OF_USER} AS line
        FROM payout_statements AS statement
        WHERE statement.node_id = :node_id AND statement.epoch_id = held.id AND {_NEWEST_VERSION}
    ) AS paid ON true
    ORDER BY held.period_start DESC
""")  # noqa: S608 - constants of this module


class PostgresReviewReader:
    """The port ReviewReader."""

    def __init__(self, connection: Connection, node_id: NodeId) -> None:
        self._connection = connection
        self._node_id = node_id

    def judged(self, epoch_id: EpochId, *, limit: int) -> JudgedEvents:
        """Count what is excluded or weighed, and return the newest judgements."""
        excluded = activity_curation.c.included.is_(False)
        weighed = activity_curation.c.weight_override_milli.is_not(None)
        here = (activity_curation.c.node_id == self._node_id, activity_curation.c.epoch_id == epoch_id)
        counted = self._connection.execute(
            select(
                func.count().filter(excluded).label("excluded"),
                func.count().filter(activity_curation.c.included, weighed).label("weighed"),
            ).where(*here)
        ).one()
        newest = self._connection.execute(
            CURATED_FACTS.where(*here, or_(excluded, weighed))
            .order_by(activity_curation.c.judged_at.desc().nulls_last(), activity_curation.c.event_id)
            .limit(limit)
        )
        return JudgedEvents(
            excluded=counted.excluded, weighed=counted.weighed, newest=tuple(map(curated_fact, newest))
        )

    def count_due(self, epoch_id: EpochId) -> int:
        """Count the events of its window or of a closed epoch's that are curated nowhere."""
        values = {"node_id": self._node_id, "epoch_id": epoch_id}
        return int(self._connection.execute(_DUE, values).scalar_one())

    def late_work(self, epoch_id: EpochId) -> tuple[LateWork, ...]:
        """Return the epoch's late work, a row for each epoch it is from."""
        rows = self._connection.execute(_LATE, {"node_id": self._node_id, "epoch_id": epoch_id})
        return tuple(
            LateWork(from_epoch_id=EpochId(row.late_from_epoch_id), events=row.events, people=row.people)
            for row in rows
        )

    def bound_like(self, names: Sequence[str], *, limit: int) -> tuple[BoundAccount, ...]:
        """Return bound accounts that are like a name, in order."""
        wanted = sorted(frozenset[str]().union(*map(alike_names, names)))
        values = {"node_id": self._node_id, "names": wanted, "limit": limit}
        return tuple(
            BoundAccount(
                provider=row.provider,
                external_id=row.external_id,
                login=row.login,
                user_id=UserId(row.user_id),
            )
            for row in self._connection.execute(_BOUND_LIKE, values)
        )

    def accounts_named(self, name: str, *, limit: int) -> tuple[NamedAccount, ...]:
        """Return accounts that are called so, or have a login that is, in order."""
        values = {
            "node_id": self._node_id,
            "name": max(like_names(name), key=len, default=""),
            "limit": limit,
        }
        return tuple(
            NamedAccount(
                provider=row.provider,
                external_id=row.external_id,
                login=row.login,
                user_id=None if row.user_id is None else UserId(row.user_id),
                events=row.events,
            )
            for row in self._connection.execute(_NAMED, values)
        )

    def epochs_of_user(self, user_id: UserId, *, limit: int) -> tuple[UserInEpoch, ...]:
        """Return how the user stands in the newest epochs that know them, the newest window first."""
        rows = self._connection.execute(
            _EPOCHS_OF_USER, {"node_id": self._node_id, "user_id": user_id, "limit": limit}
        )
        return tuple(map(_user_in_epoch, rows))

    def all_bindings(self) -> Iterator[IdentityBinding]:
        """Yield every binding, in order, from a server-side cursor."""
        query = (
            select(user_bindings)
            .where(user_bindings.c.node_id == self._node_id)
            .order_by(user_bindings.c.provider, user_bindings.c.external_id)
        )
        with self._connection.execute(query, execution_options={"yield_per": STREAMED_ROWS}) as rows:
            for row in rows:
                yield _binding(row)


def _user_in_epoch(row: Row[*tuple[Any, ...]]) -> UserInEpoch:
    return UserInEpoch(
        epoch=epoch_of_row(row),
        allocation=None if row.user_id is None else allocation_of_row(row),
        correction=None if row.correction is None else parse_correction(row.correction),
        amount_credits=int(row.amount_credits or 0) if row.has_statement else None,
    )


def _binding(row: Row[*tuple[Any, ...]]) -> IdentityBinding:
    return IdentityBinding(provider=row.provider, external_id=row.external_id, user_id=UserId(row.user_id))

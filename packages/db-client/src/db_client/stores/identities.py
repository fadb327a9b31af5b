"""Users and identity bindings on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from sqlalchemy import Connection, Row, delete, func, insert, select, text

from db_client.tables.identities import identity_events, user_bindings, users
from ledger_core.domain.identity import IdentityBinding, IdentityChange, UnresolvedIdentity
from ledger_core.domain.ledger_action import ActionContext
from ledger_core.errors import IdentityAlreadyBound, IdentityNotBound
from ledger_core.identifiers import EpochId, NodeId, UserId
from ledger_core.identity_errors import AccountNotOfUser

# Ordered, so that two writers of the same identities cannot deadlock.
_ADD_USERS: Final = text("""
    INSERT INTO users (node_id, user_id)
    SELECT DISTINCT CAST(:node_id AS uuid), wanted FROM unnest(CAST(:user_id AS text[])) AS wanted ORDER BY wanted
    ON CONFLICT DO NOTHING
""")

_BIND: Final = text("""
    INSERT INTO user_bindings (node_id, provider, external_id, user_id, created_at)
    SELECT :node_id, provider, external_id, user_id, :at
    FROM unnest(CAST(:provider AS text[]), CAST(:external_id AS text[]), CAST(:user_id AS text[]))
        AS wanted (provider, external_id, user_id)
    ORDER BY provider COLLATE "C", external_id COLLATE "C"
    ON CONFLICT DO NOTHING
    RETURNING provider, external_id, user_id
""")

_FIND: Final = text("""
    SELECT binding.provider, binding.external_id, binding.user_id
    FROM unnest(CAST(:provider AS text[]), CAST(:external_id AS text[])) AS wanted (provider, external_id)
    JOIN user_bindings AS binding
        ON binding.node_id = :node_id
        AND binding.provider = wanted.provider AND binding.external_id = wanted.external_id
    ORDER BY binding.provider, binding.external_id
""")

_UNBIND_THESE: Final = text("""
    DELETE FROM user_bindings AS binding
    USING unnest(CAST(:provider AS text[]), CAST(:external_id AS text[]), CAST(:user_id AS text[]))
        AS wanted (provider, external_id, user_id)
    WHERE binding.node_id = :node_id AND binding.provider = wanted.provider
        AND binding.external_id = wanted.external_id AND binding.user_id = wanted.user_id
    RETURNING binding.provider, binding.external_id
""")

GROUPED_BY_IDENTITY: Final = """
    SELECT event.source AS provider, event.platform_user_id AS external_id,
        (array_agg(event.platform_login ORDER BY event.event_time DESC, event.id DESC))[1] AS login,
        count(*) AS events, min(event.event_time) AS first_event_time,
        max(event.event_time) AS last_event_time
    FROM activity_events AS event
"""

MOST_EVENTS_FIRST: Final = """
    GROUP BY event.source, event.platform_user_id
    ORDER BY count(*) DESC, event.source, event.platform_user_id NULLS LAST
    LIMIT :limit
"""

_UNRESOLVED: Final = text(
    GROUPED_BY_IDENTITY
    + """
    WHERE event.node_id = :node_id AND NOT EXISTS (
        SELECT FROM user_bindings AS binding
        WHERE binding.node_id = event.node_id AND binding.provider = event.source
            AND binding.external_id = event.platform_user_id
    )
"""
    + MOST_EVENTS_FIRST
)

_UNRESOLVED_IN_EPOCH: Final = text(
    GROUPED_BY_IDENTITY
    + """
    JOIN activity_curation AS curated
        ON curated.node_id = event.node_id AND curated.event_id = event.id
    WHERE curated.node_id = :node_id AND curated.epoch_id = :epoch_id
        AND curated.included AND curated.user_id IS NULL
"""
    + MOST_EVENTS_FIRST
)


class PostgresIdentityStore:
    """The port IdentityStore."""

    def __init__(self, connection: Connection, node_id: NodeId) -> None:
        self._connection = connection
        self._node_id = node_id

    def find_user(self, user_id: UserId) -> UserId | None:
        """Return the user id if there is such a user."""
        found = self._connection.execute(
            select(users.c.user_id).where(users.c.node_id == self._node_id, users.c.user_id == user_id)
        ).scalar_one_or_none()
        return None if found is None else UserId(found)

    def find_bindings(self, identities: Sequence[tuple[str, str]]) -> tuple[IdentityBinding, ...]:
        """Return the bindings of those that are bound, in order."""
        rows = self._connection.execute(
            _FIND,
            {
                "node_id": self._node_id,
                "provider": [provider for provider, _ in identities],
                "external_id": [external_id for _, external_id in identities],
            },
        )
        return tuple(_binding(row) for row in rows)

    def list_unresolved(self, epoch_id: EpochId | None, *, limit: int) -> tuple[UnresolvedIdentity, ...]:
        """Return identities with events but no user, the most events first."""
        values = {"node_id": self._node_id, "limit": limit}
        rows = (
            self._connection.execute(_UNRESOLVED, values)
            if epoch_id is None
            else self._connection.execute(_UNRESOLVED_IN_EPOCH, values | {"epoch_id": epoch_id})
        )
        return tuple(unresolved_of_row(row) for row in rows)

    def bind(self, bindings: Sequence[IdentityBinding], context: ActionContext, *, at: datetime) -> int:
        """Bind what is bound to nobody; the primary key keeps everyone else out."""
        values = self._values(bindings) | {"at": at}
        self._connection.execute(_ADD_USERS, values)
        added = self._connection.execute(_BIND, values).all()
        wanted = {(binding.provider, binding.external_id): binding.user_id for binding in bindings}
        for found in self.find_bindings(list(wanted)):
            if found.user_id != wanted[found.provider, found.external_id]:
                raise IdentityAlreadyBound(found.provider, found.external_id, found.user_id)
        self._record([_binding(row) for row in added], IdentityChange.BOUND, context, at)
        return len(added)

    def unbind(self, provider: str, external_id: str, context: ActionContext, *, at: datetime) -> UserId:
        """Take a binding back and return whose it was."""
        row = self._connection.execute(
            delete(user_bindings)
            .where(
                user_bindings.c.node_id == self._node_id,
                user_bindings.c.provider == provider,
                user_bindings.c.external_id == external_id,
            )
            .returning(user_bindings)
        ).one_or_none()
        if row is None:
            raise IdentityNotBound(provider, external_id)
        removed = _binding(row)
        self._record([removed], IdentityChange.UNBOUND, context, at)
        return removed.user_id

    def take_turns(self) -> None:
        """Wait for whoever moves accounts of this node."""
        name = f"{self._node_id}/identities"
        self._connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))

    def list_of(self, user_id: UserId, *, limit: int) -> tuple[IdentityBinding, ...]:
        """Return up to limit identities that are bound to the user now, in order."""
        rows = self._connection.execute(
            select(user_bindings)
            .where(user_bindings.c.node_id == self._node_id, user_bindings.c.user_id == user_id)
            .order_by(user_bindings.c.provider, user_bindings.c.external_id)
            .limit(limit)
        )
        return tuple(_binding(row) for row in rows)

    def move(
        self, bindings: Sequence[IdentityBinding], to: UserId, context: ActionContext, *, at: datetime
    ) -> None:
        """Take the bindings back and bind their identities to another, in three statements."""
        removed = self._connection.execute(_UNBIND_THESE, self._values(bindings)).all()
        if len(removed) < len(bindings):
            self._refuse_move(bindings, {(row.provider, row.external_id) for row in removed})
        moved = [
            IdentityBinding(provider=each.provider, external_id=each.external_id, user_id=to)
            for each in bindings
        ]
        values = self._values(moved) | {"at": at}
        self._connection.execute(_ADD_USERS, values)
        added = self._connection.execute(_BIND, values).all()
        assert len(added) == len(moved)  # nobody else can bind what this transaction has just taken back
        self._record(bindings, IdentityChange.UNBOUND, context, at)
        self._record(moved, IdentityChange.BOUND, context, at)

    def _values(self, bindings: Sequence[IdentityBinding]) -> dict[str, object]:
        return {
            "node_id": self._node_id,
            "provider": [binding.provider for binding in bindings],
            "external_id": [binding.external_id for binding in bindings],
            "user_id": [binding.user_id for binding in bindings],
        }

    def _refuse_move(self, bindings: Sequence[IdentityBinding], removed: set[tuple[str, str]]) -> NoReturn:
        missed = next(each for each in bindings if (each.provider, each.external_id) not in removed)
        found = self.find_bindings([(missed.provider, missed.external_id)])
        owner = found[0].user_id if found else None
        raise AccountNotOfUser(missed.provider, missed.external_id, missed.user_id, owner)

    def _record(
        self,
        bindings: Sequence[IdentityBinding],
        change: IdentityChange,
        context: ActionContext,
        at: datetime,
    ) -> None:
        if not bindings:
            return
        self._connection.execute(
            insert(identity_events),
            [
                {
                    "node_id": self._node_id,
                    "provider": binding.provider,
                    "external_id": binding.external_id,
                    "user_id": binding.user_id,
                    "change": change.value,
                    "actor": context.actor,
                    "reason": context.reason,
                    "workflow_id": context.workflow_id,
                    "at": at,
                }
                for binding in bindings
            ],
        )


def _binding(row: Row[Any]) -> IdentityBinding:
    return IdentityBinding(provider=row.provider, external_id=row.external_id, user_id=UserId(row.user_id))


def unresolved_of_row(row: Row[Any]) -> UnresolvedIdentity:
    """Return what a row of GROUPED_BY_IDENTITY holds."""
    return UnresolvedIdentity(
        provider=row.provider,
        external_id=row.external_id,
        login=row.login,
        events=row.events,
        first_event_time=row.first_event_time.astimezone(UTC),
        last_event_time=row.last_event_time.astimezone(UTC),
    )

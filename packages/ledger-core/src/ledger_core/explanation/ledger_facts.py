"""Facts of explanations, read from a snapshot of the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ledger_core.domain.allocation import Allocation
from ledger_core.domain.amended_statement import by_user
from ledger_core.domain.amendment import Correction
from ledger_core.domain.epoch import Epoch
from ledger_core.domain.evidence import CuratedFact, Decision, fact_of_event
from ledger_core.domain.identity import IdentityEvent, UnresolvedIdentity
from ledger_core.domain.payouts import PayoutLine
from ledger_core.domain.statement import PayoutStatement
from ledger_core.explanation.facts import HomeWindow, StandingFact, TraceFacts
from ledger_core.explanation.refusals import EventNotFound
from ledger_core.explanation.values import (
    Account,
    Beyond,
    EpochSummary,
    HistoryLine,
    PoolPart,
    Source,
)
from ledger_core.identifiers import EpochId, EventId, UserId
from ledger_core.ports.ledger import LedgerView

MAX_ACCOUNTS: Final = 100
MAX_HISTORY: Final = 100
MAX_ELSEWHERE: Final = 500  # a row an epoch and standing: years of weeks


class LedgerFacts:
    """The port EpochFacts, on a snapshot of the ledger.

    Raises: EpochNotFound, on construction.
    """

    def __init__(self, view: LedgerView, epoch_id: EpochId) -> None:
        self._view = view
        self._epoch = view.epochs.get(epoch_id)
        self._statement = view.statements.find(epoch_id)
        self._payouts = {line.user_id: line for line in self._statement.payouts} if self._statement else {}

    @property
    def source(self) -> Source:
        """The ledger."""
        return Source.LEDGER

    @property
    def summary(self) -> EpochSummary:
        """The epoch."""
        return _summary(self._epoch, self._statement)

    @property
    def weights(self) -> Mapping[str, int]:
        """The epoch's weight policy."""
        return self._epoch.weight_config

    def pool(self) -> tuple[PoolPart, ...]:
        """Return the components, ordered by id."""
        return tuple(
            PoolPart(
                component_id=part.component_id,
                algorithm_version=part.algorithm_version,
                amount_credits=part.amount_credits,
                evidence_ref=part.evidence_ref,
                inputs_hash=part.inputs_hash,
                computed_at=part.computed_at,
            )
            for part in self._view.pool.list_all(self._epoch.id)
        )

    def allocations(self) -> tuple[Allocation, ...]:
        """Return everybody's allocation."""
        return self._view.allocations.list_all(self._epoch.id)

    def corrections(self) -> Mapping[str, Correction]:
        """Return the corrections that stand, by user id."""
        return _corrections(self._statement)

    def activity_of_user(self, user_id: str) -> Iterator[CuratedFact]:
        """Yield the events that belong to the user, by id."""
        return self._view.evidence.activity_of_user(self._epoch.id, UserId(user_id))

    def unresolved_like(self, names: Sequence[str], *, limit: int) -> tuple[UnresolvedIdentity, ...]:
        """Return unresolved identities that are like a name."""
        return self._view.evidence.unresolved_like(self._epoch.id, names, limit=limit)

    def stated_payout(self, user_id: str) -> PayoutLine | None:
        """Return the user's line of the statement."""
        return self._payouts.get(user_id)

    def beyond(self, user_id: str) -> Beyond:
        """Return what no bundle knows of the user."""
        evidence, user = self._view.evidence, UserId(user_id)
        return Beyond(
            is_known=self._view.identities.find_user(user) is not None,
            closed_at=self._epoch.closed_at,
            accounts=tuple(
                Account(provider=binding.provider, external_id=binding.external_id)
                for binding in evidence.bindings_of(user, limit=MAX_ACCOUNTS)
            ),
            history=history_lines(evidence.history_of_user(user, limit=MAX_HISTORY)),
            elsewhere=evidence.activity_elsewhere(self._epoch, user, limit=MAX_ELSEWHERE),
        )


def read_trace_facts(view: LedgerView, event_id: str) -> TraceFacts:
    """Return what the ledger knows of one event.

    Raises: EventNotFound, EventCorrupt.
    """
    event = view.activity.find(EventId(event_id))
    if event is None:
        raise EventNotFound(event_id, "the ledger")
    standings = view.evidence.standings(event.id)
    home = view.epochs.find_at(event.event_time)
    open_epoch = view.epochs.find_open()
    account = event.platform_user_id
    bound = () if account is None else view.identities.find_bindings([(event.source, account)])
    history = (
        () if account is None else view.evidence.history_of_identity(event.source, account, limit=MAX_HISTORY)
    )
    return TraceFacts(
        source=Source.LEDGER,
        fact=fact_of_event(event),
        standings=tuple(_standing(view, held.epoch_id, held.curated) for held in standings),
        home=None if home is None else HomeWindow(epoch_id=home.id, window=home.window),
        home_is_open=home is not None and home.is_open,
        bound_to=bound[0].user_id if bound else None,
        history=history_lines(history),
        open_epoch_id=None if open_epoch is None else open_epoch.id,
    )


def _standing(view: LedgerView, epoch_id: EpochId, curated: CuratedFact) -> StandingFact:
    epoch = view.epochs.get(epoch_id)
    user = curated.user_id
    allocation = None if user is None else view.allocations.find(epoch_id, UserId(user))
    final_units = None if allocation is None else allocation.final_units
    statement = view.statements.find(epoch_id)
    corrected = None if user is None else _corrections(statement).get(user)
    return StandingFact(
        epoch=_summary(epoch, statement),
        weights=epoch.weight_config,
        curated=curated,
        user_final_units=final_units if corrected is None else corrected.units,
    )


def _corrections(statement: PayoutStatement | None) -> Mapping[str, Correction]:
    return {} if statement is None or statement.amendment is None else by_user(statement.amendment)


def _summary(epoch: Epoch, statement: PayoutStatement | None) -> EpochSummary:
    return EpochSummary(
        epoch_id=epoch.id,
        window=epoch.window,
        is_open=epoch.is_open,
        statement_hash=None if statement is None else statement.statement_hash,
    )


def history_lines(events: Sequence[IdentityEvent]) -> tuple[HistoryLine, ...]:
    """Return binds and unbinds as explanations show them."""
    return tuple(
        HistoryLine(
            change=event.change.value,
            provider=event.binding.provider,
            external_id=event.binding.external_id,
            user_id=event.binding.user_id,
            decision=Decision(by=event.context.actor, at=event.at, reason=event.context.reason),
        )
        for event in events
    )

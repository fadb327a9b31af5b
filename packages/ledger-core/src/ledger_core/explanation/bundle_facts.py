"""Facts of explanations, read from a bundle that was verified first; memory is flat in its events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ledger_core.domain.allocation import Allocation
from ledger_core.domain.amended_statement import by_user
from ledger_core.domain.amendment import Correction
from ledger_core.domain.canonical_json import canonical_json
from ledger_core.domain.evidence import CuratedFact, EventFact, decision_of
from ledger_core.domain.identity import UnresolvedIdentity, like_names
from ledger_core.domain.instant import parse_instant
from ledger_core.domain.payouts import PayoutLine
from ledger_core.explanation.facts import HomeWindow, StandingFact, TraceFacts
from ledger_core.explanation.refusals import BundleNotVerified, EventNotFound
from ledger_core.explanation.values import Beyond, EpochSummary, PoolPart, Source
from ledger_core.identifiers import UserId
from ledger_core.verification.bundle_format import ALLOCATIONS, CHAIN, EVENTS, POOL
from ledger_core.verification.bundle_reader import Bundle, open_bundle
from ledger_core.verification.canonical_lines import parse_canonical_line
from ledger_core.verification.records import (
    optional_instant,
    parse_allocation,
    parse_component,
)
from ledger_core.verification.refusals import NotABundle
from ledger_core.verification.statement_document import StatementDocument, parse_statement
from ledger_core.verification.verifier import verify_open_bundle


class BundleFacts:
    """The port EpochFacts, on an opened bundle that verified."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._statement, _ = bundle.statement(parse_statement)

    @property
    def source(self) -> Source:
        """A bundle."""
        return Source.BUNDLE

    @property
    def summary(self) -> EpochSummary:
        """The epoch."""
        return _summary(self._statement)

    @property
    def weights(self) -> Mapping[str, int]:
        """The epoch's weight policy."""
        return self._statement.weight_config

    def pool(self) -> tuple[PoolPart, ...]:
        """Return the components, ordered by id."""
        found = []
        for _, record in self._bundle.records(POOL, parse_component):
            document: dict[str, Any] = record.document
            found.append(
                PoolPart(
                    component_id=record.component_id,
                    algorithm_version=document["algorithm_version"],
                    amount_credits=record.amount_credits,
                    evidence_ref=document["evidence_ref"],
                    inputs_hash=document["inputs_hash"],
                    computed_at=record.computed_at,
                )
            )
        return tuple(found)

    def allocations(self) -> Iterator[Allocation]:
        """Yield everybody's allocation."""
        for _, row in self._bundle.records(ALLOCATIONS, parse_allocation):
            yield Allocation(
                user_id=UserId(row.user_id),
                proposed_units=row.proposed_units,
                final_units=row.final_units,
                override_reason=row.override_reason,
                override_by=row.override_by,
                override_at=row.override_at,
                activity_count=row.activity_count,
            )

    def corrections(self) -> Mapping[str, Correction]:
        """Return the corrections that stand, by user id."""
        return {} if self._statement.amendment is None else by_user(self._statement.amendment)

    def activity_of_user(self, user_id: str) -> Iterator[CuratedFact]:
        """Yield the events that belong to the user, by id."""
        for found in self._events(b'"user_id":' + canonical_json(user_id)):
            if found.user_id == user_id:
                yield found

    def unresolved_like(self, names: Sequence[str], *, limit: int) -> tuple[UnresolvedIdentity, ...]:
        """Return unresolved identities that are like a name, the most events first."""
        wanted = frozenset().union(*map(like_names, names))
        seen: dict[tuple[str, str | None], _Unresolved] = defaultdict(_Unresolved)
        for found in self._events(b'"user_id":null'):
            fact = found.fact
            is_like = not wanted.isdisjoint(like_names(fact.login) | like_names(fact.account))
            if is_like and found.user_id is None and found.included:
                seen[fact.source, fact.account].add(fact)
        identities = [of_one.identity() for of_one in seen.values()]
        identities.sort(
            key=lambda one: (-one.events, one.provider, one.external_id is None, one.external_id or "")
        )
        return tuple(identities[:limit])

    def stated_payout(self, user_id: str) -> PayoutLine | None:
        """Return the user's line of the statement."""
        payouts: list[Any] = self._statement.payouts
        for line in payouts:
            if line["user_id"] == user_id:
                return PayoutLine(
                    user_id, int(line["total_units"]), line["share"], int(line["amount_credits"])
                )
        return None

    def beyond(self, user_id: str) -> Beyond | None:  # noqa: ARG002 - the port's signature
        """Return None: a bundle knows one epoch, and nobody's bindings."""
        return None

    def trace_facts(self, event_id: str) -> TraceFacts:
        """Return what the bundle knows of one event.

        Raises: EventNotFound.
        """
        needle = b'"id":' + canonical_json(event_id)
        found = next((each for each in self._events(needle) if each.fact.event_id == event_id), None)
        if found is None:
            raise EventNotFound(event_id, f"the bundle of epoch {self._statement.epoch_id}")
        return TraceFacts(
            source=Source.BUNDLE,
            fact=found.fact,
            standings=(
                StandingFact(
                    epoch=self.summary,
                    weights=self.weights,
                    curated=found,
                    user_final_units=self._final_units_of(found.user_id),
                ),
            ),
            home=self._home(found.late_from_epoch_id),
            home_is_open=False,
            bound_to=None,
            history=None,
            open_epoch_id=None,
        )

    def _events(self, needle: bytes) -> Iterator[CuratedFact]:
        """Yield the events whose line holds the needle; canonical JSON writes a member in one way only."""

        def parse(line: bytes) -> CuratedFact | None:
            return _curated_fact(parse_canonical_line(line)) if needle in line else None

        for _, found in self._bundle.records(EVENTS, parse):
            if found is not None:
                yield found

    def _final_units_of(self, user_id: str | None) -> int | None:
        corrected = self.corrections().get(user_id or "")
        if corrected is not None:
            return corrected.units
        return next((row.final_units for row in self.allocations() if row.user_id == user_id), None)

    def _home(self, late_from_epoch_id: int | None) -> HomeWindow:
        if late_from_epoch_id is None:
            return HomeWindow(epoch_id=self._statement.epoch_id, window=self._statement.window)
        for _, earlier in self._bundle.records(CHAIN, parse_statement):
            if earlier.epoch_id == late_from_epoch_id:
                return HomeWindow(epoch_id=earlier.epoch_id, window=earlier.window)
        raise AssertionError("a verified bundle's late work is from an epoch of its chain")


@contextmanager
def verified_bundle(path: Path, *, expected_hash: str | None = None) -> Iterator[BundleFacts]:
    """Verify a bundle, and open it to explain.

    Holds:  it is verified and read through one handle; a wrong one is never explained.
    Raises: BundleNotVerified with the first difference, BundleRefused, OSError.
    """
    if not path.is_file() and path.exists():  # opening a pipe would wait for ever
        raise NotABundle("it is no regular file")
    with path.open("rb") as file:
        yield read_verified(file, expected_hash=expected_hash)


def read_verified(file: BinaryIO, *, expected_hash: str | None = None) -> BundleFacts:
    """Verify a seekable file that is open for reading, and return its facts.

    Raises: BundleNotVerified, BundleRefused, OSError.
    """
    difference = verify_open_bundle(file, expected_hash=expected_hash).first_difference
    if difference is not None:
        raise BundleNotVerified(str(difference))
    return BundleFacts(open_bundle(file))


@dataclass(slots=True)
class _Unresolved:
    events: int = 0
    first: EventFact | None = None
    latest: EventFact | None = None

    def add(self, fact: EventFact) -> None:
        self.events += 1
        if self.first is None or fact.event_time < self.first.event_time:
            self.first = fact
        if self.latest is None or (fact.event_time, fact.event_id) > (
            self.latest.event_time,
            self.latest.event_id,
        ):
            self.latest = fact

    def identity(self) -> UnresolvedIdentity:
        assert self.first is not None
        assert self.latest is not None
        return UnresolvedIdentity(
            provider=self.latest.source,
            external_id=self.latest.account,
            login=self.latest.login,
            events=self.events,
            first_event_time=self.first.event_time,
            last_event_time=self.latest.event_time,
        )


def _summary(statement: StatementDocument) -> EpochSummary:
    return EpochSummary(
        epoch_id=statement.epoch_id,
        window=statement.window,
        is_open=False,
        statement_hash=statement.statement_hash,
    )


def _curated_fact(value: Any) -> CuratedFact:
    payload, curation = value["payload"], value["curation"]
    late, weight = curation["late_from_epoch_id"], curation["weight_override_milli"]
    return CuratedFact(
        fact=EventFact(
            event_id=payload["id"],
            source=payload["source"],
            event_type=payload["event_type"],
            event_time=parse_instant(payload["event_time"]),
            artifact_url=payload["artifact_url"],
            login=payload["platform_login"],
            account=payload["platform_user_id"],
            payload_hash=value["payload_hash"],
            producer=value["producer"],
            producer_version=value["producer_version"],
            retrieved_at=parse_instant(value["retrieved_at"]),
        ),
        user_id=curation["user_id"],
        included=curation["included"],
        weight_override_milli=None if weight is None else int(weight),
        late_from_epoch_id=None if late is None else int(late),
        decision=decision_of(
            by=curation["judged_by"],
            at=optional_instant("judged_at", curation["judged_at"]),
            reason=curation["note"],
        ),
    )

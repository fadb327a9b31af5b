"""What a ledger ends with, and how what was disturbed differs from what was not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from ledger_core.ports.ledger import LedgerReader
from ledger_core.use_cases.check_coherence import check_coherence

MOST_ACTIONS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """All that a ledger says at the end.

    `placed` has, for each stored event, the epochs that hold it; `paid` those in which it counts for somebody.
    """

    statements: tuple[bytes, ...]
    placed: Mapping[str, tuple[int, ...]]
    paid: Mapping[str, tuple[tuple[int, str], ...]]
    waiting: int
    actions: Counter[tuple[str, str, str]]
    findings: tuple[str, ...]


def read_books(ledger: LedgerReader) -> Books:
    """Return the ledger's books; `findings` is what `ledger doctor` says."""
    placed: dict[str, tuple[int, ...]] = {}
    paid: dict[str, tuple[tuple[int, str], ...]] = {}
    with ledger.read() as view:
        for epoch in sorted(view.epochs.list_latest(limit=1000), key=lambda found: found.id):
            for event in view.curation.ordered_events(epoch.id):
                placed[event.event_id] = (*placed.get(event.event_id, ()), epoch.id)
                if event.included and event.user_id is not None:
                    paid[event.event_id] = (*paid.get(event.event_id, ()), (epoch.id, event.user_id))
        actions = Counter(
            (found.action, found.subject, repr(sorted(found.after.items())))
            for found in view.actions.list_latest(limit=MOST_ACTIONS)
        )
        statements = tuple(statement.document() for statement in view.statements.chain())
        waiting = view.activity.count_waiting()
    return Books(
        statements=statements,
        placed=placed,
        paid=paid,
        waiting=waiting,
        actions=actions,
        findings=tuple(str(finding) for finding in check_coherence(ledger)),
    )


def found_after_fault(ledger: LedgerReader) -> tuple[str, ...]:
    """Return what the doctor finds in what a fault left; a decision may wait for the next proposal, and nothing else."""
    return tuple(
        str(found)
        for found in check_coherence(ledger)
        if not found.is_doubt and found.check != "open-proposals"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Toll:
    """What faults did: how many there were, and what is not as it is without them.

    Holds: `lost` counts events and decisions that are missing, `doubled` those that count more often, `altered`
           statements whose bytes differ, `findings` what the doctor found.
    """

    faults: int = 0
    lost: int = 0
    doubled: int = 0
    altered: int = 0
    findings: int = 0

    def __add__(self, other: Toll) -> Toll:
        """Return both together."""
        return Toll(
            faults=self.faults + other.faults,
            lost=self.lost + other.lost,
            doubled=self.doubled + other.doubled,
            altered=self.altered + other.altered,
            findings=self.findings + other.findings,
        )

    @property
    def is_clean(self) -> bool:
        """Whether the faults left no trace."""
        return (self.lost, self.doubled, self.altered, self.findings) == (0, 0, 0, 0)

    def __str__(self) -> str:
        return (
            f"{self.faults} faults, {self.lost} lost, {self.doubled} doubled,"
            f" {self.altered} statements altered, {self.findings} findings"
        )


def toll(undisturbed: Books, disturbed: Books, *, faults: int) -> Toll:
    """Return what the faults cost, against the same story told without them."""
    lost = doubled = 0
    for event_id, epochs in undisturbed.placed.items():
        found = disturbed.placed.get(event_id, ())
        lost += len(epochs) > len(found)
        doubled += len(epochs) < len(found)
    for event_id, payments in undisturbed.paid.items():
        lost += len(payments) > len(disturbed.paid.get(event_id, ()))
    doubled += sum(len(payments) > 1 for payments in disturbed.paid.values())
    doubled += len(disturbed.placed.keys() - undisturbed.placed.keys())
    lost += (undisturbed.actions - disturbed.actions).total() + max(
        0, disturbed.waiting - undisturbed.waiting
    )
    doubled += (disturbed.actions - undisturbed.actions).total()
    pairs = zip(undisturbed.statements, disturbed.statements, strict=False)
    altered = sum(one != other for one, other in pairs)
    altered += abs(len(undisturbed.statements) - len(disturbed.statements))
    return Toll(faults=faults, lost=lost, doubled=doubled, altered=altered, findings=len(disturbed.findings))

"""Check that everything stored fits together: recompute what can be, and look for what must not be.

It trusts no stored result, and no guard. What nothing stored depends on it can't see: an event that no epoch
has curated and that is gone, a login's producer, the reason of a decision, a cursor that was moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from ledger_core.domain.approvals import NO_APPROVALS, ApprovalPolicy
from ledger_core.domain.epoch import Epoch
from ledger_core.domain.finding import Finding
from ledger_core.domain.pool import BASE_ISSUANCE
from ledger_core.identifiers import EpochId
from ledger_core.ports.coherence_reader import CoherenceReader, StoredEpoch
from ledger_core.ports.ledger import LedgerReader, LedgerView
from ledger_core.ports.watcher import Counted, Unwatched, Watcher
from ledger_core.use_cases.coherence_findings import Findings
from ledger_core.use_cases.coherence_of_activity import check_activity
from ledger_core.use_cases.coherence_of_signatures import check_signatures
from ledger_core.use_cases.coherence_of_statements import StatementLink, check_chain, check_statement


def check_coherence(
    ledger: LedgerReader, *, approvals: ApprovalPolicy = NO_APPROVALS, watcher: Watcher | None = None
) -> tuple[Finding, ...]:
    """Return everything in the node's ledger that does not fit, in the order of CHECKS.

    Signatures are compared with `approvals`, the policy of today, by whose means signers are recovered.

    Holds:  it reads one snapshot and writes nothing; a row that makes no value is a finding, never an
            error; memory grows with an epoch's users and the number of epochs, not with events.
    """
    findings = Findings()
    watcher = Unwatched() if watcher is None else watcher
    with ledger.read() as view:
        stored = view.coherence
        totals = stored.totals()
        watcher.tell("the store's guards")
        _check_guards(stored, findings)
        epochs = {found.epoch_id: found for found in stored.epochs()}
        _check_epochs(epochs, findings)
        links = _check_statements(
            ledger, view, epochs, findings, Counted(watcher, total=totals.statements, what="statements")
        )
        check_chain(links, findings)
        _check_statement_counts(epochs, links, findings)
        check_signatures(
            ledger.node_id,
            stored,
            links,
            approvals,
            findings=findings,
            counted=Counted(watcher, total=totals.signatures, what="signatures"),
        )
        _check_activity(
            view, epochs, links, findings, Counted(watcher, total=totals.curated, what="curated events")
        )
        _check_events(stored, findings, Counted(watcher, total=totals.events, what="events"))
        watcher.tell("payments and cursors")
        _check_payments(stored, findings)
        _check_cursors(stored, findings)
    return findings.all()


def _check_guards(stored: CoherenceReader, findings: Findings) -> None:
    for fault in stored.guard_faults():
        if fault.row is None:
            findings.add("guard-missing", fault.guard, expected="as it was made", found=fault.fault)
        else:
            findings.add("references", fault.row, expected=fault.guard, found=fault.fault)


def _check_epochs(epochs: Mapping[EpochId, StoredEpoch], findings: Findings) -> None:
    still_open = [epoch_id for epoch_id, stored in epochs.items() if stored.is_open]
    if len(still_open) > 1:
        findings.add(
            "one-open-epoch",
            f"epochs {', '.join(map(str, still_open))}",
            expected="at most 1 open",
            found=f"{len(still_open)} open",
        )
    for stored in epochs.values():
        if stored.epoch is None:
            findings.add("epoch-rows", _name(stored), expected="an epoch", found="a row that makes none")
        if stored.components is None:
            findings.add("epoch-rows", _name(stored), expected="pool components", found="rows that make none")
        elif stored.epoch is not None and not stored.is_open:
            _check_pool(stored.epoch, stored, findings)
    known = [stored.epoch for stored in epochs.values() if stored.epoch is not None]
    for one, other in pairwise(sorted(known, key=lambda epoch: epoch.window)):
        if one.window.overlaps(other.window):
            findings.add(
                "epoch-windows",
                f"epoch {other.id}",
                expected=f"a window beside {one.window} of epoch {one.id}",
                found=other.window,
            )


def _check_pool(epoch: Epoch, stored: StoredEpoch, findings: Findings) -> None:
    components = stored.components or ()
    if BASE_ISSUANCE not in {part.component_id for part in components}:
        findings.add("pool-base", _name(stored), expected=f"a {BASE_ISSUANCE} component", found="none")
    findings.compare(
        "pool-total",
        f"{_name(stored)}: the epoch's pool in credits",
        expected=sum(part.amount_credits for part in components),
        found=epoch.pool_total_credits,
    )


def _check_statements(
    ledger: LedgerReader,
    view: LedgerView,
    epochs: Mapping[EpochId, StoredEpoch],
    findings: Findings,
    counted: Counted,
) -> list[StatementLink]:
    links: list[StatementLink] = []
    for statement in counted.of(view.coherence.statements()):
        stored = epochs.get(statement.epoch_id)
        check_statement(ledger.node_id, view, statement, stored, findings)
        links.append(StatementLink.of(statement))
    return links


def _check_statement_counts(
    epochs: Mapping[EpochId, StoredEpoch], links: list[StatementLink], findings: Findings
) -> None:
    own = dict.fromkeys(epochs, 0)
    for link in links:
        if link.epoch_id not in own:
            findings.add("epoch-statements", f"epoch {link.epoch_id}", expected="an epoch", found="none")
        elif epochs[link.epoch_id].is_open or not link.is_correction:
            own[link.epoch_id] += 1
    for stored in epochs.values():
        findings.compare(
            "epoch-statements",
            f"{_name(stored)}, {'open' if stored.is_open else 'closed'}: statements",
            expected=0 if stored.is_open else 1,
            found=own[stored.epoch_id],
        )


def _check_activity(
    view: LedgerView,
    epochs: Mapping[EpochId, StoredEpoch],
    links: list[StatementLink],
    findings: Findings,
    counted: Counted,
) -> None:
    windows = {stored.epoch_id: stored.epoch.window for stored in epochs.values() if stored.epoch is not None}
    pinned: dict[EpochId, list[str]] = {}
    for link in links:
        pinned.setdefault(link.epoch_id, []).append(link.activity_set_hash)
    for stored in epochs.values():
        if stored.epoch is not None:
            hashes = pinned.get(stored.epoch_id, [])
            check_activity(
                view, stored.epoch, windows=windows, pinned_hashes=hashes, findings=findings, counted=counted
            )


def _check_events(stored: CoherenceReader, findings: Findings, counted: Counted) -> None:
    for event in counted.of(stored.events()):
        if event.computed_hash != event.payload_hash:
            computed = event.computed_hash or "the hash of an event, but the row makes none"
            findings.add(
                "payload-hashes", f"event {event.event_id}", expected=computed, found=event.payload_hash
            )


def _check_payments(stored: CoherenceReader, findings: Findings) -> None:
    for payment in stored.repeated_payments():
        findings.add(
            "event-paid-once",
            f"event {payment.event_id}",
            expected="to count once",
            found=f"it counts in epochs {', '.join(map(str, payment.epoch_ids))}",
        )


def _check_cursors(stored: CoherenceReader, findings: Findings) -> None:
    for cursor in stored.cursors():
        if not cursor.has_events:
            findings.add(
                "cursor-sources",
                f"cursor of {cursor.stream}",
                expected=f"an event of {cursor.source}, unless it never had any",
                found="none stored",
            )


def _name(stored: StoredEpoch) -> str:
    return f"epoch {stored.epoch_id}"

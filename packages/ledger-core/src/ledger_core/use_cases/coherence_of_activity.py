"""Check an epoch's activity: one pass over its curation gives its hash, everybody's units, and what lies astray."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ledger_core.domain.allocation import Allocation
from ledger_core.domain.curation import CuratedEvent, compute_activity_set_hash, weight_milli
from ledger_core.domain.epoch import Epoch
from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.instant import instant_text
from ledger_core.errors import LedgerError
from ledger_core.identifiers import EpochId
from ledger_core.ports.coherence_reader import StoredCuration
from ledger_core.ports.ledger import LedgerView
from ledger_core.ports.watcher import Counted
from ledger_core.use_cases.coherence_findings import Findings


def check_activity(
    view: LedgerView,
    epoch: Epoch,
    *,
    windows: Mapping[EpochId, EpochWindow],
    pinned_hashes: Sequence[str],
    findings: Findings,
    counted: Counted,
) -> None:
    """Check an epoch's curation, and what follows from it: the pinned hash and the proposals."""
    activity = _Activity(epoch, windows, findings)
    name = f"epoch {epoch.id}"
    try:
        computed = compute_activity_set_hash(
            activity.observed(counted.of(view.coherence.curation(epoch.id))), epoch.weight_config
        )
    except LedgerError as error:
        findings.add("activity-set", name, expected="events in order, each once", found=error)
    else:
        for pinned in pinned_hashes:
            findings.compare("activity-set", name, expected=computed, found=pinned)
    check = "open-proposals" if epoch.is_open else "proposals"
    try:
        rows = view.allocations.list_all(epoch.id)
    except LedgerError as error:
        findings.add(check, name, expected="allocations", found=error)
        return
    _compare_proposals(check, epoch, rows, activity, findings)


@dataclass(slots=True)
class _Activity:
    """What the rows give everybody, noted while they pass; memory grows with users only."""

    epoch: Epoch
    windows: Mapping[EpochId, EpochWindow]
    findings: Findings
    units: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def observed(self, rows: Iterable[StoredCuration]) -> Iterator[CuratedEvent]:
        """Yield what the rows hold, and check each on the way."""
        for row in rows:
            self._check_time(row)
            event = row.curation
            if event is None:
                self.findings.add(
                    "activity-set", self._subject(row), expected="curation", found="a row that makes none"
                )
                continue
            self._check_window(row, event)
            if event.included and event.user_id is not None:
                user = event.user_id
                self.units[user] = self.units.get(user, 0) + weight_milli(event, self.epoch.weight_config)
                self.counts[user] = self.counts.get(user, 0) + 1
            yield event

    def _check_time(self, row: StoredCuration) -> None:
        newest = max(row.created_at, row.updated_at)
        if self.epoch.closed_at is not None and newest > self.epoch.closed_at:
            closed_at = instant_text(self.epoch.closed_at)
            self.findings.add(
                "frozen-rows",
                self._subject(row),
                expected=f"written before {closed_at}",
                found=instant_text(newest),
            )

    def _check_window(self, row: StoredCuration, event: CuratedEvent) -> None:
        home = event.late_from_epoch_id
        window = self.epoch.window if home is None else self.windows.get(home)
        if window is not None and window.contains(row.event_time):
            return
        where = "the epoch's own window" if home is None else f"the window of epoch {home}, late from there"
        self.findings.add(
            "event-windows",
            self._subject(row),
            expected=f"within {where}, {'which is not there' if window is None else window}",
            found=instant_text(row.event_time),
        )

    def _subject(self, row: StoredCuration) -> str:
        return f"epoch {self.epoch.id}: event {row.event_id}"


def _compare_proposals(
    check: str,
    epoch: Epoch,
    rows: Sequence[Allocation],
    activity: _Activity,
    findings: Findings,
) -> None:
    """A row without activity stays for an admin's decision only."""
    units, counts = activity.units, activity.counts
    there: set[str] = set()
    for row in rows:
        there.add(row.user_id)
        subject = f"epoch {epoch.id}: {row.user_id}"
        if row.user_id not in units and row.final_units is None:
            findings.add(check, subject, expected="no allocation", found=_proposal(row))
            continue
        expected = _proposal_text(units.get(row.user_id, 0), counts.get(row.user_id, 0))
        findings.compare(check, subject, expected=expected, found=_proposal(row))
    for user in sorted(units.keys() - there):
        expected = _proposal_text(units[user], counts[user])
        findings.add(check, f"epoch {epoch.id}: {user}", expected=expected, found="no allocation")


def _proposal(row: Allocation) -> str:
    return _proposal_text(row.proposed_units, row.activity_count)


def _proposal_text(units: int, events: int) -> str:
    return f"{units} milli-units of {events} events"

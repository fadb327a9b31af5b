"""How epochs and what workflows report of them are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import click

from ledger_core.domain.allocation import Allocation, FinalizedAllocation, compute_allocation_set_hash
from ledger_core.domain.amended_statement import by_user
from ledger_core.domain.amendment import Correction
from ledger_core.domain.curation import CurationSummary
from ledger_core.domain.epoch import Epoch
from ledger_core.domain.payouts import PayoutLine, compute_payouts
from ledger_core.domain.pool import BASE_ISSUANCE, PoolComponent
from ledger_core.domain.statement import PayoutStatement
from ledger_core.domain.stream_reading import StreamCompleteness
from ledger_core.errors import AllocationsChanged, LedgerError
from ledger_core.identifiers import EpochId
from ledger_core.ports.ledger import LedgerView
from scheduler_worker.cli.output import counted, print_table, say, time_text, units_text
from scheduler_worker.cli.runs import Run
from scheduler_worker.messages import CollectReport, FinalizeReport, StreamReport

PREVIEWED_PAYOUTS = 40  # a screen; the whole table is in `ledger statement show`


class AnotherCloseRuns(LedgerError):
    """Somebody else's close was joined, which knows nothing of what this caller reviewed."""

    code = "another-close-runs"

    def __init__(self, workflow_id: str) -> None:
        super().__init__(f"{workflow_id} was running already and may close other allocations than reviewed")


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochOverview:
    """What there is to know of an epoch on one screen; waiting counts the node's uncurated events."""

    epoch: Epoch
    summary: CurationSummary
    waiting: int
    allocations: tuple[Allocation, ...]
    components: tuple[PoolComponent, ...]
    statement: PayoutStatement | None

    @property
    def pool_credits(self) -> int:
        """The sum of the components so far."""
        return sum(component.amount_credits for component in self.components)

    @property
    def statement_hash(self) -> str | None:
        """The statement that counts, if the epoch is closed."""
        return None if self.statement is None else self.statement.statement_hash

    @property
    def corrections(self) -> Mapping[str, Correction]:
        """What amendments set, by whom it is for."""
        amendment = None if self.statement is None else self.statement.amendment
        return {} if amendment is None else by_user(amendment)

    @property
    def paid_by(self) -> Sequence[FinalizedAllocation]:
        """Everybody's units as they count: what admins set, and what amendments set after the close."""
        return counting_units(self.allocations, self.statement)

    @property
    def allocation_set_hash(self) -> str:
        """The hash that a finalize would pin; of a closed epoch the one that its statement pins."""
        if self.statement is not None:
            return self.statement.allocation_set_hash
        return compute_allocation_set_hash(self.paid_by)

    @property
    def payouts(self) -> Sequence[PayoutLine]:
        """What a finalize would pay; of a closed epoch what its statement does."""
        if self.statement is not None:
            return self.statement.payouts
        return compute_payouts([row.finalized() for row in self.allocations], self.pool_credits)


def read_overview(view: LedgerView, epoch_id: EpochId) -> EpochOverview:
    """Return the epoch's overview.

    Raises: EpochNotFound.
    """
    epoch = view.epochs.get(epoch_id)
    return EpochOverview(
        epoch=epoch,
        summary=view.curation.summary(epoch_id),
        waiting=view.activity.count_waiting(),
        allocations=view.allocations.list_all(epoch_id),
        components=view.pool.list_all(epoch_id),
        statement=view.statements.find(epoch_id),
    )


def counting_units(
    allocations: Sequence[Allocation], statement: PayoutStatement | None
) -> Sequence[FinalizedAllocation]:
    """Return everybody's units as the statement counts them, of its epoch's allocations."""
    rows = tuple(row.finalized() for row in allocations)
    if statement is None or statement.amendment is None:
        return rows
    return statement.amendment.applied_to(rows)


def epoch_json(epoch: Epoch) -> dict[str, Any]:
    """Return an epoch for machines."""
    return {
        "epoch_id": epoch.id,
        "status": epoch.status.value,
        "period_start": time_text(epoch.window.period_start),
        "period_end": time_text(epoch.window.period_end),
        "pool_total_credits": epoch.pool_total_credits,
        "opened_at": time_text(epoch.opened_at),
        "closed_at": time_text(epoch.closed_at),
    }


def overview_json(overview: EpochOverview) -> dict[str, Any]:
    """Return an overview for machines."""
    return epoch_json(overview.epoch) | {
        "weight_config": dict(overview.epoch.weight_config),
        "events": asdict(overview.summary),
        "waiting_events": overview.waiting,
        "users": len(overview.paid_by),
        "pool_credits": overview.pool_credits,
        "allocation_set_hash": overview.allocation_set_hash,
        "statement_hash": overview.statement_hash,
    }


def overview_facts(overview: EpochOverview) -> list[tuple[str, object]]:
    """Return an overview for people."""
    epoch, summary = overview.epoch, overview.summary
    return [
        ("epoch", f"{epoch.id} ({epoch.status})"),
        ("window", epoch.window),
        ("events", f"{summary.events}, of which {summary.included} count and {summary.late} came late"),
        ("unresolved", f"{summary.unresolved} (`ledger identity unresolved --epoch {epoch.id}`)"),
        ("waiting", f"{overview.waiting} events of this node are in no epoch yet"),
        ("people", len(overview.paid_by)),
        ("pool", f"{overview.pool_credits} credits in {len(overview.components)} components"),
        ("allocations", overview.allocation_set_hash),
        ("statement", overview.statement_hash or "none yet"),
    ]


def collect_json(run: Run[CollectReport]) -> dict[str, Any]:
    """Return a collection for machines."""
    found: dict[str, Any] = {"workflow_id": run.workflow_id, "joined": run.joined}
    if run.report is None:
        return found
    report = run.report
    return found | {
        "period_start": time_text(report.window.period_start),
        "period_end": time_text(report.window.period_end),
        "epoch_id": report.epoch_id,
        "blocked_by_epoch_id": report.blocked_by_epoch_id,
        "complete": report.complete,
        "streams": [asdict(stream) for stream in report.streams],
        "curated": None if report.curated is None else asdict(report.curated),
    }


def print_collected(report: CollectReport) -> None:
    """Print what a collection did."""
    print_table(
        ["stream", "new", "known", "conflicts", "skipped", "state"],
        [_stream_row(stream) for stream in report.streams],
        numbers=["new", "known", "conflicts", "skipped"],
    )
    for stream in report.streams:
        if stream.problem is not None:
            say(f"{stream.stream} is incomplete: {stream.problem}")
    if report.blocked_by_epoch_id is not None:
        say(
            f"epoch {report.blocked_by_epoch_id} is still open, so this window's epoch waits; its events are"
            f" stored. Next: ledger epoch finalize {report.blocked_by_epoch_id}"
        )
    elif report.curated is None:
        say(f"epoch {report.epoch_id} is closed; what is new for it goes into the next one, marked late")
    else:
        curated = report.curated
        say(
            f"epoch {curated.epoch_id}: {curated.events} events, {curated.unresolved} unresolved,"
            f" {curated.allocations_changed} allocations changed"
        )


def _stream_row(stream: StreamReport) -> tuple[object, ...]:
    return (
        stream.stream,
        stream.inserted,
        stream.duplicates,
        stream.conflicts,
        sum(stream.skipped.values()),
        "complete" if stream.complete else "INCOMPLETE",
    )


def print_preview(overview: EpochOverview, streams: Sequence[StreamCompleteness], now: datetime) -> None:
    """Print what a finalize would pay, what it would close over, and the hash that pins it."""
    print_payouts(overview.payouts, most=PREVIEWED_PAYOUTS)
    for stream in streams:
        if stream.gap is not None:
            say(f"waived {stream.stream}: {stream.gap}; by {stream.waived_by}: {stream.reason}")
    if not any(component.component_id == BASE_ISSUANCE for component in overview.components):
        say(f"no base_issuance yet: ledger pool add {overview.epoch.id} base_issuance CREDITS")
    if overview.summary.unresolved:
        say(
            f"{counted(overview.summary.unresolved, 'event')} of accounts that are nobody's: nothing is earned by it"
            " here; bound later, it counts in the next epoch"
        )
    if now < overview.epoch.window.period_end:
        end = time_text(overview.epoch.window.period_end)
        say(f"the window runs until {end}: later work counts in the next epoch")
    click.echo(f"allocations {overview.allocation_set_hash}")


def print_payouts(payouts: Sequence[PayoutLine], *, most: int | None = None) -> None:
    """Print a payout table, the largest amount first; `most` lines and how many more there are."""
    if not payouts:
        click.echo("nobody is paid")
        return
    ranked = sorted(payouts, key=lambda line: -line.amount_credits)
    shown = ranked if most is None else ranked[:most]
    print_table(
        ["user", "units", "share", "credits"],
        [(line.user_id, units_text(line.total_units), line.share, line.amount_credits) for line in shown],
        numbers=["units", "share", "credits"],
    )
    if len(shown) < len(ranked):
        rest = sum(line.amount_credits for line in ranked[len(shown) :])
        click.echo(f"... and {len(ranked) - len(shown)} more people with {rest} credits")


def close_question(overview: EpochOverview) -> str:
    """Return what to ask before a close."""
    return f"Close epoch {overview.epoch.id} for ever, paying {overview.pool_credits} credits?"


def check_seen(overview: EpochOverview, reviewed: str | None) -> None:
    """Refuse a close of what was reviewed, and has changed since, before anybody is asked.

    Raises: AllocationsChanged.
    """
    if reviewed is not None and reviewed != overview.allocation_set_hash:
        raise AllocationsChanged(reviewed, overview.allocation_set_hash)


def finalize_json(run: Run[FinalizeReport]) -> dict[str, Any]:
    """Return a close for machines."""
    found: dict[str, Any] = {"workflow_id": run.workflow_id, "joined": run.joined}
    return found if run.report is None else found | asdict(run.report)


def print_finalized(report: FinalizeReport) -> None:
    """Print what a close did."""
    verb = "closed" if report.closed_now else "was closed already"
    say(
        f"epoch {report.epoch_id} {verb}: {report.pool_total_credits} credits to {report.payouts} people,"
        f" {report.undistributed_credits} undistributed"
    )
    click.echo(f"statement {report.statement_hash}")


def check_reviewed(run: Run[FinalizeReport], reviewed: str | None) -> None:
    """Refuse when what was closed is not what was reviewed, as when somebody else closed it first.

    Raises: AllocationsChanged, AnotherCloseRuns.
    """
    if reviewed is None:
        return
    if run.report is None:
        if run.joined:
            raise AnotherCloseRuns(run.workflow_id)
    elif run.report.allocation_set_hash != reviewed:
        raise AllocationsChanged(reviewed, run.report.allocation_set_hash)

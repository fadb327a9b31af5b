"""`ledger epoch`: collect, list, show, finalize."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from ledger_core.completeness_errors import check_complete
from ledger_core.domain.instant import instant_text
from ledger_core.domain.stream_reading import StreamCompleteness
from ledger_core.errors import LedgerError
from ledger_core.identifiers import EpochId
from ledger_core.signature_errors import ApprovalsMissing, ApprovalsTooLate
from scheduler_worker.bootstrap import create_directories, create_sources, read_facts, system_clock
from scheduler_worker.cli import epoch_views as views
from scheduler_worker.cli.arguments import HASH, epoch_argument, reason_option, wait_option, yes_option
from scheduler_worker.cli.command_group import CommandGroup
from scheduler_worker.cli.exits import Exit
from scheduler_worker.cli.gap_views import read_streams
from scheduler_worker.cli.output import json_option, print_facts, print_json, print_table, say, seconds_text
from scheduler_worker.cli.review_facts import streams_of
from scheduler_worker.cli.review_next import missing_sentences
from scheduler_worker.cli.runs import run_workflow
from scheduler_worker.cli.session import (
    action_context,
    confirm,
    current_payload_keys,
    current_policy,
    current_task_queue,
    open_reader,
    reading,
)
from scheduler_worker.cli.signature_commands import approval_option, require_option
from scheduler_worker.messages import FinalizeCommand, FinalizeReport
from scheduler_worker.requests import collect_request, window_to_collect
from scheduler_worker.retry_profiles import COLLECT_EXECUTION_TIMEOUT, WRITE_EXECUTION_TIMEOUT
from scheduler_worker.starting import Start
from scheduler_worker.workflow_ids import collect_workflow_id, finalize_workflow_id
from scheduler_worker.workflows.collect_epoch import CollectEpochWorkflow
from scheduler_worker.workflows.finalize_epoch import FinalizeEpochWorkflow

_DAY_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]


@click.group(cls=CommandGroup)
def epoch() -> None:
    """Collect, show and close epochs."""


@epoch.command()
@click.option(
    "--at",
    type=click.DateTime(_DAY_FORMATS),
    help="Collect the window that contains this day (UTC).  [default: the oldest that is due]",
)
@wait_option
@json_option
@click.pass_obj
def collect(config: Path | None, at: datetime | None, wait: bool, as_json: bool) -> Exit:
    """Collect a window: its events, their users, proposed allocations.

    \b
    Examples:
      ledger epoch collect
      ledger epoch collect --at 2026-11-16 --no-wait
    """
    policy = current_policy(config)
    with open_reader(config) as reader:
        instant = None if at is None else at.replace(tzinfo=UTC)
        window = window_to_collect(reader, policy, at=instant, now=system_clock())
    run = run_workflow(
        Start(
            method=CollectEpochWorkflow.run,
            argument=collect_request(policy, window, create_sources(policy), create_directories(policy)),
            workflow_id=collect_workflow_id(window),
            task_queue=current_task_queue(config),
            execution_timeout=COLLECT_EXECUTION_TIMEOUT,
        ),
        keys=current_payload_keys(config),
        wait=wait,
    )
    if as_json:
        print_json(views.collect_json(run))
    elif run.report is not None:
        views.print_collected(run.report)
    if run.report is None or (run.report.complete and run.report.blocked_by_epoch_id is None):
        return Exit.DONE
    return Exit.INCOMPLETE


@epoch.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most so many.")
@json_option
@click.pass_obj
def list_epochs(config: Path | None, limit: int, as_json: bool) -> None:
    """List epochs, the latest window first.

    \b
    Example:
      ledger epoch list --limit 5
    """
    with reading(config) as view:
        epochs = view.epochs.list_latest(limit=limit)
    if as_json:
        print_json([views.epoch_json(found) for found in epochs])
        return
    if not epochs:
        click.echo("no epoch yet; `ledger epoch collect` opens the first")
        return
    print_table(
        ["epoch", "status", "from", "to", "pool", "closed"],
        [
            (
                found.id,
                found.status,
                found.window.period_start.date(),
                found.window.period_end.date(),
                "-" if found.pool_total_credits is None else found.pool_total_credits,
                "-" if found.closed_at is None else seconds_text(instant_text(found.closed_at)),
            )
            for found in epochs
        ],
        numbers=["epoch", "pool"],
    )


@epoch.command()
@epoch_argument
@json_option
@click.pass_obj
def show(config: Path | None, epoch_id: int, as_json: bool) -> None:
    """Show one epoch: its window, events, pool and hashes.

    \b
    Example:
      ledger epoch show 7
    """
    with reading(config) as view:
        overview = views.read_overview(view, EpochId(epoch_id))
    if as_json:
        print_json(views.overview_json(overview))
    else:
        print_facts(views.overview_facts(overview))


@epoch.command()
@epoch_argument
@click.option(
    "--reviewed", metavar="HASH", type=HASH, help="Refuse unless the allocations still have this hash."
)
@approval_option
@require_option
@reason_option
@yes_option
@wait_option
@json_option
@click.pass_obj
def finalize(
    config: Path | None,
    epoch_id: int,
    reviewed: str | None,
    approvals: tuple[str, ...],
    require_approvals: int,
    reason: str | None,
    yes: bool,
    wait: bool,
    as_json: bool,
) -> Exit:
    """Close an epoch into its payout statement, for ever.

    Shows what would be paid, asks, and closes exactly that. --reviewed takes
    the hash that `ledger review` showed. A closed epoch stays as it is.

    \b
    Examples:
      ledger epoch finalize 7
      ledger epoch finalize 7 --yes --reviewed "$HASH"
    """
    context, reviewed_pool = action_context(finalize_workflow_id(epoch_id), reason=reason), None
    with reading(config) as view:
        overview = views.read_overview(view, EpochId(epoch_id))
        streams = read_streams(view, overview.epoch)
    if overview.epoch.is_open:
        check_complete(overview.epoch.id, streams)  # now, and not once somebody has confirmed
        views.check_seen(overview, reviewed)
        if not as_json:
            _print_preview(config, overview, streams)
        confirm(views.close_question(overview), yes=yes)
        if not (yes and as_json):  # then nobody has seen anything
            reviewed, reviewed_pool = overview.allocation_set_hash, overview.pool_credits
    command = FinalizeCommand(
        epoch_id=epoch_id,
        context=context,
        reviewed_hash=reviewed,
        reviewed_pool_credits=reviewed_pool,
        approvals=approvals,
        require_approvals=require_approvals,
    )
    run = run_workflow(_close(config, command), keys=current_payload_keys(config), wait=wait)
    if as_json:
        print_json(views.finalize_json(run))
    elif run.report is not None:
        views.print_finalized(run.report)
    views.check_reviewed(run, reviewed)
    if run.joined and run.report is not None and (approvals or require_approvals):
        _check_joined(config, run.report, approvals, require_approvals)
    return Exit.DONE


def _print_preview(
    config: Path | None, overview: views.EpochOverview, streams: Sequence[StreamCompleteness]
) -> None:
    """Print what would be paid, and what the epoch lacks, as `ledger review` tells it."""
    policy, now, epoch = current_policy(config), system_clock(), overview.epoch
    views.print_preview(overview, streams, now)
    try:
        sources, directories = create_sources(policy), create_directories(policy)
    except LedgerError as error:  # a source that can't be made now is no reason to keep an epoch open
        say(f"how its streams fare was not looked at: {error}")
        return
    with open_reader(config) as reader:
        health = read_facts(reader, sources, directories).streams
        with reader.read() as view:
            due = view.review.count_due(epoch.id) if overview.waiting else 0
    for sentence in missing_sentences(streams_of(epoch, streams, health, now), due):
        say(sentence)


def _check_joined(
    config: Path | None, report: FinalizeReport, approvals: Sequence[str], required: int
) -> None:
    """Refuse when somebody else's close, which was joined, has not the approvals that this one asked for."""
    with reading(config) as view:
        stored = view.statements.signatures(report.statement_hash)
    if not set(approvals) <= {found.signature for found in stored}:
        raise ApprovalsTooLate(report.epoch_id)
    approvers = set(current_policy(config).approvals.approvers.values())
    approved = sum(found.signer in approvers for found in stored)
    if approved < required:
        raise ApprovalsMissing(report.statement_hash, required, approved)


def _close(config: Path | None, command: FinalizeCommand) -> Start[FinalizeReport]:
    return Start(
        method=FinalizeEpochWorkflow.run,
        argument=command,
        workflow_id=finalize_workflow_id(command.epoch_id),
        task_queue=current_task_queue(config),
        execution_timeout=WRITE_EXECUTION_TIMEOUT,
    )

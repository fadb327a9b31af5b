"""`ledger gap`: list, waive."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ledger_core.completeness_errors import NothingToWaive, StreamNotRead
from ledger_core.domain.stream_reading import (
    SkippedActivity,
    StreamCompleteness,
    Verdict,
)
from ledger_core.errors import InvalidValue
from ledger_core.identifiers import EpochId, StreamRef
from scheduler_worker.cli.arguments import epoch_argument, required_reason_option, wait_option, yes_option
from scheduler_worker.cli.command_group import CommandGroup
from scheduler_worker.cli.exits import Exit
from scheduler_worker.cli.gap_views import read_streams
from scheduler_worker.cli.output import json_option, print_json, print_table, say
from scheduler_worker.cli.session import action_context, confirm, reading
from scheduler_worker.cli.writes import run_write
from scheduler_worker.messages import WaiveGapCommand
from scheduler_worker.workflow_ids import waive_workflow_id
from scheduler_worker.workflows.admin_writes import WaiveGapWorkflow

MOST_ACTORS = 20  # on a terminal; --json has them all


@click.group(cls=CommandGroup)
def gap() -> None:
    """Streams that are incomplete, and what becomes of them."""


@gap.command("list")
@epoch_argument
@json_option
@click.pass_obj
def list_gaps(config: Path | None, epoch_id: int, as_json: bool) -> Exit:
    """Show how complete an epoch's streams are, and what was read and not taken.

    Only streams whose sources count a second time are here. Exit status 3 if
    a stream is incomplete: the epoch does not close until it is collected
    again, or an admin waives what it lacks.

    \b
    Examples:
      ledger gap list 7
      ledger gap list 7 --json
    """
    with reading(config) as view:
        epoch = view.epochs.get(EpochId(epoch_id))
        streams = read_streams(view, epoch)
        skipped = view.completeness.skipped(epoch.window)
    is_incomplete = any(found.verdict is Verdict.INCOMPLETE for found in streams)
    if as_json:
        print_json(
            {
                "epoch_id": epoch_id,
                "complete": not is_incomplete,
                "streams": [found.document() for found in streams],
                "skipped": [_skipped_as_json(found) for found in skipped],
            }
        )
    elif streams:
        _print_streams(streams)
        _print_skipped(skipped)
    else:
        say(f"no stream of epoch {epoch_id} is counted a second time")
    return Exit.INCOMPLETE if is_incomplete else Exit.DONE


def _print_streams(streams: Sequence[StreamCompleteness]) -> None:
    print_table(["stream", "verdict"], [(str(found.stream), found.verdict.value) for found in streams])
    for found in streams:
        if found.verdict is Verdict.INCOMPLETE:
            say(f"INCOMPLETE {found.stream}: {found.gap}")
        elif found.verdict is Verdict.WAIVED:
            say(f"waived {found.stream}: {found.gap}; by {found.waived_by}: {found.reason}")


def _print_skipped(skipped: Sequence[SkippedActivity]) -> None:
    for one in skipped:
        for reason, count in one.by_reason.items():
            say(f"read and not taken, {one.stream}: {count} {reason}")
        for actor, count in list(one.by_actor.items())[:MOST_ACTORS]:
            say(f"  {count} of {actor}")
        if len(one.by_actor) > MOST_ACTORS:
            say(f"  and {len(one.by_actor) - MOST_ACTORS} more accounts: --json has them all")


def _skipped_as_json(found: SkippedActivity) -> dict[str, object]:
    return {
        "source": found.stream.source,
        "source_ref": found.stream.source_ref,
        "stream": found.stream.stream,
        "readings": found.readings,
        "by_reason": dict(found.by_reason),
        "by_actor": dict(found.by_actor),
    }


@gap.command()
@epoch_argument
@click.argument("stream_name", metavar="STREAM")
@required_reason_option
@yes_option
@wait_option
@json_option
@click.pass_obj
def waive(
    config: Path | None,
    epoch_id: int,
    stream_name: str,
    reason: str,
    yes: bool,
    wait: bool,
    as_json: bool,
) -> None:
    """Let an epoch close although STREAM has a gap; its statement says so for ever.

    The waiver is of the gap that is shown: with other figures it is another.

    \b
    Example:
      ledger gap waive 7 github:acme/web:issues --reason "search lags, #42"
    """
    context = action_context(reason=reason)
    stream = parse_stream(stream_name)
    with reading(config) as view:
        epoch = view.epochs.get(EpochId(epoch_id))
        streams = read_streams(view, epoch)
    stands = next((found for found in streams if found.stream == stream), None)
    if stands is None:
        raise StreamNotRead(epoch_id, stream_name)
    if stands.gap is None:
        raise NothingToWaive(epoch_id, stream_name)
    confirm(
        f"{stands.gap}. Let epoch {epoch_id} close without it, and say so in its statement for ever?", yes=yes
    )
    run_write(
        config,
        WaiveGapWorkflow.run,
        WaiveGapCommand(epoch_id=epoch_id, stream=stream, reviewed_gap=str(stands.gap), context=context),
        waive_workflow_id,
        wait=wait,
        as_json=as_json,
        done=f"waived in epoch {epoch_id}: {stream}: {stands.gap}",
        unchanged=f"that gap of {stream} was waived in epoch {epoch_id} already",
    )


def parse_stream(text: str) -> StreamRef:
    """Return the stream that `SOURCE:REFERENCE:STREAM` names; the reference may have colons of its own.

    Raises: InvalidValue.
    """
    source, _, rest = text.partition(":")
    source_ref, _, stream = rest.rpartition(":")
    if not source_ref:
        raise InvalidValue("stream", "must be SOURCE:REFERENCE:STREAM, as `ledger gap list` prints it")
    return StreamRef(source=source, source_ref=source_ref, stream=stream)

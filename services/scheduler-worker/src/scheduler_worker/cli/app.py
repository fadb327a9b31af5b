"""The `ledger` command: its groups, and the one place where an error becomes a refusal and a status."""

from __future__ import annotations

import logging
import os
import signal
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Final

import click

from ledger_core.errors import LedgerError
from scheduler_worker.cli.exits import Exit
from scheduler_worker.cli.lazy_group import LazyGroup
from scheduler_worker.cli.refusals import INTERRUPTED, Refusal, internal_refusal, refusal_of, usage_refusal

FIRST_PROCESS: Final = 1
_COMMANDS: Final = "scheduler_worker.cli."

EPILOG: Final = """\b
Examples:
  ledger demo                          the whole job on this machine
  ledger epoch collect                 collect the current window
  ledger epoch finalize 7              look, confirm, close
  ledger statement export 7 -o 7.zip   for anyone to verify

\b
Exit status:
  0 done, 1 refused, 2 wrong usage, 3 incomplete, 4 a server is unreachable
"""


@click.group(
    cls=LazyGroup,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    commands_at={
        "demo": (_COMMANDS + "demo_command:demo", "Run the whole job on this machine, on a git repository."),
        "init": (_COMMANDS + "init_command:init", "Write a first ledger.toml."),
        "config": (_COMMANDS + "config_commands:config", "Check ledger.toml, or its schema."),
        "policy": (_COMMANDS + "policy_commands:policy", "Try other weights on the past."),
        "epoch": (_COMMANDS + "epoch_commands:epoch", "Collect, show and close epochs."),
        "review": (_COMMANDS + "review_command:review", "What matters before a close, on one screen."),
        "pool": (_COMMANDS + "pool_commands:pool", "The credits that an epoch pays."),
        "allocation": (_COMMANDS + "allocation_commands:allocation", "Who gets how many units."),
        "event": (_COMMANDS + "event_commands:event", "Judge single events."),
        "gap": (_COMMANDS + "gap_commands:gap", "Streams that are incomplete, and what becomes of them."),
        "identity": (_COMMANDS + "identity_commands:identity", "Whose accounts are whose."),
        "statement": (_COMMANDS + "statement_commands:statement", "Show, export and verify statements."),
        "report": (_COMMANDS + "report_command:report", "An epoch as a page for a browser."),
        "explain": (_COMMANDS + "explain_commands:explain", "Why a person got what they got, or nothing."),
        "trace": (_COMMANDS + "explain_commands:trace", "What became of an event."),
        "status": (_COMMANDS + "status_command:status", "Is everything all right?"),
        "source": (_COMMANDS + "source_commands:source", "Look at sources before collecting."),
        "doctor": (_COMMANDS + "doctor_command:doctor", "Check that everything stored is coherent."),
        "schedule": (_COMMANDS + "schedule_commands:schedule", "The weekly run."),
        "db": (_COMMANDS + "database_commands:db", "Migrate the database, grant its roles."),
        "webhook": (_COMMANDS + "webhook_commands:webhook", "Receive what GitHub tells as it happens."),
        "completion": (_COMMANDS + "completion_command:completion", "Let a shell complete commands."),
        "worker": (_COMMANDS + "worker_command:worker", "Run the worker until told to stop."),
    },
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The policy file.  [default: LEDGER_CONFIG, or ledger.toml]",
)
@click.version_option(package_name="cogni-scheduler-worker", prog_name="ledger")
@click.pass_context
def ledger(context: click.Context, config: Path | None) -> None:
    """Pay contributors by what they did, and let anyone check it."""
    context.obj = config


def main() -> None:
    """Run the command line and end the process with its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a login's letters must not fail a C locale
    if os.getpid() == FIRST_PROCESS:
        # The kernel drops what process 1 leaves to a signal's default: a container would hang until it is killed.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit status; every error is one line on stderr."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    try:
        result = ledger.main(args=arguments, prog_name="ledger", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return Exit.USAGE
    except (click.exceptions.Abort, click.ClickException, LedgerError) as error:
        return _told(_refusal(error), arguments)
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.REFUSED
    except Exception as error:
        if os.environ.get("LEDGER_DEBUG"):
            raise
        if _was_interrupted(error):
            return _told(INTERRUPTED, arguments)
        return _told(internal_refusal(error), arguments)
    return result if isinstance(result, int) else Exit.DONE


def _told(refusal: Refusal, arguments: list[str]) -> Exit:
    words = arguments[: arguments.index("--")] if "--" in arguments else arguments
    click.echo(refusal.json_line() if "--json" in words else refusal.line(), err=True)
    return refusal.status


def _refusal(error: click.exceptions.Abort | click.ClickException | LedgerError) -> Refusal:
    if isinstance(error, LedgerError) and error.code == INTERRUPTED.code:
        return refusal_of(error)  # it knows more of what was interrupted
    if isinstance(error, click.exceptions.Abort) or _was_interrupted(error):
        return INTERRUPTED
    return refusal_of(error) if isinstance(error, LedgerError) else usage_refusal(error)


def _was_interrupted(error: BaseException) -> bool:
    """Say whether ctrl-C is behind an error: a driver that is torn out of a query fails in its own words."""
    from asyncio import CancelledError  # noqa: PLC0415 - its import is not needed for --help

    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        found = waiting.pop()
        if found is None or id(found) in seen:
            continue
        if isinstance(found, (KeyboardInterrupt, CancelledError)):
            return True
        seen.add(id(found))
        waiting += [found.__cause__, found.__context__]
    return False

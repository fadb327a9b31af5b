"""What `ledger demo` does once its servers are up, and how it shows it."""

from __future__ import annotations

import asyncio
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.identifiers import EpochId
from ledger_core.ports.ledger import LedgerReader
from scheduler_worker.bootstrap import opened_reader
from scheduler_worker.cli.chain_views import print_chain, read_chain
from scheduler_worker.cli.demo_kept import write_environment
from scheduler_worker.cli.epoch_views import print_payouts
from scheduler_worker.cli.output import print_facts, print_table, printable, say
from scheduler_worker.cli.progress import Progress
from scheduler_worker.cli.statement_commands import export_bundle
from scheduler_worker.cli.verify_command import NotVerified
from scheduler_worker.demo.demo_session import prepare_database, take_windows
from scheduler_worker.demo.run_demo import DemoEpoch
from scheduler_worker.local.servers import LocalServers
from scheduler_worker.policy import Policy

SHOWN_PAYOUTS: Final = 20
VERIFY_TIMEOUT_SECONDS: Final = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSteps:
    """One run of the demo, on servers that are up."""

    folder: Path
    servers: LocalServers
    policy: Policy
    progress: Progress

    def run(self, windows: Sequence[EpochWindow], *, keep: bool) -> str:
        """Take the windows to their statements, show them, and return the verifier's verdict.

        Raises: NotVerified, and the refusals of every step.
        """
        self.progress.clear()
        print_facts([("servers   ", f"Temporal UI at {self.servers.temporal_ui_url}")])
        self.progress.tell("migrating the database")
        urls = prepare_database(self.servers, self.folder)
        epochs = asyncio.run(
            take_windows(self.policy, windows, self.servers, urls.worker, self.progress.tell)
        )
        self.progress.clear()
        with opened_reader(urls.worker, self.policy.node_id) as reader:
            _show(reader, epochs)
            self.progress.tell("exporting and verifying the last statement")
            verdict = self._verify(reader, epochs[-1])
        if keep:
            write_environment(self.folder, self.servers, urls)
        return verdict

    def _verify(self, reader: LedgerReader, last: DemoEpoch) -> str:
        """Export the bundle, and have a process of its own verify it, which knows nothing of this one."""
        path = self.folder / f"statement-{last.epoch_id}.zip"
        with reader.read() as view:
            export_bundle(view, EpochId(last.epoch_id), path)
        command = [sys.executable, "-I", "-m", "ledger_core.verification", str(path)]
        command += ["--expect", last.finalized.statement_hash, "--quiet"]
        done = subprocess.run(  # noqa: S603 - our own interpreter, our own module, arguments as a list
            command, capture_output=True, text=True, check=False, timeout=VERIFY_TIMEOUT_SECONDS
        )
        self.progress.clear()
        if done.returncode != 0:
            raise NotVerified(done.stdout.strip() or done.stderr.strip()[-300:])
        click.echo("the last statement, with all that anybody needs to check it:")
        click.echo("  python -m ledger_core.verification \\")
        click.echo(f"    {printable(shlex.quote(str(path)))}")
        click.echo()
        return done.stdout.strip()


def _show(reader: LedgerReader, epochs: Sequence[DemoEpoch]) -> None:
    last = epochs[-1]
    click.echo()
    print_table(
        ["epoch", "week from", "collected", "people", "credits", "state"],
        [
            (
                done.epoch_id,
                done.window.period_start.date(),
                done.new_events,
                done.finalized.payouts,
                done.finalized.pool_total_credits - done.finalized.undistributed_credits,
                "closed" if done.finalized.closed_now else "was closed already",
            )
            for done in epochs
        ],
        numbers=["epoch", "collected", "people", "credits"],
    )
    with reader.read() as view:
        chain = read_chain(view)
        statement = view.statements.find(last.epoch_id)
    assert statement is not None, "the epoch was closed by now"
    click.echo()
    say(f"payouts of epoch {last.epoch_id}, the week from {last.window.period_start.date()}:")
    print_payouts(statement.payouts, most=SHOWN_PAYOUTS)
    click.echo()
    say("statements, each pinning the one before it:")
    print_chain(chain)
    click.echo()

"""`ledger review`: what matters of an epoch before it is closed, on one screen."""

from __future__ import annotations

from pathlib import Path

import click

from ledger_core.identifiers import EpochId
from scheduler_worker.bootstrap import create_directories, create_sources, read_facts, system_clock
from scheduler_worker.cli.arguments import epoch_argument
from scheduler_worker.cli.last_look import find_look, keep_look, look_path
from scheduler_worker.cli.output import json_option, print_json
from scheduler_worker.cli.review_facts import look_of, read_review
from scheduler_worker.cli.review_json import review_json
from scheduler_worker.cli.review_screen import print_review
from scheduler_worker.cli.session import current_policy, open_reader


@click.command()
@epoch_argument
@json_option
@click.pass_obj
def review(config: Path | None, epoch_id: int, as_json: bool) -> None:
    """Show what matters of an epoch before it is closed, on one screen.

    Sources and their gaps, people by units, what changed since the week before
    and since your last look, who decided what, late work, accounts that are
    nobody's with a hint whose they may be, the pool, and the payouts' preview.

    It changes nothing in the ledger. What you saw is kept in a file of your
    own, under XDG_STATE_HOME, to tell the next time what changed; --json reads
    that and leaves it as it is. From here on: ledger event exclude or include,
    ledger allocation set or clear, ledger identity bind, ledger pool add, and
    ledger epoch finalize.

    \b
    Examples:
      ledger review 7
      ledger review 7 --json
    """
    policy = current_policy(config)
    now = system_clock()
    with open_reader(config) as reader:
        with reader.read() as view:
            view.epochs.get(EpochId(epoch_id))
        health = read_facts(reader, create_sources(policy), create_directories(policy)).streams
        with reader.read() as view:
            found = read_review(
                view, EpochId(epoch_id), health, now, approvals_required=policy.approvals.required
            )
    path = look_path(policy.node_id, epoch_id)
    look = find_look(path)
    if as_json:
        print_json(review_json(found, look))
        return
    print_review(found, look)
    if found.overview.epoch.is_open:
        keep_look(path, look_of(found, now))

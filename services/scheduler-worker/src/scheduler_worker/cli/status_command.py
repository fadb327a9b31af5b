"""`ledger status`: is everything all right?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from ledger_core.domain.instant import instant_text
from scheduler_worker.bootstrap import system_clock
from scheduler_worker.cli.exits import Exit
from scheduler_worker.cli.output import PLAIN_WIDTH, fold, json_option, output_width, print_json, printable
from scheduler_worker.cli.status_checks import Check, State, ledger_checks
from scheduler_worker.cli.status_servers import UNREACHABLE, ask_database, ask_temporal

SHOWN_STREAMS: Final = 4  # the others are counted: all of it is to fit one screen
SENTENCE_CHARACTERS: Final = 200
_MARGIN: Final = " " * 18


@click.command()
@json_option
@click.pass_obj
def status(config: Path | None, as_json: bool) -> Exit:
    """Say whether everything is all right, and what to do where it is not.

    Looks at both servers, the worker, the schedule, the open epoch, its
    accounts, the chain of statements, and each stream. It works while any of
    them is down, and takes half a minute at most.

    \b
    Exit status:
      0 all right, also with notes; 3 there is a problem;
      4 PostgreSQL or Temporal can't be reached

    \b
    Examples:
      ledger status
      ledger status --json
    """
    now = system_clock()
    answer = ask_database(config)
    checks = [answer.check, *asyncio.run(ask_temporal(config, answer.keys, now))]
    if answer.facts is None:
        checks.append(Check(name="ledger", state=State.UNKNOWN, sentence="the database would know"))
    else:
        checks += ledger_checks(answer.facts, now)
    ended = _exit(checks)
    if as_json:
        print_json(_as_json(checks, now, ended))
    else:
        _print(checks, now)
    return ended


def _exit(checks: Sequence[Check]) -> Exit:
    if any(check.facts.get(UNREACHABLE) for check in checks):
        return Exit.UNREACHABLE
    return Exit.INCOMPLETE if any(check.state is State.PROBLEM for check in checks) else Exit.DONE


def _print(checks: Sequence[Check], now: datetime) -> None:
    problems = sum(check.state is State.PROBLEM for check in checks)
    verdict = "all right" if not problems else "1 problem" if problems == 1 else f"{problems} problems"
    click.echo(f"{verdict}, at {instant_text(now.replace(microsecond=0))}")
    streams = [check for check in checks if check.name == "stream"]
    for check in [*(check for check in checks if check.name != "stream"), *streams[:SHOWN_STREAMS]]:
        _print_check(check)
    if left := streams[SHOWN_STREAMS:]:
        wrong = sum(check.state is State.PROBLEM for check in left)
        click.echo(
            f"{_MARGIN}and {len(left)} streams more, {wrong} of them with a problem; --json lists them"
        )


def _print_check(check: Check) -> None:
    width = min(PLAIN_WIDTH, output_width())
    sentence = printable(check.sentence)
    if len(sentence) > SENTENCE_CHARACTERS:
        sentence = sentence[:SENTENCE_CHARACTERS] + "..."
    head = f"{check.state:<7}  {check.name:<9}"
    texts = [head + sentence]
    if check.next_step is not None:
        texts.append(f"{_MARGIN}-> {printable(check.next_step)}")
    for text in texts:
        first, *further = fold(text, width, 0, hanging=len(_MARGIN))
        for line in (first, *further):
            click.echo(line)


def _as_json(checks: Sequence[Check], now: datetime, ended: Exit) -> dict[str, object]:
    return {
        "ok": ended is Exit.DONE,
        "at": instant_text(now),
        "checks": [
            {
                "name": check.name,
                "state": check.state.lower(),
                "sentence": check.sentence,
                "next": check.next_step,
                "facts": check.facts,
            }
            for check in checks
        ],
    }

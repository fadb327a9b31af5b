"""A review on one screen: the first of everything, how many more there are, and what to do next."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import Final

import click

from ledger_core.domain.identity_suggestion import Likeness
from scheduler_worker.cli.last_look import Look
from scheduler_worker.cli.output import (
    counted,
    is_terminal,
    print_facts,
    print_table,
    printable,
    say,
    units_text,
)
from scheduler_worker.cli.review_changes import SinceLook, since_look
from scheduler_worker.cli.review_decisions import decision_text
from scheduler_worker.cli.review_facts import (
    MOST_UNRESOLVED,
    Review,
    StreamState,
    UnitsChange,
    UnresolvedAccount,
    changed_units,
)
from scheduler_worker.cli.review_next import next_steps

SHOWN_PEOPLE: Final = 15
_WHOLE_COMMAND: Final = 76  # longer ones go on below, an option a line
SHOWN: Final = 5  # of anything else
_COUNTED: Final = {
    "events": "events",
    "late": "late",
    "unresolved": "unresolved",
    "excluded": "excluded",
    "pool_credits": "credits in the pool",
}
BAR_CELLS: Final = 12
_LIKENESS: Final = {
    Likeness.SAME_EMAIL: "same e-mail",
    Likeness.SAME_LOGIN: "same login",
    Likeness.ALIKE: "alike",
}


def print_review(review: Review, look: Look | None) -> None:
    """Print the review."""
    overview = review.overview
    summary, epoch = overview.summary, overview.epoch
    how_many = (
        f"{summary.events}: {summary.included} count, {review.judged.excluded} excluded,"
        f" {review.judged.weighed} re-weighted, {summary.late} late; {overview.waiting} in no epoch yet"
    )
    print_facts(
        [
            ("epoch", f"{epoch.id} ({epoch.status}), {epoch.window}"),
            ("sources", _sources_text(review)),
            ("events", how_many),
            ("unresolved", f"{counted(summary.unresolved, 'event')} of {_accounts_text(review.unresolved)}"),
            ("pool", _pool_text(review)),
        ]
    )
    for stream in review.streams[:SHOWN]:
        if stream.state not in {StreamState.COMPLETE, StreamState.EARLY}:
            say(f"  {stream.state.upper()} {stream.name} {stream.sentence}")
    click.echo()
    _print_people(review)
    _print_changes(review, look)
    _print_decisions(review)
    _print_unresolved(review)
    _print_next(review)


def bar(units: int, most: int, cells: int = BAR_CELLS) -> str:
    """Return a bar of a share of the most: nothing for nothing, and at least one cell for anything."""
    if units <= 0 or most <= 0:
        return ""
    encoding = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "")
    return ("\N{FULL BLOCK}" if is_terminal() and encoding == "utf8" else "#") * max(1, units * cells // most)


def signed_units(milli_units: int) -> str:
    """Return 1500 milli-units as `+1.500`."""
    sign = "-" if milli_units < 0 else "+"
    return f"{sign}{units_text(abs(milli_units))}"


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"


def _accounts_text(accounts: Sequence[UnresolvedAccount]) -> str:
    count = len(accounts)
    return f"{count} or more accounts" if count == MOST_UNRESOLVED else f"{count} account{'s' * (count != 1)}"


def _sources_text(review: Review) -> str:
    if not review.streams:
        return "none is known"
    counted = {state: sum(each.state is state for each in review.streams) for state in StreamState}
    return ", ".join(
        f"{count} {state}"
        if state in {StreamState.COMPLETE, StreamState.EARLY}
        else f"{count} {state.upper()}"
        for state, count in counted.items()
        if count
    )


def _pool_text(review: Review) -> str:
    components = review.overview.components
    if not components:
        return "none yet"
    parts = ", ".join(f"{part.component_id} {part.amount_credits}" for part in components[:SHOWN])
    more = f", and {len(components) - SHOWN} more" if len(components) > SHOWN else ""
    return f"{review.overview.pool_credits} credits: {parts}{more}"


def _print_people(review: Review) -> None:
    units = review.units
    if not units:
        click.echo("nobody has units yet")
        return
    paid = {line.user_id: line.amount_credits for line in review.overview.payouts}
    before = {} if review.last_week is None else review.last_week[1]
    ranked = sorted(units, key=lambda user: (-units[user], user))
    most = units[ranked[0]]
    corrected = review.overview.corrections
    set_by_hand = {row.user_id for row in review.overrides} - corrected.keys()
    print_table(
        ["person", "", "units", "week before", "credits"],
        [
            (
                user,
                bar(units[user], most),
                units_text(units[user]) + ("+" if user in corrected else "*" if user in set_by_hand else ""),
                units_text(before[user]) if user in before else "-",
                paid.get(user, 0),
            )
            for user in ranked[:SHOWN_PEOPLE]
        ],
        numbers=["units", "week before", "credits"],
        whole=[""],
    )
    rest = ranked[SHOWN_PEOPLE:]
    if rest:
        click.echo(
            f"and {len(rest)} more people with {units_text(sum(units[user] for user in rest))} units,"
            f" {sum(paid.get(user, 0) for user in rest)} credits"
        )
    if set_by_hand:
        click.echo("* set by an admin")
    if corrected:
        click.echo("+ set when the statement was amended")


def _print_changes(review: Review, look: Look | None) -> None:
    if review.last_week is not None:
        epoch_id, before = review.last_week
        _print_units(f"since the week before (epoch {epoch_id})", changed_units(before, review.units))
    if look is not None:
        _print_since(since_look(review, look))


def _print_since(since: SinceLook) -> None:
    title = f"since you looked at {since.at}"
    moved = [f"{since.counts[key]:+d} {name}" for key, name in _COUNTED.items() if since.counts[key]]
    if moved:
        say(f"{title}: {', '.join(moved)}")
    elif since.is_nothing and since.decisions is not None:
        say(f"{title}: nothing changed")
    elif not since.has_other_allocations:
        say(f"{title}: no count, pool or units changed")
    if since.people is not None and since.has_other_allocations:
        _print_units(title, since.people)
    streams, decisions = since.streams or (), since.decisions or ()
    for stream in streams[:SHOWN]:
        say(f"  stream {stream.stream} {stream.before or 'not there'} -> {stream.after or 'not there'}")
    _print_more(len(streams), "--json lists them")
    for decision in decisions[:SHOWN]:
        say(f"  decided: {decision_text(decision)}")
    _print_more(len(decisions), f"--json lists {'them' if since.is_all else 'the newest'}")


def _print_units(title: str, changes: Sequence[UnitsChange]) -> None:
    if not changes:
        say(f"{title}: nobody's units changed")
        return
    told = [f"{each.user_id} {signed_units(each.difference)}{_came(each)}" for each in changes[:SHOWN]]
    if len(changes) > SHOWN:
        told.append(f"and {len(changes) - SHOWN} more people")
    say(f"{title}: {', '.join(told)}")


def _came(change: UnitsChange) -> str:
    return " (new)" if change.before is None else " (gone)" if change.after is None else ""


def _print_decisions(review: Review) -> None:
    corrections = list(review.overview.corrections.values())
    for made in corrections[:SHOWN]:
        say(f"amended: {made.user_id} {units_text(made.units)} by {made.amended_by}: {made.reason}")
    _print_more(len(corrections), f"ledger allocation list {review.overview.epoch.id}")
    for row in review.overrides[:SHOWN]:
        assert row.final_units is not None
        say(
            f"set: {row.user_id} {units_text(row.proposed_units)} -> {units_text(row.final_units)}"
            f" by {row.override_by or 'somebody'}: {row.override_reason}"
        )
    _print_more(len(review.overrides), f"ledger allocation list {review.overview.epoch.id}")
    for each in review.judged.newest[:SHOWN]:
        decision = each.decision
        how = "excluded" if not each.included else f"weighs {units_text(each.weight_override_milli or 0)}"
        by = (
            ""
            if decision is None
            else f" by {decision.by or 'somebody'}: {decision.reason or 'no reason kept'}"
        )
        say(f"{how}: {each.fact.event_id}{by}")
    _print_more(review.judged.excluded + review.judged.weighed, "--json lists the newest")
    for late in review.late[:SHOWN]:
        say(
            f"late: {counted(late.events, 'event')} of {_people(late.people)} from epoch {late.from_epoch_id}"
        )
    _print_more(len(review.late), "--json lists them")


def _print_more(count: int, where: str) -> None:
    if count > SHOWN:
        click.echo(f"  and {count - SHOWN} more: {where}")


def _print_unresolved(review: Review) -> None:
    for found in review.unresolved[:SHOWN]:
        account = found.account
        login = "" if account.login is None else f" ({account.login})"
        say(
            f"nobody's: {account.provider} {account.external_id or 'gone'}{login}, {counted(account.events, 'event')}"
        )
        for each in found.suggestions:
            like = each.account
            say(
                f"  perhaps {each.user_id}'s: {_LIKENESS[each.likeness]} as {like.provider} {like.external_id}"
            )
            if account.external_id is not None:
                words = ("identity", "bind", "--", account.provider, account.external_id, each.user_id)
                say(f"    {shlex.join(('ledger', *words))}")
    _print_more(len(review.unresolved), f"ledger identity unresolved --epoch {review.overview.epoch.id}")


def _print_next(review: Review) -> None:
    overview = review.overview
    epoch = overview.epoch
    click.echo(f"allocations {overview.allocation_set_hash}")
    if not epoch.is_open:
        click.echo(f"statement   {overview.statement_hash}")
        return
    for number, step in enumerate(next_steps(review)):
        say(f"{'or' if number else 'next'}: {step.why}")
        lines = option_lines(step.command) if len(step.command) > _WHOLE_COMMAND else [step.command]
        click.echo(" \\\n".join(f"    {printable(line)}" for line in lines))


def option_lines(command: str) -> list[str]:
    """Return a command with each of its options on a line of its own; what is quoted stays whole."""
    lines: list[list[str]] = [[]]
    for word in shlex.split(command):
        if word.startswith("--"):
            lines.append([])
        lines[-1].append(shlex.quote(word))
    return [" ".join(words) for words in lines]

"""A review on one screen: the first of everything, how many more there are, and what to do next."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import Final

import click

from ledger_core.domain.identity_suggestion import Likeness
from ledger_core.domain.pool import BASE_ISSUANCE
from scheduler_worker.cli.last_look import Look
from scheduler_worker.cli.output import is_terminal, print_facts, print_table, say, units_text
from scheduler_worker.cli.review_facts import (
    MOST_UNRESOLVED,
    Review,
    StreamState,
    UnitsChange,
    UnresolvedAccount,
    changed_units,
)

SHOWN_PEOPLE: Final = 15
SHOWN: Final = 5  # of anything else
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
        f" {review.judged.weighed} re-weighted, {summary.late} late; {overview.waiting} wait"
    )
    print_facts(
        [
            ("epoch", f"{epoch.id} ({epoch.status}), {epoch.window}"),
            ("sources", _sources_text(review)),
            ("events", how_many),
            ("unresolved", f"{summary.unresolved} events of {_accounts_text(review.unresolved)}"),
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
    if look is None:
        return
    now, pool = review.overview.summary, review.overview.pool_credits
    moved = [
        f"{after - before:+d} {name}"
        for name, before, after in (
            ("events", look.events, now.events),
            ("late", look.late, now.late),
            ("unresolved", look.unresolved, now.unresolved),
            ("excluded", look.excluded, review.judged.excluded),
            ("credits in the pool", look.pool_credits, pool),
        )
        if after != before
    ]
    title = f"since you looked at {look.at}"
    if moved:
        say(f"{title}: {', '.join(moved)}")
    elif look.allocation_set_hash == review.overview.allocation_set_hash:
        say(f"{title}: no count, pool or units changed")
    if look.units is not None and look.allocation_set_hash != review.overview.allocation_set_hash:
        _print_units(title, changed_units(look.units, review.units))


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
        say(f"late: {late.events} events of {late.people} people from epoch {late.from_epoch_id}")
    _print_more(len(review.late), "--json lists them")


def _print_more(count: int, where: str) -> None:
    if count > SHOWN:
        click.echo(f"  and {count - SHOWN} more: {where}")


def _print_unresolved(review: Review) -> None:
    for found in review.unresolved[:SHOWN]:
        account = found.account
        login = "" if account.login is None else f" ({account.login})"
        say(f"nobody's: {account.provider} {account.external_id or 'gone'}{login}, {account.events} events")
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
    if any(stream.state is StreamState.INCOMPLETE for stream in review.streams):
        say(f"next: ledger epoch collect, or ledger gap waive {epoch.id} STREAM --reason WHY")
    elif any(
        stream.state in {StreamState.FAILING, StreamState.BEHIND, StreamState.NEVER}
        for stream in review.streams
    ):
        say("next: ledger epoch collect; ledger status says what fails")
    elif not any(part.component_id == BASE_ISSUANCE for part in overview.components):
        say(f"next: ledger pool add {epoch.id} base_issuance CREDITS")
    else:
        click.echo(f"next: ledger epoch finalize {epoch.id} \\")
        click.echo(f"    --reviewed {overview.allocation_set_hash}")

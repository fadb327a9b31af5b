"""`ledger policy`: try other weights on the past."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from ledger_core.domain.concentration import TOPS, Concentration
from ledger_core.errors import LedgerError
from scheduler_worker.cli.command_group import CommandGroup
from scheduler_worker.cli.output import (
    json_option,
    print_facts,
    print_json,
    print_table,
    say,
    time_text,
    units_text,
)
from scheduler_worker.cli.progress import Progress, Watch
from scheduler_worker.cli.session import current_policy, open_reader
from scheduler_worker.policy import read_policy
from scheduler_worker.policy_trials import PolicyTrial, TriedEpoch, TriedPerson, try_weights

MAX_EPOCHS: Final = 520  # ten years of weeks
SHOWN_PEOPLE: Final = 40  # a screen; --json has everybody
CANNOT_KNOW: Final = (
    "what people would have done under other weights: they are told to people, and people heed them",
    "what admins would have decided: units that they set, and weights of single events, stay as they are",
    "what nobody collected: kinds of events that were not read then are in no epoch, whatever they weigh now",
)


class PolicyOfAnotherNode(LedgerError):
    """The weights to try are in the policy of another ledger."""

    code = "policy-of-another-node"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} has another node_id than the policy in use: try a copy of that, with other weights"
        )


@click.group(cls=CommandGroup)
def policy() -> None:
    """Try other weights on the past."""


@policy.command("try")
@click.argument("candidate", metavar="NEW.toml", type=click.Path(path_type=Path))
@click.option(
    "--epochs",
    type=click.IntRange(1, MAX_EPOCHS),
    default=8,
    show_default=True,
    help="The latest closed epochs to try it on.",
)
@json_option
@click.pass_obj
def try_(config: Path | None, candidate: Path, epochs: int, as_json: bool) -> None:
    """Say what closed epochs would have paid under other weights.

    NEW.toml is a policy like ledger.toml, of which [weights] is tried. Events,
    people, decisions and pools are as they stand, and the arithmetic is that of
    a close. Nothing is written.

    \b
    Examples:
      ledger policy try new.toml
      ledger policy try new.toml --epochs 26 --json
    """
    in_use, other = current_policy(config), read_policy(candidate)
    if other.node_id != in_use.node_id:
        raise PolicyOfAnotherNode(candidate)
    with Progress(is_quiet=as_json) as progress, open_reader(config) as reader:
        trial = try_weights(reader, other.weights, epochs=epochs, watcher=Watch(progress, "trying"))
    if as_json:
        print_json(_trial_json(trial, other.weights))
    elif not trial.epochs:
        click.echo("no epoch is closed yet: there is nothing to try weights on")
    else:
        _print_trial(trial, other.weights)


def _print_trial(trial: PolicyTrial, weights: Mapping[str, int]) -> None:
    _print_weights(trial, weights)
    print_table(
        ["epoch", "from", "pool", "moved", "gini then", "gini now"],
        [
            (
                found.epoch_id,
                found.window.period_start.date(),
                found.pool_credits,
                found.moved,
                found.concentration_before.gini[:5],
                found.concentration_after.gini[:5],
            )
            for found in trial.epochs
        ],
        numbers=["epoch", "pool", "moved", "gini then", "gini now"],
    )
    click.echo()
    changed = [person for person in trial.people if person.delta or person.rank_before != person.rank_after]
    if changed:
        print_table(
            ["person", "then", "now", "change", "rank"],
            [_person_row(person) for person in changed[:SHOWN_PEOPLE]],
            numbers=["then", "now", "change"],
        )
        click.echo()
    if len(changed) > SHOWN_PEOPLE:
        say(f"{len(changed) - SHOWN_PEOPLE} more people change; --json has everybody")
    say(f"{len(changed)} of {len(trial.people)} people change, {_moved(trial)} credits in all")
    print_facts(_concentration_facts(trial))
    overridden = sum(found.overridden_people for found in trial.epochs)
    say(f"units that admins set, {overridden} times in these epochs, stay as they are")
    for sentence in CANNOT_KNOW:
        say(f"not known: {sentence}")


def _print_weights(trial: PolicyTrial, weights: Mapping[str, int]) -> None:
    """Print what differs from the newest tried epoch's weights."""
    newest = trial.epochs[-1]
    differing = _differing(newest.weights, weights)
    if differing:
        print_table(
            ["kind of event", f"epoch {newest.epoch_id}", "now"],
            [(rule, _weight(newest.weights, rule), _weight(weights, rule)) for rule in differing],
            numbers=[f"epoch {newest.epoch_id}", "now"],
        )
    else:
        say(f"the weights are those of epoch {newest.epoch_id}")
    if any(found.weights != newest.weights for found in trial.epochs):
        say("earlier epochs were pinned to other weights than that one")
    click.echo()


def _differing(then: Mapping[str, int], now: Mapping[str, int]) -> list[str]:
    return [rule for rule in sorted({*then, *now}) if then.get(rule) != now.get(rule)]


def _weight(weights: Mapping[str, int], rule: str) -> str:
    return units_text(weights[rule]) if rule in weights else "none"


def _person_row(person: TriedPerson) -> tuple[object, ...]:
    rank = (
        str(person.rank_after)
        if person.rank_before == person.rank_after
        else f"{person.rank_before} to {person.rank_after}"
    )
    return person.user_id, person.before, person.after, f"{person.delta:+d}", rank


def _concentration_facts(trial: PolicyTrial) -> list[tuple[str, object]]:
    before, after = trial.concentration_before, trial.concentration_after
    tops = zip(TOPS, before.top_shares, after.top_shares, strict=True)
    return [
        ("Gini", f"{before.gini} then, {after.gini} now"),
        *((f"top {top}", f"{then} then, {now} now") for top, then, now in tops),
    ]


def _moved(trial: PolicyTrial) -> int:
    return sum(max(0, person.delta) for person in trial.people)


def _trial_json(trial: PolicyTrial, weights: Mapping[str, int]) -> dict[str, Any]:
    """Return a trial for machines; credits and weights are whole numbers, shares and Gini are texts."""
    return {
        "weights": dict(weights),
        "epochs": [_epoch_json(found) for found in trial.epochs],
        "people": [_person_json(person) for person in trial.people],
        "concentration_before": _concentration_json(trial.concentration_before),
        "concentration_after": _concentration_json(trial.concentration_after),
        "not_known": list(CANNOT_KNOW),
    }


def _epoch_json(found: TriedEpoch) -> dict[str, Any]:
    return {
        "epoch_id": found.epoch_id,
        "period_start": time_text(found.window.period_start),
        "period_end": time_text(found.window.period_end),
        "weights": dict(found.weights),
        "pool_credits": found.pool_credits,
        "before": found.before,
        "after": found.after,
        "moved": found.moved,
        "overridden_people": found.overridden_people,
        "concentration_before": _concentration_json(found.concentration_before),
        "concentration_after": _concentration_json(found.concentration_after),
    }


def _person_json(person: TriedPerson) -> dict[str, Any]:
    return {
        "user_id": person.user_id,
        "before": person.before,
        "after": person.after,
        "delta": person.delta,
        "rank_before": person.rank_before,
        "rank_after": person.rank_after,
        "by_epoch": [{"before": before, "after": after} for before, after in person.by_epoch],
    }


def _concentration_json(found: Concentration) -> dict[str, Any]:
    shares = {f"top_{top}": share for top, share in zip(TOPS, found.top_shares, strict=True)}
    return {"people": found.people, "gini": found.gini, **shares}

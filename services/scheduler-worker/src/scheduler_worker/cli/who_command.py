"""`ledger identity who`: everything that is known of a login, an address, an account or a user."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from ledger_core.domain.identity import IdentityEvent
from ledger_core.errors import LedgerError
from ledger_core.identifiers import UserId, check_identifier
from ledger_core.ports.ledger import LedgerView
from ledger_core.ports.review_reader import NamedAccount, UserInEpoch
from scheduler_worker.cli.output import (
    counted,
    json_option,
    print_json,
    print_table,
    say,
    seconds_text,
    time_text,
    units_text,
)
from scheduler_worker.cli.session import reading

MOST_ACCOUNTS: Final = 50
MOST_USERS: Final = 10
MOST_HISTORY: Final = 100
MOST_EPOCHS: Final = 12  # in each of them a statement is looked into


class NobodyNamed(LedgerError):
    """No user, account or login is called so."""

    code = "nobody-named"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"no user, account or login is called {name}; `ledger identity unresolved` lists who is nobody's"
        )


@click.command()
@click.argument("name", metavar="NAME")
@json_option
@click.pass_obj
def who(config: Path | None, name: str, as_json: bool) -> None:
    """Tell everything that is known of a login, an address or a user.

    Users with their accounts, the history of those, and the newest epochs with
    units and credits; and accounts that are called so and are nobody's.

    \b
    Examples:
      ledger identity who ada@example.org
      ledger identity who ada --json
    """
    check_identifier("name", name)
    with reading(config) as view:
        accounts = view.review.accounts_named(name, limit=MOST_ACCOUNTS)
        known = view.identities.find_user(UserId(name))
        named = {each.user_id for each in accounts if each.user_id is not None}
        users = sorted(named | ({known} if known is not None else set()))
        found = {
            "name": name,
            "users": [_user(view, user) for user in users[:MOST_USERS]],
            "more_users": max(0, len(users) - MOST_USERS),
            "unbound_accounts": [_unbound(view, each) for each in accounts if each.user_id is None],
        }
    if not found["users"] and not found["unbound_accounts"]:
        raise NobodyNamed(name)
    if as_json:
        print_json(found)
    else:
        _print(found)


def _user(view: LedgerView, user_id: UserId) -> dict[str, Any]:
    bindings = view.evidence.bindings_of(user_id, limit=MOST_ACCOUNTS)
    return {
        "user_id": user_id,
        "accounts": [{"provider": each.provider, "account": each.external_id} for each in bindings],
        "history": [_event(each) for each in view.evidence.history_of_user(user_id, limit=MOST_HISTORY)],
        "epochs": [_epoch(each) for each in view.review.epochs_of_user(user_id, limit=MOST_EPOCHS)],
    }


def _unbound(view: LedgerView, account: NamedAccount) -> dict[str, Any]:
    history = view.evidence.history_of_identity(account.provider, account.external_id, limit=MOST_HISTORY)
    return {
        "provider": account.provider,
        "account": account.external_id,
        "login": account.login,
        "events": account.events,
        "history": [_event(each) for each in history],
    }


def _event(event: IdentityEvent) -> dict[str, Any]:
    return {
        "change": event.change.value,
        "provider": event.binding.provider,
        "account": event.binding.external_id,
        "user_id": event.binding.user_id,
        "at": time_text(event.at),
        "actor": event.context.actor,
        "reason": event.context.reason,
    }


def _epoch(held: UserInEpoch) -> dict[str, Any]:
    epoch, allocation, correction = held.epoch, held.allocation, held.correction
    return {
        "epoch_id": epoch.id,
        "status": epoch.status.value,
        "period_start": time_text(epoch.window.period_start),
        "period_end": time_text(epoch.window.period_end),
        "credits": held.amount_credits,
        "units": held.units,
        "proposed_units": 0 if allocation is None else allocation.proposed_units,
        "final_units": None if allocation is None else allocation.final_units,
        "corrected_units": None if correction is None else correction.units,
    }


def _print(found: dict[str, Any]) -> None:
    for number, user in enumerate(found["users"]):
        if number:
            click.echo()
        say(f"user {user['user_id']}")
        if not user["accounts"]:
            say("no account is bound to this user now")
        for each in user["accounts"]:
            say(f"  {each['provider']} {each['account']}")
        _print_epochs(user["epochs"])
        _print_history(user["history"])
    if found["more_users"]:
        say(f"and {found['more_users']} more users")
    for each in found["unbound_accounts"]:
        login = "" if each["login"] is None else f" (login {each['login']})"
        say(f"nobody's: {each['provider']} {each['account']}{login}, {counted(each['events'], 'event')}")
        _print_history(each["history"])


def _print_epochs(epochs: list[dict[str, Any]]) -> None:
    if not epochs:
        return
    print_table(
        ["epoch", "from", "status", "units", "set", "credits"],
        [
            (
                each["epoch_id"],
                each["period_start"][:10],
                each["status"],
                units_text(each["units"]),
                _set_by(each),
                "-" if each["credits"] is None else each["credits"],
            )
            for each in epochs
        ],
        numbers=["epoch", "units", "credits"],
    )


def _set_by(epoch: dict[str, Any]) -> str:
    if epoch["corrected_units"] is not None:
        return "by an amendment"
    return "-" if epoch["final_units"] is None else "by an admin"


def _print_history(history: list[dict[str, Any]]) -> None:
    for each in history:
        why = "" if each["reason"] is None else f": {each['reason']}"
        say(
            f"  {seconds_text(each['at'])} {each['change']} {each['provider']} {each['account']}"
            f" ({each['user_id']}) by {each['actor']}{why}"
        )

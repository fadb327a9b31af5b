"""`ledger explain` and `ledger trace`: why a person got what they got, and what became of an event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from ledger_core.errors import LedgerError
from ledger_core.explanation import (
    BundleFacts,
    EventTrace,
    LedgerFacts,
    UserExplanation,
    explain_user,
    read_trace_facts,
    trace_event,
    verified_bundle,
)
from ledger_core.explanation.activity import MAX_SHOWN_EVENTS
from ledger_core.explanation.as_json import explanation_json
from ledger_core.explanation.trace_lines import trace_lines
from ledger_core.explanation.user_lines import Line, user_lines
from ledger_core.identifiers import EpochId, UserId, check_identifier
from ledger_core.ports.ledger import LedgerView
from scheduler_worker.cli.arguments import HASH, epoch_argument, epoch_unless
from scheduler_worker.cli.output import (
    fold,
    has_colours,
    is_terminal,
    json_option,
    output_width,
    print_json,
    printable,
    say,
)
from scheduler_worker.cli.session import reading
from scheduler_worker.cli.verify_command import BundleUnreadable

DEFAULT_LIMIT: Final = 20
_MOST_CALLED: Final = 10  # accounts of one name
_SHOWN_OWNERS: Final = 5
_BUNDLE: Final = "--bundle"

bundle_option = click.option(
    _BUNDLE, type=click.Path(path_type=Path), metavar="FILE", help="Ask a bundle, instead of the ledger."
)
expect_option = click.option(
    "--expect", metavar="HASH", type=HASH, help="With --bundle: its statement hash as published."
)


class AccountOfSeveral(LedgerError):
    """An account or a login is, or was, more than one user's."""

    code = "account-of-several"

    def __init__(self, name: str, owners: Sequence[str]) -> None:
        named = ", ".join(owners[:_SHOWN_OWNERS]) + (" and others" if len(owners) > _SHOWN_OWNERS else "")
        super().__init__(f"{name} is or was an account of {named}: say which of them")


@click.command(cls=epoch_unless(_BUNDLE))
@epoch_argument
@click.argument("user_id", metavar="USER")
@bundle_option
@expect_option
@click.option(
    "--limit",
    type=click.IntRange(0, MAX_SHOWN_EVENTS),
    default=DEFAULT_LIMIT,
    show_default=True,
    help="Events of each kind to list.",
)
@json_option
@click.pass_obj
def explain(
    config: Path | None,
    user_id: str,
    bundle: Path | None,
    expect: str | None,
    limit: int,
    as_json: bool,
    epoch_id: int = 0,
) -> None:
    """Explain a person's credits in an epoch, down to the last, or why none.

    USER is a user, or an account or login that is one user's alone.

    Of an open epoch it is a preview. With --bundle there is no EPOCH to say, and
    neither server nor ledger.toml is asked: the bundle is verified first. The
    same without this program: python -m ledger_core.explanation user FILE USER

    \b
    Examples:
      ledger explain 7 ada
      ledger explain 7 ada --limit 500 --json
      ledger explain --bundle epoch-7.zip ada
    """
    check_identifier("user id", user_id)
    verified = None
    if bundle is None:
        _check_expects_bundle(expect)
        with reading(config) as view:
            epoch = view.epochs.get(EpochId(epoch_id))
            user = _user_called(view, user_id, was_its_own=not epoch.is_open)
            found = explain_user(LedgerFacts(view, epoch.id), user, limit=limit)
        if user != user_id and not as_json:
            say(f"{user_id} stands for {user}")
    else:
        with _opened(bundle, expect) as facts:
            verified = facts.summary.statement_hash
            found = explain_user(facts, user_id, limit=limit)
    _print(found, user_lines(found), verified, as_json=as_json)


@click.command()
@click.argument("event_id", metavar="EVENT")
@bundle_option
@expect_option
@json_option
@click.pass_obj
def trace(config: Path | None, event_id: str, bundle: Path | None, expect: str | None, as_json: bool) -> None:
    """Trace an event into its statement, or say why it is in none.

    The same from a bundle without this program:
    python -m ledger_core.explanation event FILE EVENT

    \b
    Examples:
      ledger trace git:commit:acme/web:0a1b...
      ledger trace --bundle epoch-7.zip git:commit:acme/web:0a1b... --json
    """
    check_identifier("event id", event_id)
    verified = None
    if bundle is None:
        _check_expects_bundle(expect)
        with reading(config) as view:
            found = trace_event(read_trace_facts(view, event_id))
    else:
        with _opened(bundle, expect) as facts:
            verified = facts.summary.statement_hash
            found = trace_event(facts.trace_facts(event_id))
    _print(found, trace_lines(found), verified, as_json=as_json)


def _user_called(view: LedgerView, name: str, *, was_its_own: bool) -> str:
    """Return the user of that id; where there is none, whose account or login it is, if it is one user's alone.

    Holds:  of what is past, that it is one user's now is not enough: it never was another's.
    Raises: AccountOfSeveral.
    """
    if view.identities.find_user(UserId(name)) is not None:
        return name
    accounts = view.review.accounts_named(name, limit=_MOST_CALLED)
    if len(accounts) == _MOST_CALLED:
        return name  # there may be more of them, and of others
    owners = {each.user_id for each in accounts if each.user_id is not None}
    if was_its_own:
        owners |= view.evidence.users_ever_bound([(each.provider, each.external_id) for each in accounts])
    if len(owners) > 1:
        raise AccountOfSeveral(name, sorted(owners))
    return owners.pop() if owners else name


@contextmanager
def _opened(path: Path, expect: str | None) -> Iterator[BundleFacts]:
    try:
        with verified_bundle(path, expected_hash=expect) as facts:
            yield facts
    except OSError as error:
        raise BundleUnreadable(path, error) from error


def _check_expects_bundle(expect: str | None) -> None:
    if expect is not None:
        raise click.UsageError("--expect needs --bundle")


def _print(
    found: UserExplanation | EventTrace, lines: Iterable[Line], verified: str | None, *, as_json: bool
) -> None:
    if as_json:
        print_json({"verified": verified, "explanation": explanation_json(found)})
        return
    if verified is not None:
        click.echo(f"verified {verified}")
        click.echo()
    _print_lines(lines)


def _print_lines(lines: Iterable[Line]) -> None:
    """Print lines: folded to the terminal's width on one, each whole elsewhere; other people's text is inert."""
    width = output_width() if is_terminal() else None
    is_bold = has_colours()
    for number, line in enumerate(lines):
        if line.is_heading and number:
            click.echo()
        text = printable(line.text)
        folded = [" " * line.indent + text] if width is None else fold(text, width, line.indent)
        for part in folded:
            click.echo(click.style(part, bold=True) if line.is_heading and is_bold else part)

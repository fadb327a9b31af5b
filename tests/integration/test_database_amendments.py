"""AMENDMENT_SUPERSEDES: plain SQL against amendments; each attack has its twin that goes through."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.ledger_history import DECIDED, SOME_HASH, Attacked, attacked_database, close, statement

pytestmark = pytest.mark.xdist_group("database amendments")

CLOSED = {"epoch": "%(closed)s", "total": "1050", "supersedes": "%(closed_statement)s"}
SUPERSEDED = "(SELECT statement_hash FROM payout_statements WHERE id = %(closed_statement)s)"


@pytest.fixture(scope="module", params=["superuser", "plain owner"])
def attacked(
    request: pytest.FixtureRequest, postgres_url: str, admin_engine: Engine, template_database: str
) -> Iterator[Attacked]:
    with attacked_database(postgres_url, admin_engine, template_database, attacker=request.param) as database:
        yield database


def amendment(decided: str, *, supersedes: str = SUPERSEDED) -> str:
    return statement(**CLOSED, amendment=f"jsonb_build_object('supersedes', {supersedes}, {decided})")


def correcting(correction: str) -> str:
    return amendment(f"'reason', 'why', 'amended_by', 'ann', 'corrections', '[{correction}]'::jsonb")


WHOLE = '{"user_id": "ann", "units": "8000", "reason": "why", "amended_by": "bob"}'


@pytest.mark.parametrize("script", [statement(**CLOSED), amendment(DECIDED), correcting(WHOLE)])
def test_a_whole_amendment_is_stored(attacked: Attacked, script: str) -> None:
    assert attacked.rows_allowed(script) == 1


@pytest.mark.parametrize(
    "script",
    {
        "another statement's hash": amendment(DECIDED, supersedes="%(latest_hash)s"),
        "no statement's hash": amendment(DECIDED, supersedes=SOME_HASH),
        "no hash": amendment(DECIDED, supersedes="NULL"),
        "no reason": amendment("'amended_by', 'ann', 'corrections', '[]'::jsonb"),
        "an empty reason": amendment(DECIDED.replace("why", "")),
        "a blank reason": amendment(DECIDED.replace("why", "  ")),
        "nobody": amendment(DECIDED.replace("ann", "")),
        "no name": amendment("'reason', 'why', 'corrections', '[]'::jsonb"),
        "no list": amendment(DECIDED.replace("[]", "{}")),
        "no corrections": amendment("'reason', 'why', 'amended_by', 'ann'"),
        "a correction of nobody": correcting(WHOLE.replace('"ann"', "null")),
        "units that are a number": correcting(WHOLE.replace('"8000"', "8000")),
        "units below zero": correcting(WHOLE.replace("8000", "-1")),
        "units above all": correcting(WHOLE.replace("8000", "9223372036854775808")),
        "a user twice": correcting(f"{WHOLE}, {WHOLE}"),
        "units that are none": correcting(WHOLE.replace("8000", "many")),
        "a correction without a reason": correcting(WHOLE.replace('"why"', "null")),
        "a correction by nobody": correcting(WHOLE.replace(', "amended_by": "bob"', "")),
        "a correction that is a text": correcting('"ann"'),
        "no object": statement(**CLOSED, amendment="'[]'::jsonb"),
        "other events": statement(**CLOSED, activity=SOME_HASH),
        "other streams": statement(**CLOSED, completeness="'[1]'::jsonb"),
        "another epoch's statement": statement(**CLOSED | {"epoch": "%(latest)s", "total": "1000"}),
    }.items(),
    ids=lambda pair: pair[0],
)
def test_amendment_supersedes(attacked: Attacked, script: tuple[str, str]) -> None:
    """AMENDMENT_SUPERSEDES: named, reasoned, signed with a name, and nothing but allocations."""
    assert attacked.refusal(script[1]) == "AMENDMENT_SUPERSEDES"


@pytest.mark.parametrize("format_", ["1", "2", "4"])
def test_an_amendment_has_its_own_format(attacked: Attacked, format_: str) -> None:
    """AMENDMENT_SUPERSEDES: no other statement is one, and none is another."""
    rules = {"ck_payout_statements_amendment", "ck_payout_statements_completeness"}
    assert attacked.refusal(statement(**CLOSED, format_=format_)) in rules


def test_a_statement_that_supersedes_none_is_no_amendment(attacked: Attacked) -> None:
    """AMENDMENT_SUPERSEDES: what closes an epoch corrects nothing."""
    written = f"jsonb_build_object('supersedes', {SOME_HASH}, {DECIDED})"

    for format_ in ("1", "3"):
        attack = close() + statement(amendment=written, format_=format_)
        assert attacked.refusal(attack) == "ck_payout_statements_amendment"


def test_amendments_of_an_epoch_follow_one_another(attacked: Attacked) -> None:
    """AMENDMENT_SUPERSEDES: of two that supersede the same statement, none would be the last word."""
    other = "repeat('b', 64)"
    an_id = "'00000000-0000-0000-0000-00000000000a'"
    first = statement(**CLOSED, id_=an_id)
    second = statement(**CLOSED | {"supersedes": an_id}, hash_=other, previous=SOME_HASH)
    fork = statement(**CLOSED, hash_=other, previous=SOME_HASH)

    assert attacked.rows_allowed(first + second) == 1
    assert attacked.refusal(first + fork) == "statement_superseded_once"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE payout_statements SET amendment_json = NULL, format = 'ledger-statement/1'",
        "UPDATE payout_statements SET supersedes_statement_id = NULL",
        "DELETE FROM payout_statements",
    ],
)
def test_what_was_superseded_stays_as_it_was(attacked: Attacked, change: str) -> None:
    """EPOCH_CLOSED_FOREVER: an amendment is no way to be rid of a statement."""
    assert attacked.refusal(change) == "EPOCH_CLOSED_FOREVER"

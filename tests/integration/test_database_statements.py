"""Statements form one chain, one an epoch: plain SQL against the chain, corrections and signatures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.ledger_history import SIGNER, SOME_HASH, Attacked, attacked_database, close, statement

pytestmark = pytest.mark.xdist_group("database statements")

AN_ID = "'00000000-0000-0000-0000-000000000001'"
OTHER_HASH = "repeat('b', 64)"
BOB = f"0x{'b' * 40}"
ANOTHER = f"0x{'6' * 128}1b"
SIGNATURE = "INSERT INTO statement_signatures (node_id, statement_id, signer_wallet, signature, signed_at)"
# A correction of the first epoch's statement, as it may be.
CORRECTION = {"epoch": "%(closed)s", "total": "1050", "supersedes": "%(closed_statement)s"}
RING = """
    INSERT INTO payout_statements (id, node_id, epoch_id, format, activity_set_hash, allocation_set_hash,
        pool_total_credits, payouts_json, statement_hash, previous_statement_hash, supersedes_statement_id,
        created_at)
    VALUES
        ({one}, %(node)s, %(closed)s, '', '', '', 1050, '[]', repeat('a', 64), {first_previous}, {two}, now()),
        ({two}, %(node)s, %(closed)s, '', '', '', 1050, '[]', repeat('b', 64), repeat('a', 64), {one}, now())
"""


@pytest.fixture(scope="module", params=["superuser", "plain owner"])
def attacked(
    request: pytest.FixtureRequest, postgres_url: str, admin_engine: Engine, template_database: str
) -> Iterator[Attacked]:
    with attacked_database(postgres_url, admin_engine, template_database, attacker=request.param) as database:
        yield database


def ring(*, first_previous: str) -> str:
    return RING.format(one=AN_ID, two=AN_ID.replace("1", "2"), first_previous=first_previous)


@pytest.mark.parametrize(
    "attack",
    [
        statement(),
        statement(previous="NULL"),
        close() + statement(total="499"),
        close() + statement(total="0"),
        close() + statement(epoch="-1"),
        close() + statement(epoch="%(foreign_open)s"),
    ],
)
def test_a_statement_is_of_a_closed_epoch_and_its_pool(attacked: Attacked, attack: str) -> None:
    """STATEMENT_OF_CLOSED_EPOCH, POOL_REPRODUCIBLE: there is none of an open epoch, or of another pool."""
    assert attacked.refusal(attack) == "STATEMENT_OF_CLOSED_EPOCH"


@pytest.mark.parametrize(
    ("attack", "rule"),
    [
        (statement(epoch="%(closed)s", total="1050"), "epoch_close_idempotent"),
        (statement(epoch="%(latest)s", total="1000"), "epoch_close_idempotent"),
        (
            close() + statement() + statement(hash_=OTHER_HASH, previous=SOME_HASH),
            "epoch_close_idempotent",
        ),
        (close() + statement(hash_="%(closed_hash)s"), "uq_payout_statements_node_id_statement_hash"),
        (close() + statement(hash_="'ABC'"), "ck_payout_statements_statement_hash"),
        (close() + statement(hash_="upper(repeat('a', 64))"), "ck_payout_statements_statement_hash"),
        (close() + statement(hash_="repeat('a', 64) || chr(10)"), "ck_payout_statements_statement_hash"),
        (close() + statement(hash_="NULL"), "NOT NULL statement_hash"),
        (
            close() + statement(node="%(neighbour)s", previous="%(foreign_hash)s"),
            "fk_payout_statements_epochs",
        ),
    ],
)
def test_an_epoch_has_one_statement_with_one_hash(attacked: Attacked, attack: str, rule: str) -> None:
    """EPOCH_CLOSE_IDEMPOTENT, NODE_SCOPED: whoever finalizes finds the statement that there is."""
    assert attacked.refusal(attack) == rule


@pytest.mark.parametrize(
    ("attack", "rule"),
    [
        (close() + statement(previous="%(closed_hash)s"), "statement_chain_linear"),
        (close() + statement(previous="NULL"), "statement_chain_linear"),
        (close() + statement(previous=OTHER_HASH), "STATEMENT_CHAIN_LINEAR"),
        (close() + statement(previous=SOME_HASH), "STATEMENT_CHAIN_LINEAR"),
        (close() + statement(previous="%(foreign_hash)s"), "STATEMENT_CHAIN_LINEAR"),
        (ring(first_previous=OTHER_HASH), "AMENDMENT_SUPERSEDES"),
    ],
)
def test_statements_form_one_chain(attacked: Attacked, attack: str, rule: str) -> None:
    """STATEMENT_CHAIN_LINEAR, NODE_SCOPED: one first, one successor each, no ring, nobody else's."""
    assert attacked.refusal(attack) == rule


@pytest.mark.parametrize(
    ("attack", "rule"),
    [
        (close() + statement(id_=AN_ID, supersedes=AN_ID), "AMENDMENT_SUPERSEDES"),
        (close() + statement(supersedes="%(latest_statement)s"), "AMENDMENT_SUPERSEDES"),
        (close() + statement(supersedes="%(foreign_statement)s"), "AMENDMENT_SUPERSEDES"),
        (statement(**CORRECTION | {"epoch": "%(latest)s", "total": "1000"}), "AMENDMENT_SUPERSEDES"),
        (statement(**CORRECTION | {"total": "1051"}), "STATEMENT_OF_CLOSED_EPOCH"),
        (statement(**CORRECTION | {"supersedes": AN_ID}), "AMENDMENT_SUPERSEDES"),
        (ring(first_previous="%(latest_hash)s"), "AMENDMENT_SUPERSEDES"),
        (
            statement(**CORRECTION) + statement(**CORRECTION, hash_=OTHER_HASH, previous=SOME_HASH),
            "statement_superseded_once",
        ),
    ],
)
def test_a_correction_supersedes_the_epochs_own_statement_once(
    attacked: Attacked, attack: str, rule: str
) -> None:
    """STATEMENT_OF_CLOSED_EPOCH, AMENDMENT_SUPERSEDES, NODE_SCOPED: none closes an epoch, and one is the last word."""
    assert attacked.refusal(attack) == rule


def test_a_correction_is_the_next_in_the_chain(attacked: Attacked) -> None:
    """EPOCH_CLOSED_FOREVER: the old statement stays, and the new one names it."""
    assert attacked.rows_allowed(statement(**CORRECTION)) == 1
    assert attacked.rows_allowed(close() + statement()) == 1


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        (
            f"%(node)s, %(closed_statement)s, '{SIGNER}', '{ANOTHER}'",
            "uq_statement_signatures_statement_id_signer_wallet",
        ),
        (f"%(node)s, {AN_ID}, '{BOB}', '{ANOTHER}'", "fk_statement_signatures_payout_statements"),
        (
            f"%(neighbour)s, %(closed_statement)s, '{BOB}', '{ANOTHER}'",
            "fk_statement_signatures_payout_statements",
        ),
        (f"%(node)s, %(closed_statement)s, '{BOB}', NULL", "NOT NULL signature"),
        *(
            (
                f"%(node)s, %(closed_statement)s, '{signer}', '{ANOTHER}'",
                "ck_statement_signatures_signer_wallet",
            )
            for signer in ("0xbob", BOB.upper(), BOB[:-1], f"{BOB}0", BOB[2:], f"{BOB}\n", "")
        ),
        *(
            (f"%(node)s, %(closed_statement)s, '{BOB}', '{signature}'", "ck_statement_signatures_signature")
            for signature in (
                "s",
                ANOTHER.upper(),
                ANOTHER[:-1],
                f"{ANOTHER}0",
                "",
                f"{ANOTHER}\n",
                f"{ANOTHER[:-2]}02",
            )
        ),
    ],
)
def test_a_wallet_signs_a_statement_of_its_node_once(attacked: Attacked, values: str, rule: str) -> None:
    """EPOCH_CLOSED_FOREVER, NODE_SCOPED: a signature is neither replaced nor put under nothing."""
    assert attacked.refusal(f"{SIGNATURE} VALUES ({values}, now())") == rule

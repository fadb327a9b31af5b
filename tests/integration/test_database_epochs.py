"""How an epoch lives: plain SQL against its window, weights, state and statement."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.ledger_history import Attacked, attacked_database, close, component, statement

pytestmark = pytest.mark.xdist_group("database epochs")

EPOCH = "epochs (node_id, period_start, period_end, weight_config, opened_at)"


def opened(start: str, end: str, *, node: str = "%(quiet)s", weights: str = "'{}'") -> str:
    window = f"timestamptz '{start}', timestamptz '{end}'"
    return f"INSERT INTO {EPOCH} VALUES ({node}, {window}, {weights}, now())"


@pytest.fixture(scope="module", params=["superuser", "plain owner"])
def attacked(
    request: pytest.FixtureRequest, postgres_url: str, admin_engine: Engine, template_database: str
) -> Iterator[Attacked]:
    with attacked_database(postgres_url, admin_engine, template_database, attacker=request.param) as database:
        yield database


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE epochs SET status = 'open' WHERE id = %(closed)s",
        "UPDATE epochs SET status = 'open', pool_total_credits = NULL, closed_at = NULL WHERE id = %(closed)s",
        "UPDATE epochs SET status = status WHERE id = %(closed)s",
        "UPDATE epochs SET pool_total_credits = pool_total_credits + 1 WHERE id = %(closed)s",
        "UPDATE epochs SET closed_at = now() WHERE id = %(closed)s",
        "UPDATE epochs SET weight_config = '{}' WHERE id = %(closed)s",
        "UPDATE epochs SET period_end = period_end + interval '1 day' WHERE id = %(latest)s",
        "UPDATE epochs SET id = -id WHERE id = %(quiet_closed)s",
        "UPDATE epochs SET node_id = %(quiet)s WHERE id = %(latest)s",
        "DELETE FROM epochs WHERE id = %(closed)s",
        "DELETE FROM epochs",
        (
            f"INSERT INTO {EPOCH} SELECT node_id, period_start, period_end, '{{}}', now() FROM epochs"
            " WHERE id = %(closed)s ON CONFLICT (node_id, period_start, period_end)"
            " DO UPDATE SET status = 'open', pool_total_credits = NULL, closed_at = NULL"
        ),
        (
            "MERGE INTO epochs USING (SELECT 1) AS one ON id = %(closed)s"
            " WHEN MATCHED THEN UPDATE SET status = 'open', pool_total_credits = NULL, closed_at = NULL"
        ),
        "MERGE INTO epochs USING (SELECT 1) AS one ON id = %(quiet_closed)s WHEN MATCHED THEN DELETE",
        close() + statement() + "UPDATE epochs SET closed_at = now() WHERE id = %(open)s",
        close() + "DELETE FROM epochs WHERE id = %(open)s",
        (
            f"INSERT INTO {EPOCH[:-1]}, status, pool_total_credits, closed_at)"
            " VALUES (%(quiet)s, now(), now() + interval '1 day', '{}', now(), 'closed', 0, now())"
        ),
    ],
)
def test_a_closed_epoch_stays_as_it_is(attacked: Attacked, attack: str) -> None:
    """EPOCH_CLOSED_FOREVER: neither reopened, nor changed, nor deleted, nor made up."""
    assert attacked.refusal(attack) == "EPOCH_CLOSED_FOREVER"


@pytest.mark.parametrize(
    "weights",
    [
        "'{}'",
        "weight_config || '{\"github:pr_merged\": 8001}'",
        "weight_config || '{\"git:commit\": 1}'",
        "weight_config - 'github:pr_merged'",
        # Equal to jsonb, and a float to whoever reads it.
        "weight_config || '{\"github:pr_merged\": 8000.0}'",
    ],
)
@pytest.mark.parametrize("closing", ["", ", status = 'closed', pool_total_credits = 500, closed_at = now()"])
def test_an_open_epoch_keeps_its_weights(attacked: Attacked, weights: str, closing: str) -> None:
    """WEIGHT_PINNING, WEIGHTS_INTEGER_ONLY: to the letter, also while it closes."""
    attack = f"UPDATE epochs SET weight_config = {weights}{closing} WHERE id = %(open)s"

    assert attacked.refusal(attack) == "WEIGHT_PINNING"


@pytest.mark.parametrize(
    "change",
    [
        "period_start = period_start - interval '1 microsecond'",
        "period_end = period_end + interval '1 day'",
        "period_end = 'infinity'",
        "opened_at = now()",
        "created_at = now()",
        "node_id = %(quiet)s",
        "id = DEFAULT",
        "period_end = period_end + interval '1 day', status = 'closed', pool_total_credits = 500, closed_at = now()",
    ],
)
def test_an_open_epoch_keeps_its_window(attacked: Attacked, change: str) -> None:
    """EPOCH_WINDOW_UNIQUE: what an epoch is of is settled when it opens."""
    assert attacked.refusal(f"UPDATE epochs SET {change} WHERE id = %(open)s") == "EPOCH_WINDOW_UNIQUE"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("pool_total_credits = 500", "ck_epochs_closed_has_result"),
        ("closed_at = now()", "ck_epochs_closed_has_result"),
        ("status = 'closed'", "ck_epochs_closed_has_result"),
        ("status = 'closed', closed_at = now()", "ck_epochs_closed_has_result"),
        ("status = 'closed', pool_total_credits = 500", "ck_epochs_closed_has_result"),
        ("status = 'ajar'", "ck_epochs_status"),
        ("status = NULL", "NOT NULL status"),
        ("status = 'closed', pool_total_credits = 499, closed_at = now()", "POOL_REPRODUCIBLE"),
        ("status = 'closed', pool_total_credits = 501, closed_at = now()", "POOL_REPRODUCIBLE"),
        ("status = 'closed', pool_total_credits = 0, closed_at = now()", "POOL_REPRODUCIBLE"),
        ("status = 'closed', pool_total_credits = -500, closed_at = now()", "POOL_REPRODUCIBLE"),
    ],
)
def test_an_epoch_closes_with_exactly_its_pool(attacked: Attacked, change: str, rule: str) -> None:
    """POOL_REPRODUCIBLE, EPOCH_CLOSED_FOREVER: it has a result when it is closed, and none before."""
    assert attacked.refusal(f"UPDATE epochs SET {change} WHERE id = %(open)s") == rule


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
def test_an_epoch_does_not_close_on_an_old_snapshot(attacked: Attacked, isolation: str) -> None:
    """POOL_REPRODUCIBLE: a snapshot from before the lock may lack a component that stands by then."""
    setting = f"SET TRANSACTION ISOLATION LEVEL {isolation};"

    assert attacked.refusal(setting + close() + statement()) == "POOL_REPRODUCIBLE"


def test_a_pool_beyond_the_largest_bigint_closes_nothing(attacked: Attacked) -> None:
    """POOL_REPRODUCIBLE, ALL_MATH_BIGINT: the sum neither wraps nor saturates."""
    too_much = component("9223372036854775807") + component("9223372036854775807", component="kpi_bonus_v0")

    for total in ("9223372036854775807", "500", "498", "-2"):
        assert attacked.refusal(too_much + close(total=total)) == "POOL_REPRODUCIBLE"


@pytest.mark.parametrize("funding", ["", component("7", node="%(neighbour)s", epoch="%(foreign_open)s")])
def test_an_epoch_without_a_base_issuance_does_not_close(attacked: Attacked, funding: str) -> None:
    """POOL_REQUIRES_BASE: another component does not do."""
    total = "7" if funding else "0"

    attack = funding + close(total=total, epoch="%(foreign_open)s")

    assert attacked.refusal(attack) == "POOL_REQUIRES_BASE"


@pytest.mark.parametrize(
    "attack",
    [
        close(),
        "BEGIN;" + close(),
        close() + "SAVEPOINT before;" + statement() + "ROLLBACK TO before;",
        (
            close()
            + "SAVEPOINT before;"
            + statement()
            + "SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK TO before; SET CONSTRAINTS ALL DEFERRED;"
        ),
        "DO $$ BEGIN " + close() + " EXCEPTION WHEN OTHERS THEN NULL; END $$",
    ],
)
def test_an_epoch_without_a_statement_is_not_closed_at_commit(attacked: Attacked, attack: str) -> None:
    """STATEMENT_OF_CLOSED_EPOCH: the close and its statement are kept together, or neither."""
    assert attacked.refusal_at_commit(attack) == "STATEMENT_OF_CLOSED_EPOCH"


def test_a_legal_close_goes_through(attacked: Attacked) -> None:
    """The attacks here fail for what is wrong with them: without it, they would succeed."""
    assert attacked.rows_allowed(close() + statement()) == 1
    assert (
        attacked.rows_allowed(
            component("0", component="base_issuance", node="%(neighbour)s", epoch="%(foreign_open)s")
            + close(total="0", epoch="%(foreign_open)s")
            + statement(
                node="%(neighbour)s", epoch="%(foreign_open)s", total="0", previous="%(foreign_hash)s"
            )
        )
        == 1
    )


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-16Z", "2026-11-23Z"),
        ("2026-11-09Z", "2026-11-16T00:00:00.000001Z"),
        ("2026-11-22T23:59:59.999999Z", "2026-11-30Z"),
        ("2026-11-18Z", "2026-11-19Z"),
        ("2026-11-02Z", "2026-12-07Z"),
        ("-infinity", "infinity"),
        ("2026-11-16T09:00:00+09:00", "2026-11-23T09:00:00+09:00"),
    ],
)
def test_windows_of_a_node_share_no_instant(attacked: Attacked, start: str, end: str) -> None:
    """EPOCH_WINDOWS_DISJOINT, EPOCH_WINDOW_UNIQUE: not by a microsecond, in whatever zone it is written."""
    assert attacked.refusal(opened(start, end)) in {"epoch_windows_disjoint", "epoch_window_unique"}


@pytest.mark.parametrize(
    ("start", "end"), [("2026-11-09Z", "2026-11-16Z"), ("2026-11-23Z", "2026-11-23T00:00:00.000001Z")]
)
def test_windows_may_touch(attacked: Attacked, start: str, end: str) -> None:
    """EPOCH_WINDOWS_DISJOINT: the end is no part of a window."""
    assert attacked.rows_allowed(opened(start, end)) == 1


@pytest.mark.parametrize(
    ("start", "end"),
    [("2027-01-11Z", "2027-01-04Z"), ("2027-01-04Z", "2027-01-04Z"), ("infinity", "-infinity")],
)
def test_a_window_ends_after_it_starts(attacked: Attacked, start: str, end: str) -> None:
    """EPOCH_WINDOWS_DISJOINT: an empty window would overlap nothing, and hold nothing."""
    assert attacked.refusal(opened(start, end)) == "ck_epochs_period_order"


def test_a_node_has_one_open_epoch(attacked: Attacked) -> None:
    """ONE_OPEN_EPOCH, NODE_SCOPED: however far away its window, and whoever else has one open."""
    far = ("2030-01-07Z", "2030-01-14Z")
    further = opened("2031-01-06Z", "2031-01-13Z")

    assert attacked.refusal(opened(*far, node="%(node)s")) == "one_open_epoch"
    assert attacked.refusal(f"{opened(*far)}; {further}") == "one_open_epoch"
    assert attacked.refusal(f"{opened(*far)}, {further.partition('VALUES')[2]}") == "one_open_epoch"
    assert attacked.rows_allowed(opened(*far)) == 1


def test_one_epoch_makes_way_for_the_next_in_one_transaction(attacked: Attacked) -> None:
    """ONE_OPEN_EPOCH: a closed epoch is none."""
    following = opened("2026-12-07Z", "2026-12-14Z", node="%(node)s")

    assert attacked.rows_allowed(close() + statement() + following) == 1


@pytest.mark.parametrize(
    "weights",
    [
        '{"git:commit": 1.5}',
        '{"git:commit": 8000.0}',
        '{"git:commit": 0.0}',
        '{"git:commit": 1e-3}',
        '{"git:commit": -1}',
        '{"git:commit": 1000000000001}',
        '{"git:commit": 9999999999999999}',
        '{"git:commit": 1e16}',
        '{"git:commit": 1e300}',
        '{"git:commit": "8000"}',
        '{"git:commit": true}',
        '{"git:commit": null}',
        '{"git:commit": [8000]}',
        '{"git:commit": {"weight": 8000}}',
        '{"git:commit": 8000, "git:tag": 1.5}',
        "[]",
        "[8000]",
        "8000",
        '"8000"',
        "null",
    ],
)
def test_weights_are_whole_numbers(attacked: Attacked, weights: str) -> None:
    """WEIGHTS_INTEGER_ONLY: no float, text, list or object, and nothing that a JSON reader would round."""
    attack = opened("2030-01-07Z", "2030-01-14Z", weights="%(weights)s")

    assert attacked.refusal(attack, weights=weights) == "WEIGHTS_INTEGER_ONLY"


@pytest.mark.parametrize(
    "weights", ["{}", '{"git:commit": 0}', '{"git:commit": 1000000000000}', '{"git:commit": 8e3}']
)
def test_whole_weights_are_kept_exactly(attacked: Attacked, weights: str) -> None:
    """WEIGHTS_INTEGER_ONLY: from 0 to 2^53-1, both included."""
    attack = opened("2030-01-07Z", "2030-01-14Z", weights="%(weights)s")

    assert attacked.rows_allowed(attack, weights=weights) == 1


def test_an_epoch_without_weights_is_none(attacked: Attacked) -> None:
    """WEIGHT_PINNING: there is nothing to fall back on."""
    attack = opened("2030-01-07Z", "2030-01-14Z", weights="NULL")

    assert attacked.refusal(attack) == "NOT NULL weight_config"

"""GAP_BLOCKS_CLOSE, READINGS_APPEND_ONLY: plain SQL against what was read, what was waived, and the close on it.

Each attack has its twin that goes through: so it is the rule that refuses.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.ledger_history import Attacked, attacked_database, close, statement

pytestmark = pytest.mark.xdist_group("database completeness")

COLUMNS = (
    "node_id, period_start, period_end, source, source_ref, stream, retrieved_at, certificate, problem, gap,"
    " gap_when_over"
)
G, F, E = (f'\'{{"gap": "{name}"}}\'' for name in "gfe")
AGREES = """'{"counts": [{"seen": 2, "independent": 2}]}'"""
DIFFERS = """'{"counts": [{"seen": 1, "independent": 1}, {"seen": 2, "independent": 3}]}'"""
CLOSES = close() + statement()


def reading(
    certificate: str = "NULL",
    problem: str = "NULL",
    gap: str = "NULL",
    when_over: str | None = None,
    *,
    at: str = "period_end",
    stream: str = "pulls",
) -> str:
    """Record a reading for the open epoch's window."""
    return (
        f"INSERT INTO stream_readings ({COLUMNS}) SELECT node_id, period_start, period_end, 'github', 'acme/widgets',"
        f" '{stream}', {at}, {certificate}, {problem}, {gap}, {gap if when_over is None else when_over}"
        " FROM epochs WHERE id = %(open)s;"
    )


def waiver(gap: str, *, epoch: str = "%(open)s", node: str = "%(node)s", stream: str = "pulls") -> str:
    """Waive a gap of the open epoch."""
    return (
        "INSERT INTO gap_waivers (node_id, epoch_id, source, source_ref, stream, gap, reason, waived_by, waived_at)"
        f" VALUES ({node}, {epoch}, 'github', 'acme/widgets', '{stream}', {gap}, 'why', 'ann', now());"
    )


COMPLETE, GAP, FAILED = reading(AGREES), reading(DIFFERS, gap=G), reading(problem="'lost'", gap=F)
EARLY = reading(AGREES, when_over=E, at="period_start")


@pytest.fixture(scope="module", params=["superuser", "plain owner"])
def attacked(
    request: pytest.FixtureRequest, postgres_url: str, admin_engine: Engine, template_database: str
) -> Iterator[Attacked]:
    with attacked_database(postgres_url, admin_engine, template_database, attacker=request.param) as database:
        yield database


@pytest.mark.parametrize(
    "before",
    {
        "counts that differ": GAP,
        "a reading that failed": FAILED,
        "a later reading that failed": COMPLETE + FAILED,
        "one stream of two": COMPLETE + reading(DIFFERS, gap=G, stream="issues"),
        "a waiver of another gap": GAP + waiver(F),
        "a waiver of another stream": GAP + waiver(G, stream="issues"),
        "a waiver of another epoch": GAP + waiver(G, node="%(neighbour)s", epoch="%(foreign_open)s"),
        "a waiver of what was before": GAP + waiver(G) + FAILED,
    }.items(),
    ids=lambda pair: pair[0],
)
def test_gap_blocks_close(attacked: Attacked, before: tuple[str, str]) -> None:
    assert attacked.refusal(before[1] + CLOSES) == "GAP_BLOCKS_CLOSE"


@pytest.mark.parametrize(
    "before",
    {
        "no reading": "",
        "a complete one": COMPLETE,
        "a later complete one": GAP + FAILED + COMPLETE,
        "a waiver": GAP + waiver(G),
        "a waiver, and the same gap again": GAP + waiver(G) + FAILED + GAP,
    }.items(),
    ids=lambda pair: pair[0],
)
def test_without_a_gap_it_closes(attacked: Attacked, before: tuple[str, str]) -> None:
    assert attacked.rows_allowed(before[1] + CLOSES) == 1


def test_gap_blocks_close_of_a_window_that_is_over_when_it_was_read_before(attacked: Attacked) -> None:
    over = CLOSES.replace("closed_at = now()", "closed_at = period_end")
    going_on = CLOSES.replace("closed_at = now()", "closed_at = period_start")

    assert attacked.refusal(EARLY + over) == "GAP_BLOCKS_CLOSE"
    assert attacked.rows_allowed(EARLY + waiver(E) + over) == 1
    assert attacked.rows_allowed(EARLY + going_on) == 1


@pytest.mark.parametrize(
    ("script", "rule"),
    [
        (reading(DIFFERS), "ck_stream_readings_gap_of_certificate"),
        (reading(AGREES, gap=G), "ck_stream_readings_gap_of_certificate"),
        (reading(problem="'lost'"), "ck_stream_readings_gap_of_certificate"),
        (reading(DIFFERS, gap=G, when_over="'{\"o\": 1}'"), "ck_stream_readings_gap_when_over"),
        (reading(AGREES, at="period_start"), "ck_stream_readings_gap_when_over"),
        (reading(AGREES, when_over=E), "ck_stream_readings_gap_when_over"),
        (reading(), "ck_stream_readings_certificate_or_problem"),
        (reading(DIFFERS, problem="'lost'", gap=G), "ck_stream_readings_certificate_or_problem"),
    ],
)
def test_gap_blocks_close_whatever_a_writer_says_of_its_figures(
    attacked: Attacked, script: str, rule: str
) -> None:
    assert attacked.refusal(script) == rule


@pytest.mark.parametrize("table", ["stream_readings", "gap_waivers"])
@pytest.mark.parametrize("write", ["UPDATE {} SET stream = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
def test_readings_append_only(attacked: Attacked, table: str, write: str) -> None:
    assert attacked.refusal(write.format(table)) == "READINGS_APPEND_ONLY"


def test_gap_waived_once(attacked: Attacked) -> None:
    assert attacked.refusal(waiver(G) + waiver(G)) == "gap_waived_once"


def test_a_statement_says_in_its_format_whether_streams_were_counted(attacked: Attacked) -> None:
    second = statement().replace("ledger-statement/1", "ledger-statement/2")

    assert attacked.refusal(close() + second) == "ck_payout_statements_completeness"

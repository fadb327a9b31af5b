"""`ledger policy try` on a real database: what would have been paid, and nothing is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine

from db_client.postgres_ledger import PostgresLedger
from ledger_core import WeightConfig
from ledger_core.identifiers import NodeId
from ledger_core.testing import InMemoryLedger
from ledger_core.use_cases.try_policy import try_policy
from scheduler_worker.cli.app import run
from tests.command_line import COLUMNS, controls_in
from tests.conftest import TestDatabase
from tests.database_contents import contents_of
from tests.report_world import WEIGHTS, live

OTHER = WeightConfig({**WEIGHTS, "github:review": 9_000, "gitlab:note": 500})


def write_policy(path: Path, node_id: object, weights: WeightConfig) -> Path:
    lines = "".join(f'"{rule}" = {weight}\n' for rule, weight in weights.items())
    path.write_text(f'node_id = "{node_id}"\n[weights]\n{lines}')
    return path


@pytest.fixture
def folder(
    fresh_database: TestDatabase, node_id: NodeId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder with the policy in use, and the same and another to try."""
    monkeypatch.setenv("LEDGER_CONFIG", str(write_policy(tmp_path / "ledger.toml", node_id, WEIGHTS)))
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_database.reader_url)
    write_policy(tmp_path / "other.toml", node_id, OTHER)
    return tmp_path


def prints(capsys: pytest.CaptureFixture[str], *words: object, status: int = 0) -> tuple[str, str]:
    assert run(["policy", "try", *map(str, words)]) == status
    captured = capsys.readouterr()
    assert controls_in(captured.out) == []
    return captured.out, captured.err


def test_other_weights_are_tried_on_what_is_stored_and_nothing_is_written(
    folder: Path,
    postgres_ledger: PostgresLedger,
    owner_engine: Engine,
    node_id: NodeId,
    capsys: pytest.CaptureFixture[str],
) -> None:
    live(postgres_ledger)
    memory = InMemoryLedger(node_id)
    live(memory)
    before = contents_of(owner_engine)

    found = json.loads(prints(capsys, folder / "other.toml", "--epochs", 3, "--json")[0])
    printed, _ = prints(capsys, folder / "other.toml", "--epochs", 3)

    assert contents_of(owner_engine) == before
    with memory.read() as view:
        expected = try_policy(view, OTHER, epochs=3)
    assert [(it["user_id"], it["delta"], it["rank_before"], it["rank_after"]) for it in found["people"]] == [
        (it.user_id, it.delta, it.rank_before, it.rank_after) for it in expected.people
    ]
    assert [(it["epoch_id"], it["before"], it["after"], it["moved"]) for it in found["epochs"]] == [
        (it.epoch_id, it.before, it.after, it.moved) for it in expected.epochs
    ]
    assert sum(it["delta"] for it in found["people"]) == 0
    assert found["concentration_after"]["gini"] == expected.concentration_after.gini
    assert found["weights"] == dict(OTHER)
    assert len(found["not_known"]) == 3
    assert "github:review" in printed
    assert f"top 3   {found['concentration_before']['top_3']} then" in printed
    assert "not known: what people would have done" in printed
    words = [line for line in printed.splitlines() if not line.startswith(("not known", "units that"))]
    assert [line for line in words if len(line) > COLUMNS] == []


def test_the_weights_of_the_past_change_nothing(
    folder: Path, postgres_ledger: PostgresLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    live(postgres_ledger)

    found = json.loads(prints(capsys, folder / "ledger.toml", "--json")[0])
    printed, _ = prints(capsys, folder / "ledger.toml")

    assert {person["delta"] for person in found["people"]} == {0}
    assert "the weights are those of epoch 4" in printed
    assert f"0 of {len(found['people'])} people change, 0 credits in all" in printed


def test_what_can_not_be_tried_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], node_id: NodeId
) -> None:
    other_node = write_policy(folder / "theirs.toml", str(node_id).replace("6f", "7f", 1), OTHER)

    assert (
        prints(capsys, folder / "other.toml")[0]
        == "no epoch is closed yet: there is nothing to try weights on\n"
    )
    assert prints(capsys, other_node, status=1)[1].startswith("ledger: policy-of-another-node: ")
    assert prints(capsys, folder / "none.toml", status=2)[1].startswith("ledger: policy-unreadable: ")
    (folder / "wrong.toml").write_text(f'node_id = "{node_id}"\n[weights]\n"git:commit" = 1.5\n')
    assert prints(capsys, folder / "wrong.toml", status=2)[1].startswith("ledger: policy-invalid: ")
    assert prints(capsys, folder / "other.toml", "--epochs", 0, status=2)[1].startswith("ledger: usage: ")

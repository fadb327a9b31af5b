"""A node to operate: a migrated database, a namespace, a repository and a policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger_core import NodeId
from tests.command_line import write_weeks
from tests.conftest import TestDatabase
from tests.operating.operated import OperatedNode

POLICY = """\
node_id = "{node_id}"
[weights]
"git:commit_authored" = 1000
"git:commit_coauthored" = 500
[pool]
base_issuance_credits = 1000
[schedule]
every = "7d"
[[sources.git]]
name = "acme/web"
path = "repository"
branch = "main"
"""


@pytest.fixture
def operated_node(
    fresh_database: TestDatabase, temporal_address: str, namespace: str, node_id: NodeId, tmp_path: Path
) -> OperatedNode:
    repository = write_weeks(tmp_path / "repository", weeks=1, commits_a_week=10)
    policy = tmp_path / "ledger.toml"
    policy.write_text(POLICY.format(node_id=node_id), encoding="utf-8")
    settings = {
        "LEDGER_CONFIG": str(policy),
        "LEDGER_DATABASE_URL": fresh_database.worker_url,
        "LEDGER_ACTOR": "an admin",
        "TEMPORAL_ADDRESS": temporal_address,
        "TEMPORAL_NAMESPACE": namespace,
    }
    return OperatedNode(settings, repository)

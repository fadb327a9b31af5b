"""`python -m tests.workflow.record_histories --add`: play every path on servers of our own, and keep the new ones.

Runs of a path that is recorded already must go on as they are, so those stay. Without --add all are recorded
anew: for before a release, as no run of it exists yet.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from uuid import UUID

from temporalio.api.history.v1 import History
from temporalio.client import WorkflowHistory

from db_client.engine import create_ledger_engine
from db_client.migrate import upgrade_schema
from db_client.postgres_ledger import PostgresLedger
from ledger_core import NodeId
from scheduler_worker.local.postgres import local_postgres
from scheduler_worker.local.temporal import local_temporal
from tests.readable_histories import anonymous, readable
from tests.temporal_runtime import KEYS
from tests.workflow.ledger_runs import Runtime
from tests.workflow.recorded_stories import play_every_path

HISTORIES: Final = Path(__file__).parents[1] / "histories"
SUFFIX: Final = ".json.gz"
NAMESPACE: Final = "recording"


def read_histories() -> dict[str, WorkflowHistory]:
    """Return the recorded histories by `Workflow.path`."""
    return {
        file.name.removesuffix(SUFFIX): WorkflowHistory.from_json(
            file.name, gzip.decompress(file.read_bytes()).decode()
        )
        for file in sorted(HISTORIES.glob(f"*{SUFFIX}"))
    }


def write_histories(histories: dict[str, WorkflowHistory]) -> None:
    """Write one file a path."""
    HISTORIES.mkdir(exist_ok=True)
    for path, history in histories.items():
        text = json.dumps(json.loads(history.to_json()), separators=(",", ":"))
        (HISTORIES / f"{path}{SUFFIX}").write_bytes(gzip.compress(text.encode(), mtime=0))


def main() -> None:
    """Record."""
    recorded = set(read_histories()) if sys.argv[1:] == ["--add"] else set()
    with (
        TemporaryDirectory(prefix="ledger-recording-") as folder,
        local_postgres(Path(folder, "data"), durable=False) as postgres,
        local_temporal(None, ui=False, namespaces=[NAMESPACE]) as temporal,
    ):
        engine = create_ledger_engine(postgres.url, application_name="ledger-recording")
        upgrade_schema(engine)
        runtime = Runtime(
            address=temporal.address,
            namespace=NAMESPACE,
            ledger=PostgresLedger(engine, NodeId(UUID(int=1))),
            owner_engine=engine,
        )
        hidden = play_every_path(runtime)
        engine.dispose()
    histories = {
        path: anonymous(asyncio.run(readable(history, KEYS)))
        for path, history in hidden.items()
        if path not in recorded
    }
    write_histories(histories)
    for path, history in sorted(histories.items()):
        size = History(events=history.events).ByteSize()
        print(f"{path}: {len(history.events)} events, {size} bytes")


if __name__ == "__main__":
    main()

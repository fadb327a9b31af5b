"""No name, e-mail address or secret stands in Temporal: not in any history of any path of any workflow."""

from __future__ import annotations

import asyncio

from scheduler_worker.worker import create_replayer
from tests.readable_histories import plain_payloads, raw_bytes, readable
from tests.temporal_runtime import KEYS
from tests.workflow.ledger_runs import Runtime
from tests.workflow.record_histories import read_histories
from tests.workflow.recorded_stories import NAMES, play_every_path

OF_THE_SERVER = {
    b'"ACTIVITY_ID_NOT_STARTED"'
}  # it says so of an activity that was cancelled between attempts


def test_no_history_holds_a_name_and_whoever_has_the_key_reads_and_replays_them_all(runtime: Runtime) -> None:
    """PAYLOADS_HIDDEN: arguments, reports, failures, heartbeats, summaries and ids, in all that the server keeps."""
    histories = play_every_path(runtime)
    opened = {path: asyncio.run(readable(history, KEYS)) for path, history in histories.items()}

    for path, history in histories.items():
        content = raw_bytes(history)
        assert [name for name in NAMES if name in content] == [], path
        assert b"Traceback" not in content, path
        assert b"acme/" not in content, path
        assert plain_payloads(history) <= OF_THE_SERVER, path
    # They are there for whoever has the key, so the search above could have found them.
    assert all(any(name in raw_bytes(history) for history in opened.values()) for name in NAMES[:4])
    for history in opened.values():
        asyncio.run(create_replayer().replay_workflow(history))
    assert set(histories) <= set(read_histories()), "python -m tests.workflow.record_histories --add"

"""No process of ours ends in a crash, although the SDK's native threads would let some (sdk-python#300).

A short form runs with the suite; the whole one, of 200 commands and 50 stops, by

    LEDGER_EXITS=200,50 uv run pytest -n 0 -s tests/operating/test_clean_exits.py
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.command_line import run_program
from tests.operating.operated import OperatedNode

SHORT_FORM = "12,3"
AT_ONCE = 4
COMMANDS, STOPS = (int(number) for number in os.environ.get("LEDGER_EXITS", SHORT_FORM).split(","))


@pytest.mark.timeout(3_600)
def test_commands_and_stopped_workers_end_with_their_status(operated_node: OperatedNode) -> None:
    """Each command connects to Temporal, and half of them end in a refusal of its."""

    def command(number: int) -> tuple[str, int]:
        words = ("schedule", "show") if number % 2 else ("schedule", "pause", "--reason", "look")
        ended = run_program(*words, settings=operated_node.settings)
        return ended.errors if ended.status not in (0, 1) else " ".join(words[:2]), ended.status

    def stop(number: int) -> tuple[str, int]:
        name = ("SIGTERM", "SIGINT")[number % 2]
        with operated_node.worker() as worker:
            worker.await_event("worker_started")
            return f"worker {name}", worker.stop(signal.Signals[name])

    with ThreadPoolExecutor(AT_ONCE) as crowd:
        ended = Counter([*crowd.map(command, range(COMMANDS)), *crowd.map(stop, range(STOPS))])

    print(sorted(ended.items()))
    assert {ending for ending in ended if ending[1] not in (0, 1)} == set()
    assert all(status == (0 if "worker" in what else 1) for what, status in ended), ended
    assert sum(ended.values()) == COMMANDS + STOPS

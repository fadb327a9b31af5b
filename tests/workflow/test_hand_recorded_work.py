"""Hand-recorded work through a worker: collected, changed, refused by line, and never silently."""

from __future__ import annotations

import json
from pathlib import Path

from ledger_core.testing import FixedClock
from scheduler_worker.sources.jsonl.jsonl_source import JsonlSource
from tests.workflow.ledger_runs import LedgerRuns, Runtime


def line(name: str, *, person: str = "ada", day: int = 16) -> str:
    record = {
        "id": name,
        "event_type": "talk_given",
        "event_time": f"2026-11-{day}T15:00:00Z",
        "platform_user_id": person,
    }
    return json.dumps(record) + "\n"


def test_a_file_is_collected_and_every_change_and_bad_line_of_it_is_told(
    runtime: Runtime, tmp_path: Path
) -> None:
    path = tmp_path / "work.jsonl"
    path.write_text(line("one") + line("two", day=17))

    async def story(runs: LedgerRuns) -> None:
        first = (await runs.collect()).streams[0]
        path.write_text(line("one", person="eve") + line("two", day=17) + line("three", day=18))
        changed = (await runs.collect()).streams[0]
        with path.open("a") as file:
            file.write(line("four", day=19) + "nonsense\n" + line("five", day=20))
        stopped = await runs.collect()
        before_the_bad_line = runtime.event_ids()
        path.write_text(path.read_text().replace("nonsense\n", line("mended", day=19)))
        mended = (await runs.collect()).streams[0]

        assert (first.inserted, first.conflicts, dict(first.skipped), first.complete) == (2, 0, {}, True)
        assert (changed.inserted, changed.duplicates, changed.conflicts) == (1, 1, 1)
        assert (dict(changed.skipped), changed.complete) == ({"file-changed": 1}, True)
        assert not stopped.complete
        assert stopped.streams[0].problem == "jsonl-line-not-json: community, line 5: it is not JSON"
        assert (mended.inserted, mended.conflicts, dict(mended.skipped), mended.complete) == (2, 0, {}, True)
        assert "jsonl:work:community:four" in before_the_bad_line
        assert runtime.event_ids() == sorted(
            f"jsonl:work:community:{name}" for name in ("one", "two", "three", "four", "mended", "five")
        )

    runtime.play(story, JsonlSource(name="community", path=path, clock=FixedClock()))

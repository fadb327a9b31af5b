from __future__ import annotations

from ledger_core.testing import MONDAY, ScriptedSource, make_event, make_window
from scheduler_worker.workflow_ids import collect_workflow_id
from tests.readable_histories import raw_bytes, readable
from tests.temporal_runtime import KEYS
from tests.workflow.ledger_runs import PULLS, LedgerRuns, Runtime, pages_of

MARKER = "a text that no history may hold"
MAIL_DOMAIN = "people.example.org"
EVENTS = 10_000
MAX_HISTORY_BYTES = 100_000


async def opened_content(runs: LedgerRuns) -> bytes:
    """Return all that a history holds for whoever has the keys: no event enters even a hidden payload."""
    handle = runs.client.get_workflow_handle(collect_workflow_id(make_window()))
    return raw_bytes(await readable(await handle.fetch_history(), KEYS))


def test_the_history_of_ten_thousand_events_is_small_and_names_nobody(runtime: Runtime) -> None:
    """No event enters a history: Temporal is no place for personal data."""
    events = [
        make_event(
            number, at=MONDAY, account=f"ann{number}@{MAIL_DOMAIN}", metadata={"title": f"{MARKER} {number}"}
        )
        for number in range(EVENTS)
    ]
    source = ScriptedSource({PULLS: pages_of(events, size=1_000)})
    source.fail(PULLS, page=5, error=KeyError("bug"))

    async def story(runs: LedgerRuns) -> None:
        report = await runs.collect()
        content = await opened_content(runs)

        assert report.curated is not None
        assert report.curated.events == runtime.count("activity_events") == EVENTS
        assert len(content) < MAX_HISTORY_BYTES
        assert b"acme/widgets" in content  # opened, payloads are readable, so what is absent is absent
        assert MARKER.encode() not in content
        assert MAIL_DOMAIN.encode() not in content
        assert b"pr_merged:acme" not in content

    runtime.play(story, source)


def test_a_refusal_and_a_conflict_about_an_event_leave_no_trace_of_it_in_the_history(
    runtime: Runtime,
) -> None:
    kept = make_event(1, at=MONDAY, account=f"ann@{MAIL_DOMAIN}", metadata={"title": MARKER})
    changed = make_event(1, at=MONDAY, account=f"bob@{MAIL_DOMAIN}", metadata={"title": MARKER * 2})
    source = ScriptedSource({PULLS: pages_of([kept, changed, kept], size=1)})

    async def story(runs: LedgerRuns) -> None:
        report = await runs.collect()
        content = await opened_content(runs)

        stream = report.streams[0]
        assert (stream.inserted, stream.conflicts, stream.duplicates) == (1, 1, 1)
        assert MARKER.encode() not in content
        assert MAIL_DOMAIN.encode() not in content

    runtime.play(story, source)

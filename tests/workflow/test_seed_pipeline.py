from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from ledger_core import StreamRef
from ledger_core.testing import MONDAY, FixedClock, ScriptedSource, make_event, make_page
from scheduler_worker.sources.git.git_source import GitSource
from tests.git_repositories import ANN, BOB, GitRepository
from tests.workflow.ledger_runs import PULLS, LedgerRuns, Runtime, refused

COMMITS = StreamRef(source="git", source_ref="acme/widgets", stream="commits")


def git_source(folder: Path) -> GitSource:
    """Return a repository of three commits of the first week: two of Ann, one of Bob."""
    repository = GitRepository(folder / "widgets.git")
    first = repository.commit(seconds=int(MONDAY.timestamp()), author=ANN)
    second = repository.commit(seconds=int(MONDAY.timestamp()) + 60, author=BOB, parents=(first,))
    repository.point(
        "main", repository.commit(seconds=int(MONDAY.timestamp()) + 120, author=ANN, parents=(second,))
    )
    return GitSource(name="acme/widgets", path=repository.folder, clock=FixedClock())


def scripted_source() -> ScriptedSource:
    events = [make_event(1, at=MONDAY), make_event(2, at=MONDAY, account="2002", login="bob")]
    return ScriptedSource({PULLS: [make_page(*events, cursor="2")]})


def test_a_second_collection_and_a_second_finalize_of_a_repository_write_nothing(
    runtime: Runtime, tmp_path: Path
) -> None:
    """ACTIVITY_IDEMPOTENT, EPOCH_CLOSE_IDEMPOTENT."""

    async def story(runs: LedgerRuns) -> None:
        first = await runs.collect()
        collected = runtime.rows()
        second = await runs.collect()
        collected_again = runtime.rows()
        closed = await runs.finalize(first.epoch_id)
        finalized = runtime.rows()
        closed_again = await runs.finalize(first.epoch_id)
        finalized_again = runtime.rows()

        stream = first.streams[0]
        assert (stream.stream, stream.pages, stream.inserted, stream.complete) == (COMMITS, 1, 3, True)
        assert (first.complete, first.blocked_by_epoch_id) == (True, None)
        assert first.curated is not None
        assert (first.curated.events, first.curated.unresolved, first.curated.counts.added) == (3, 3, 3)
        assert second == replace(
            first,
            streams=(replace(stream, pages=0, inserted=0),),
            curated=replace(
                first.curated, counts=replace(first.curated.counts, added=0), allocations_changed=0
            ),
        )
        assert collected_again == collected
        assert len(collected["activity_events"]) == 3
        assert (closed.closed_now, closed.pool_total_credits, closed.payouts) == (True, 1000, 0)
        assert closed_again == replace(closed, closed_now=False)
        assert finalized_again == finalized
        assert len(finalized["payout_statements"]) == 1

    runtime.play(story, git_source(tmp_path))


def test_twenty_finalizes_at_once_give_one_statement_and_twenty_equal_answers(runtime: Runtime) -> None:
    """EPOCH_CLOSE_IDEMPOTENT, under one workflow id and under twenty."""

    async def story(runs: LedgerRuns) -> None:
        await runs.bind(ann="1001", bob="2002")
        epoch_id = (await runs.collect()).epoch_id
        apart = await asyncio.gather(
            *(runs.finalize(epoch_id, workflow_id=f"finalize-{number}") for number in range(20))
        )
        joined = await asyncio.gather(*(runs.finalize(epoch_id) for _ in range(20)))

        assert sum(report.closed_now for report in apart) == 1
        assert not any(report.closed_now for report in joined)
        assert {replace(report, closed_now=False) for report in apart} == set(joined)
        assert len(set(joined)) == 1
        assert joined[0].payouts == 2
        rows = runtime.rows()
        assert len(rows["payout_statements"]) == 1
        assert sum("epoch-closed" in row for row in rows["ledger_actions"]) == 1

    runtime.play(story, scripted_source())


def test_twenty_finalizes_of_an_open_epoch_join_under_its_one_workflow_id(runtime: Runtime) -> None:
    async def story(runs: LedgerRuns) -> None:
        epoch_id = (await runs.collect()).epoch_id
        reports = await asyncio.gather(*(runs.finalize(epoch_id) for _ in range(20)))

        assert len({report.statement_hash for report in reports}) == 1
        assert len({replace(report, closed_now=False) for report in reports}) == 1
        assert runtime.count("payout_statements") == 1

    runtime.play(story, scripted_source())


def test_a_finalize_that_is_refused_says_why_writes_nothing_and_is_tried_once(runtime: Runtime) -> None:
    """POOL_REQUIRES_BASE, and the caller's own review."""

    async def story(runs: LedgerRuns) -> None:
        await runs.bind(ann="1001")
        epoch_id = (await runs.collect(base_credits=None)).epoch_id
        assert epoch_id is not None
        without_base = runtime.rows()
        base_refusal = await refused(runs.finalize(epoch_id, workflow_id="without-base"))
        missing_refusal = await refused(runs.finalize(epoch_id + 1, workflow_id="missing"))
        after_both = runtime.rows()
        await runs.collect()
        with_base = runtime.rows()
        stale = "0" * 64
        changed_refusal = await refused(runs.finalize(epoch_id, reviewed_hash=stale, workflow_id="reviewed"))
        after_changed = runtime.rows()
        closed = await runs.finalize(epoch_id)

        assert base_refusal == (
            "pool-base-missing",
            f"epoch {epoch_id} has no base_issuance component in its pool; add it first",
        )
        assert missing_refusal == ("epoch-not-found", f"there is no epoch {epoch_id + 1}")
        assert changed_refusal[0] == "allocations-changed"
        assert stale in changed_refusal[1]
        assert closed.allocation_set_hash in changed_refusal[1]
        assert after_both == without_base
        assert after_changed == with_base
        for workflow_id in ("without-base", "missing", "reviewed"):
            assert await runs.attempts(workflow_id) == [1], workflow_id

    runtime.play(story, scripted_source())


def test_a_finalize_with_the_hash_that_was_reviewed_closes_and_with_one_that_moved_does_not(
    runtime: Runtime,
) -> None:
    async def story(runs: LedgerRuns) -> None:
        await runs.bind(ann="1001", bob="2002")
        epoch_id = (await runs.collect()).epoch_id
        assert epoch_id is not None
        reviewed = await reviewed_hash(runs, epoch_id)
        await runs.adjust(epoch_id, "ann", 1)
        moved = await reviewed_hash(runs, epoch_id)
        refusal = await refused(runs.finalize(epoch_id, reviewed_hash=reviewed))
        closed = await runs.finalize(epoch_id, reviewed_hash=moved)

        assert refusal[0] == "allocations-changed"
        assert refusal[1].endswith(f"reviewed {reviewed}, now {moved}")
        assert (closed.closed_now, closed.allocation_set_hash) == (True, moved)

    runtime.play(story, scripted_source())


async def reviewed_hash(runs: LedgerRuns, epoch_id: int) -> str:
    """Return the hash that a person who looks at the epoch now sees."""
    code, sentence = await refused(runs.finalize(epoch_id, reviewed_hash="0" * 64, workflow_id="look"))
    assert code == "allocations-changed"
    return sentence.rpartition(" ")[2]

"""What `ledger review` offers next in each state of an epoch: what a close refuses, then what it warns of, then the close."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from ledger_core.domain.curation import CurationSummary
from ledger_core.domain.pool import BASE_ISSUANCE
from ledger_core.testing import InMemoryLedger, make_component
from scheduler_worker.cli.review_facts import Review, ReviewedStream, StreamState, read_review
from scheduler_worker.cli.review_next import missing_sentences, next_steps
from scheduler_worker.cli.review_screen import option_lines
from tests.contract.story import NODE_ID, LedgerStory, annas, day


@pytest.fixture(scope="module")
def ready() -> Review:
    """An ended week that nothing is missing in; its epoch is number 1."""
    story = LedgerStory(InMemoryLedger(NODE_ID))
    story.bind("ann", "1001")
    epoch_id = story.open(0)
    story.store(annas(1, at=day(1)))
    story.curate(epoch_id)
    story.propose(epoch_id)
    story.record(epoch_id, make_component(1000))
    with story.ledger.read() as view:
        return read_review(view, epoch_id, (), day(0, week=1))


def stream(state: StreamState, sentence: str = "", name: str = "git:acme/web:commits") -> ReviewedStream:
    return ReviewedStream(name=name, state=state, sentence=sentence)


UNRESOLVED = CurationSummary(events=3, included=3, unresolved=2, late=0)
NONE = replace(UNRESOLVED, unresolved=0)
COLLECT = "ledger epoch collect --at 2026-11-16"
WAIVE = "ledger gap waive 1 git:acme/web:commits --reason WHY"
POOL = f"ledger pool add 1 {BASE_ISSUANCE} CREDITS"
IDENTITIES = "ledger identity bind PROVIDER ACCOUNT USER"
REVIEW = "ledger review 1"
SIGN = "ledger statement sign-data 1"
CLOSE = "ledger epoch finalize 1"

# What is missing, what is offered, and a word of why. What is further up wins over what is further down.
STATES: Sequence[tuple[str, dict[str, Any], list[str], str]] = (
    ("nothing is missing", {}, [CLOSE], "is for ever"),
    ("a gap", {"streams": (stream(StreamState.INCOMPLETE, "1 of 2"),)}, [COLLECT, WAIVE], "a close is refused"),
    ("a gap and all else", {
        "streams": (stream(StreamState.INCOMPLETE), stream(StreamState.FAILING)), "due": 3, "components": (),
        "summary": UNRESOLVED, "is_over": False, "approvals_required": 2,
    }, [COLLECT, WAIVE], "is incomplete, and a close is refused"),
    ("a failure", {"streams": (stream(StreamState.FAILING, "fails since then: no disk"),), "due": 3}, [COLLECT], "no disk"),
    ("behind", {"streams": (stream(StreamState.BEHIND, "is collected up to then"),)}, [COLLECT], "up to then: what is missing"),
    ("never read", {"streams": (stream(StreamState.NEVER, "was never collected"),)}, [COLLECT], "was never collected"),
    ("waiting to be curated", {"due": 1, "components": (), "summary": UNRESOLVED}, [COLLECT], "1 event of this epoch waits"),
    ("no pool", {"components": (), "summary": UNRESOLVED, "is_over": False}, [POOL], "a close is refused"),
    ("nobody's accounts", {"summary": UNRESOLVED}, [IDENTITIES, CLOSE], "2 events of accounts that are nobody's"),
    ("nobody's while it runs", {"summary": UNRESOLVED, "is_over": False}, [IDENTITIES, REVIEW], "earn nothing"),
    ("the window runs", {"is_over": False}, [REVIEW], "the window runs until 2026-11-23T00:00:00Z"),
    ("early streams", {"is_over": False, "streams": (stream(StreamState.EARLY),)}, [REVIEW], "look again then"),
    ("approvals", {"approvals_required": 2}, [SIGN, CLOSE], "2 of the approvers must sign"),
    ("waived and complete", {
        "streams": (stream(StreamState.WAIVED), stream(StreamState.COMPLETE)),
    }, [CLOSE], "is for ever"),
    ("nobody has units", {"allocations": ()}, [CLOSE], "pays nobody"),
    ("all are nobody's", {"allocations": (), "summary": UNRESOLVED}, [IDENTITIES], "2 events of accounts"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "commands", "why"), [each[1:] for each in STATES], ids=[each[0] for each in STATES]
)
def test_the_next_step_is_what_a_close_would_lack(
    ready: Review, changes: dict[str, Any], commands: list[str], why: str
) -> None:
    of_overview = {key: changes[key] for key in changes.keys() & {"summary", "components", "allocations"}}
    of_review = {key: changes[key] for key in changes.keys() - of_overview.keys()}
    overview = replace(ready.overview, **({"summary": NONE} | of_overview))

    steps = next_steps(replace(ready, overview=overview, **of_review))

    assert [step.command.partition(" --reviewed")[0] for step in steps] == commands
    assert why in steps[0].why
    assert all(step.why for step in steps)


def test_a_close_is_pinned_to_what_was_shown(ready: Review) -> None:
    pinned = f" --reviewed {ready.overview.allocation_set_hash}"
    signed = next_steps(replace(ready, approvals_required=1))[1]

    assert next_steps(ready)[0].command == f"{CLOSE}{pinned}"
    assert signed.command == f"{CLOSE}{pinned} --approval SIGNATURE"


def test_a_stream_s_name_is_quoted_for_a_shell(ready: Review) -> None:
    hostile = stream(StreamState.INCOMPLETE, name="git:$(id):commits")

    waive = next_steps(replace(ready, streams=(hostile, stream(StreamState.INCOMPLETE))))

    assert waive[0].why.startswith("git:$(id):commits is incomplete, and 1 more stream")
    assert waive[1].command == "ledger gap waive 1 'git:$(id):commits' --reason WHY"


def test_a_close_warns_of_what_a_review_sends_back_for() -> None:
    missing = (stream(StreamState.FAILING, "fails"), stream(StreamState.NEVER), stream(StreamState.BEHIND))

    assert missing_sentences((*missing, stream(StreamState.EARLY), stream(StreamState.COMPLETE)), 2) == (
        "git:acme/web:commits fails, and 2 more streams: what is missing would count in the next epoch",
        "2 events of this epoch wait to be curated: closed now, they would count in the next",
    )
    assert missing_sentences((stream(StreamState.EARLY), stream(StreamState.WAIVED)), 0) == ()


def test_a_long_command_goes_on_below_by_its_options_alone() -> None:
    """A stream is called as its source calls it, also where that reads like an option."""
    command = "ledger gap waive 7 'jsonl:a --b:records' --reason WHY"

    assert option_lines(command) == ["ledger gap waive 7 'jsonl:a --b:records'", "--reason WHY"]

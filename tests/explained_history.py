"""A ledger in which everybody has another reason for what they got, on any implementation of the ports."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import timedelta

from ledger_core import ActivityEvent, EpochId, EventId, Ledger, UserExplanation, WeightConfig, explain_user
from ledger_core.explanation import BundleFacts, EventTrace, LedgerFacts, read_trace_facts, trace_event
from ledger_core.explanation.bundle_facts import read_verified
from ledger_core.testing import make_component, make_event
from ledger_core.verification import write_bundle
from tests.contract.story import LedgerStory, day

WEIGHTS = WeightConfig({"github:pr_merged": 8000, "github:issue_closed": 0})
BOUND = {
    "ann": "1001", "bob": "2002", "dan": "4004", "eve": "5005", "fay": "6006", "gus": "7007", "hal": "8008",
    "ivy": "9009", "jon": "1010", "kim": "1111",
}  # fmt: skip
EVERYBODY = (*BOUND, "cid", "lou")


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """The story, and its epochs: two closed ones and an open one."""

    story: LedgerStory
    first: EpochId
    second: EpochId
    open: EpochId


def pull(
    number: int, account: str | None, login: str, *, at: int = 1, week: int = 0, kind: str = "pr_merged"
) -> ActivityEvent:
    """Return an event of an account."""
    return make_event(number, at=day(at, week=week), account=account, login=login, event_type=kind)


def live(ledger: Ledger) -> Explained:
    """Live through it.

    In the first epoch ann and bob are paid; cid's account is bound after the close; dan's work weighs 0;
    eve's was excluded; fay's units were set to 0; gus's rounds to nothing; hal did nothing; ivy's account
    was unbound; jon worked in the second week; kim's event came late and counts in the second epoch, another
    waits; lou is nobody yet.
    """
    story = LedgerStory(ledger)
    first = story.open(0, weights=WEIGHTS)
    for user, account in BOUND.items():
        story.bind(user, account)
    events = {
        "ann": [pull(1, "1001", "ann"), pull(2, "1001", "ann", at=2), pull(3, "1001", "ann", kind="review")],
        "bob": [pull(4, "2002", "bob")],
        "cid": [pull(5, "3003", "Cid")],
        "dan": [pull(6, "4004", "dan", kind="issue_closed")],
        "eve": [pull(7, "5005", "eve")],
        "fay": [pull(8, "6006", "fay")],
        "gus": [pull(9, "7007", "gus")],
        "ivy": [pull(10, "9009", "ivy")],
        "lou": [pull(11, "1212", "LOU"), pull(12, "lou@example.org", "Lou L.")],
        "gone": [pull(13, None, "ghost")],
    }
    story.store(*(event for of_one in events.values() for event in of_one))
    story.unbind("9009")
    story.curate(first)
    story.propose(first)
    story.judge(first, events["eve"][0], included=False)
    story.judge(first, events["gus"][0], weight=1)
    story.adjust(first, "fay", 0)
    story.record(first, make_component(7, component_id="top_up", evidence_ref="minutes#4"))
    story.close(first, 10)

    story.clock.advance(timedelta(days=1))
    story.bind("cid", "3003")
    second = story.open(1, weights=WEIGHTS)
    story.store(pull(21, "1010", "jon", week=1), pull(22, "1111", "kim", at=3))
    story.curate(second)
    story.close(second, 1000)

    open_ = story.open(2, weights=WEIGHTS)
    story.store(pull(31, "1001", "ann", week=2))
    story.curate(open_)
    story.propose(open_)
    story.store(pull(23, "1111", "kim", at=4), pull(41, "2002", "bob", week=5))
    return Explained(story=story, first=first, second=second, open=open_)


def event_id(number: int, kind: str = "pr_merged") -> EventId:
    """Return the id of an event of the story."""
    return EventId(f"github:{kind}:acme/widgets:{number}")


def from_ledger(ledger: Ledger, epoch_id: EpochId, user_id: str, *, limit: int = 20) -> UserExplanation:
    """Return the explanation of a user from the ledger."""
    with ledger.read() as view:
        return explain_user(LedgerFacts(view, epoch_id), user_id, limit=limit)


def bundle_of(ledger: Ledger, epoch_id: EpochId) -> bytes:
    """Return an epoch's bundle."""
    file = io.BytesIO()
    with ledger.read() as view:
        write_bundle(view, epoch_id, file)
    return file.getvalue()


def opened(bundle: bytes) -> BundleFacts:
    """Verify a bundle and open it."""
    return read_verified(io.BytesIO(bundle))


def traced(ledger: Ledger, number: int, kind: str = "pr_merged") -> EventTrace:
    """Return the trace of an event from the ledger."""
    with ledger.read() as view:
        return trace_event(read_trace_facts(view, event_id(number, kind)))

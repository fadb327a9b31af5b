"""A closed week, and an open one with everything that a review shows."""

from __future__ import annotations

from ledger_core.testing import make_component, make_event
from tests.contract.story import LedgerStory, annas, bobs, day

HOSTILE = "x\x1b[31m; rm -rf ~ \u202e$(id)"


class Lived:
    """A closed week, and an open one with everything that a review shows."""

    def __init__(self, story: LedgerStory) -> None:
        self.story = story
        story.bind("ann", "1001")
        story.bind("bob", "2002")
        self.closed = story.open(0)
        story.store(annas(1, at=day(1)), bobs(2, at=day(1)))
        story.curate(self.closed)
        story.propose(self.closed)
        story.record(self.closed, make_component(100))
        story.finalize(self.closed)
        self.open = story.open(1)
        self.events = [annas(number, at=day(2, week=1)) for number in range(11, 16)]
        story.store(
            *self.events,
            annas(3, at=day(2)),
            make_event(21, at=day(3, week=1), source="git", account="ann@example.org", login=None),
            make_event(22, at=day(3, week=1), source="git", account=HOSTILE.replace("\x1b", ""), login="bob"),
        )
        story.bind("ann", "ann@work.example", provider="git")
        story.curate(self.open)
        story.propose(self.open)
        story.judge(self.open, self.events[0], included=False)
        story.judge(self.open, self.events[1], weight=500)
        story.adjust(self.open, "bob", 4000)
        story.record(self.open, make_component(1000))

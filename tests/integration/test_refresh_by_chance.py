"""After any refresh, one that looks at everything finds nothing: by chance, with writers that commit late or never."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from db_client.postgres_ledger import PostgresLedger
from db_client.stores import curation
from db_client.stores.curation_statements import Part, refresh_statement
from ledger_core.errors import LedgerError
from ledger_core.testing import FixedClock, make_event
from ledger_core.use_cases.move_identities import merge_users, split_user
from ledger_core.use_cases.refresh_epoch import refresh_epoch
from tests.contract.story import CONTEXT, LedgerStory, day

STEPS = 400
ACCOUNTS = ("1001", "1002", "1003")
USERS = ("ann", "bob", "cid")
LATE_PAGE = """
    INSERT INTO activity_events SELECT (jsonb_populate_record(known, jsonb_build_object(
        'id', CAST(:id AS text), 'event_time', CAST(:at AS text), 'platform_user_id', CAST(:account AS text)
    ))).* FROM activity_events AS known WHERE node_id = :node LIMIT 1
"""


class Undone(Exception):
    """Takes back what was only looked at."""


class Chance:
    """One ledger, an epoch that is open, and a writer on another connection who takes its time."""

    def __init__(self, ledger: PostgresLedger, owner: Engine, chance: random.Random) -> None:
        self.story = LedgerStory(ledger)
        self.story.clock = FixedClock(day(0, week=900))
        self.owner = owner
        self.chance = chance
        self.week = self.number = 0
        self.slow: Connection | None = None
        self.open = self.story.open(0)
        self.store()
        self.steps: list[Callable[[], object]] = [
            *[self.store] * 3,
            *[self.check] * 3,
            *[self.write_slowly] * 2,
            *[self.end_slowly] * 2,
            self.bind,
            self.unbind,
            self.move,
            self.judge,
            self.adjust,
            lambda: self.story.curate(self.open),
            lambda: self.story.propose(self.open),
            lambda: refresh_epoch(self.story.ledger, self.open, clock=self.story.clock),
            self.next_week,
        ]

    def store(self) -> None:
        for _ in range(self.chance.randrange(1, 4)):
            self.number += 1
            at = day(self.chance.randrange(7), week=self.chance.randrange(self.week + 3))
            self.story.store(make_event(self.number, at=at, account=self.chance.choice(ACCOUNTS)))

    def write_slowly(self) -> None:
        if self.slow is None:
            self.slow = self.owner.connect()
            self.number += 1
            at = day(self.chance.randrange(7), week=self.chance.randrange(self.week + 2))
            values = {"id": f"z:{self.number}", "at": at.isoformat(), "account": self.chance.choice(ACCOUNTS)}
            self.slow.execute(text(LATE_PAGE), values | {"node": self.story.ledger.node_id})

    def end_slowly(self) -> None:
        if self.slow is not None:
            self.chance.choice((self.slow.commit, self.slow.commit, self.slow.rollback))()
            self.slow.close()
            self.slow = None

    def bind(self) -> None:
        self.story.bind(self.chance.choice(USERS), self.chance.choice(ACCOUNTS))

    def unbind(self) -> None:
        self.story.unbind(self.chance.choice(ACCOUNTS))

    def move(self) -> None:
        one, other = self.chance.sample(USERS, 2)
        account = ("github", self.chance.choice(ACCOUNTS))
        if self.chance.random() < 0.5:
            merge_users(self.story.ledger, _user(one), _user(other), CONTEXT, clock=self.story.clock)
        else:
            split_user(
                self.story.ledger, _user(one), _user(other), [account], CONTEXT, clock=self.story.clock
            )

    def judge(self) -> None:
        curated = list(self.story.curated(self.open))
        if curated:
            event = make_event(1, at=day(0))
            object.__setattr__(event, "id", self.chance.choice(curated))
            self.story.judge(self.open, event, included=self.chance.random() < 0.5, weight=5)

    def adjust(self) -> None:
        self.story.adjust(self.open, self.chance.choice(USERS), self.chance.choice((7, None)))

    def next_week(self) -> None:
        if self.chance.random() < 0.5:
            refresh_epoch(self.story.ledger, self.open, clock=self.story.clock)
        self.story.close(self.open)
        self.week += self.chance.choice((1, 1, 2))
        self.open = self.story.open(self.week)

    def check(self) -> None:
        refresh_epoch(self.story.ledger, self.open, clock=self.story.clock)
        with suppress(Undone), self.story.ledger.begin() as transaction:
            epoch = transaction.epochs.lock(self.open)
            store: Any = transaction.curation
            row = store._connection.execute(
                refresh_statement(days=Part.EVERY, identities=Part.EVERY),
                {
                    "node_id": self.story.ledger.node_id,
                    "epoch_id": self.open,
                    "period_start": epoch.window.period_start,
                    "period_end": epoch.window.period_end,
                    "at": self.story.clock(),
                },
            ).one()
            assert (*row, transaction.allocations.propose(self.open, anew=True)) == (0, 0, 0, 0, 0)
            raise Undone


def _user(text_: str) -> Any:
    return text_


@pytest.mark.parametrize("seed", [1, 11])
def test_a_refresh_by_notes_leaves_nothing_to_one_that_looks_at_everything(
    postgres_ledger: PostgresLedger, owner_engine: Engine, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    lived = Chance(postgres_ledger, owner_engine, chance)
    refused = 0
    for _ in range(STEPS):
        monkeypatch.setattr(curation, "FEW", chance.choice((0, 1, 2, 20_000)))
        try:
            chance.choice(lived.steps)()
        except LedgerError:
            refused += 1
    if lived.slow is not None:
        lived.slow.rollback()
        lived.slow.close()
    lived.check()

    assert lived.week > 5
    assert refused < STEPS / 3

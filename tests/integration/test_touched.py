"""A refresh looks at what was touched since the last one; whoever touched it, by whatever SQL, it is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from db_client.postgres_ledger import PostgresLedger
from db_client.stores import curation
from ledger_core import EpochId, NodeId
from ledger_core.testing import make_event
from ledger_core.use_cases.refresh_epoch import refresh_epoch
from tests.contract.story import LedgerStory, annas, bobs, day

NOTHING = (0, 0, 0, 0)
LATE_EVENT = """
    INSERT INTO activity_events SELECT (jsonb_populate_record(known, jsonb_build_object('id', 'z:1'))).*
    FROM activity_events AS known WHERE event_time = :first
"""
WAYS = [pytest.param(curation.FEW, id="looked up"), pytest.param(0, id="read once")]


class Week:
    """A closed epoch and an open one that was refreshed, in a ledger where everything was noted and taken away."""

    def __init__(self, ledger: PostgresLedger, owner: Engine) -> None:
        self.story = LedgerStory(ledger)
        self.owner = owner
        self.story.bind("ann", "1001")
        self.story.live_through(0, annas(1, at=day(0)), make_event(2, at=day(1), account="3003", login="cid"))
        self.open = self.story.open(1)
        self.story.store(annas(3, at=day(0, week=1)), make_event(4, at=day(1, week=1), account="3003"))
        self.refreshed()

    def refreshed(self) -> tuple[int, int, int, int]:
        """Refresh, and return what was added, added late, carried and resolved."""
        counts = refresh_epoch(self.story.ledger, self.open, clock=self.story.clock).counts
        return counts.added, counts.added_late, counts.carried, counts.resolved

    def sql(self, script: str, **values: Any) -> None:
        """Do what only the tables' owner may."""
        with self.owner.begin() as connection:
            connection.execute(text(script), values)

    def curated(self) -> dict[str, str | None]:
        """Return the users of the open epoch's events."""
        with self.story.ledger.read() as view:
            return {event.event_id: event.user_id for event in view.curation.ordered_events(self.open)}

    def proposed(self) -> dict[str, int]:
        """Return the open epoch's proposals."""
        with self.story.ledger.read() as view:
            return {row.user_id: row.proposed_units for row in view.allocations.list_all(self.open)}

    def notes(self) -> list[int]:
        """Return how many notes there are of epochs, days and identities."""
        with self.owner.begin() as connection:
            return [
                connection.execute(text(f"SELECT count(*) FROM touched_{what}")).scalar_one()
                for what in ("epochs", "days", "identities")
            ]


@pytest.fixture(params=WAYS)
def week(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    postgres_ledger: PostgresLedger,
    owner_engine: Engine,
) -> Week:
    monkeypatch.setattr(curation, "FEW", request.param)
    return Week(postgres_ledger, owner_engine)


def test_a_refresh_takes_the_notes_away_and_finds_nothing_more(week: Week) -> None:
    assert week.notes() == [0, 0, 0]
    assert week.refreshed() == NOTHING


def test_what_was_curated_from_outside_the_window_counts_without_being_called_late(week: Week) -> None:
    """Proposals read the window's events at once: whoever curates another by plain SQL finds it in the sum, too."""
    before = week.proposed()["ann"]
    week.story.store(annas(7, at=day(20)))
    week.sql(
        "INSERT INTO activity_curation (node_id, epoch_id, event_id, user_id, created_at, updated_at)"
        " SELECT node_id, :epoch, id, 'ann', now(), now() FROM activity_events WHERE event_time = :at",
        epoch=week.open,
        at=day(20),
    )
    week.story.propose(week.open)

    assert week.proposed()["ann"] == 2 * before


@pytest.mark.parametrize(
    ("happened", "found"),
    [
        (lambda week: week.story.store(annas(5, at=day(2, week=1))), (1, 0, 0, 0)),
        (lambda week: week.story.store(annas(5, at=day(2)), annas(6, at=day(3, week=1))), (1, 1, 0, 0)),
        (lambda week: week.story.bind("cid", "3003"), (0, 0, 1, 1)),
        (lambda week: week.story.unbind("1001"), (0, 0, 0, 1)),
        (lambda week: week.story.store(annas(3, at=day(0, week=1))), NOTHING),
        (lambda week: week.story.store(annas(7, at=day(0, week=5))), NOTHING),
    ],
    ids=["stored", "stored late", "bound", "unbound", "stored again", "stored for later"],
)
def test_what_happened_since_is_found_once(
    week: Week, happened: Callable[[Week], object], found: tuple[int, ...]
) -> None:
    happened(week)

    assert week.refreshed() == found
    assert week.refreshed() == NOTHING
    assert week.notes() == [0, 0, 0]


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("UPDATE user_bindings SET external_id = '3003'", (0, 0, 1, 2)),
        ("DELETE FROM user_bindings", (0, 0, 0, 1)),
        ("TRUNCATE user_bindings", (0, 0, 0, 1)),
        ("UPDATE activity_curation SET user_id = NULL WHERE epoch_id = :open", (0, 0, 0, 1)),
        ("DELETE FROM activity_curation WHERE epoch_id = :open", (2, 0, 0, 0)),
        (
            LATE_EVENT,
            (0, 1, 0, 0),
        ),
    ],
    ids=["rebound", "unbound", "all unbound", "another user", "not curated any more", "an event, late"],
)
def test_plain_sql_leaves_a_note_as_well(week: Week, script: str, found: tuple[int, ...]) -> None:
    week.sql(script.replace(":open", str(week.open)), **({"first": day(0)} if ":first" in script else {}))

    assert week.refreshed() == found
    assert week.refreshed() == NOTHING


def test_proposals_that_somebody_edited_are_computed_again(week: Week) -> None:
    before = week.proposed()
    week.sql("UPDATE epoch_allocations SET proposed_units = 1 WHERE epoch_id = :open", open=week.open)
    assert week.proposed() != before
    week.refreshed()

    assert week.proposed() == before


def test_the_first_refresh_of_an_epoch_does_without_notes(
    postgres_ledger: PostgresLedger, owner_engine: Engine
) -> None:
    """Whatever became of the notes, nobody waits longer than for the next epoch."""
    week = Week(postgres_ledger, owner_engine)
    week.story.store(annas(5, at=day(2)))
    week.story.bind("cid", "3003")
    week.sql("DELETE FROM touched_days")
    week.sql("DELETE FROM touched_identities")
    assert week.refreshed() == NOTHING
    week.story.close(week.open)
    week.open = week.story.open(2)

    assert week.refreshed() == (0, 1, 2, 0)


def test_a_close_computes_proposals_whatever_the_notes_say(week: Week) -> None:
    with week.owner.begin() as connection:
        connection.execute(text("ALTER TABLE epoch_allocations DISABLE TRIGGER touched_update"))
        connection.execute(
            text("UPDATE epoch_allocations SET proposed_units = 1 WHERE epoch_id = :open"),
            {"open": week.open},
        )
        connection.execute(text("ALTER TABLE epoch_allocations ENABLE TRIGGER touched_update"))
    week.refreshed()
    assert week.proposed() == {"ann": 1}
    week.story.close(week.open)

    assert week.proposed() == {"ann": 8000}


def test_another_node_s_notes_are_left_to_it(week: Week, worker_engine: Engine) -> None:
    other = LedgerStory(PostgresLedger(worker_engine, NodeId(UUID(int=77))))
    epoch_id: EpochId = other.open(0)
    other.curate(epoch_id)
    other.propose(epoch_id)
    other.store(annas(1, at=day(0)))
    other.bind("ann", "1001")
    assert week.refreshed() == NOTHING

    assert other.curate(epoch_id).added == 1


def opened_after(postgres_ledger: PostgresLedger) -> tuple[LedgerStory, EpochId]:
    """A week that is open and was never curated, whose events were collected, and noted, while another was open."""
    story = LedgerStory(postgres_ledger)
    story.bind("ann", "1001")
    story.bind("bob", "2002")
    first = story.open(0)
    story.store(annas(1, at=day(0)), annas(2, at=day(0, week=1)), bobs(3, at=day(1, week=1)))
    refresh_epoch(story.ledger, first, clock=story.clock)
    story.close(first)
    return story, story.open(1)


@pytest.mark.parametrize("write", ["adjust", "clear", "propose", "judge"])
def test_no_decision_before_the_first_refresh_hides_what_was_collected_ahead(
    postgres_ledger: PostgresLedger, write: str
) -> None:
    """Whoever decides on an epoch has not looked at its events: that note is for a refresh alone to take away."""
    story, epoch_id = opened_after(postgres_ledger)
    late = annas(4, at=day(1))
    story.store(late)
    if write == "judge":
        story.curate(epoch_id)
        story.judge(epoch_id, late, weight=1)
        story.store(annas(5, at=day(2, week=1)))
    elif write == "propose":
        story.propose(epoch_id)
    else:
        story.adjust(epoch_id, "ann", 5)
        if write == "clear":
            story.adjust(epoch_id, "ann", None)

    refresh_epoch(story.ledger, epoch_id, clock=story.clock)

    expected = {annas(2, at=day(0)).id, annas(3, at=day(0)).id, late.id}
    assert set(story.curated(epoch_id)) - {annas(5, at=day(0)).id} == expected
    with story.ledger.read() as view:
        assert view.activity.count_waiting() == 0


def test_a_close_pays_for_what_was_collected_ahead(postgres_ledger: PostgresLedger) -> None:
    story, epoch_id = opened_after(postgres_ledger)
    story.adjust(epoch_id, "ann", 8000)
    refresh_epoch(story.ledger, epoch_id, clock=story.clock)

    story.close(epoch_id)

    assert story.paid(epoch_id) == {"ann": 500, "bob": 500}


def test_what_was_stored_before_there_were_notes_is_found(
    postgres_ledger: PostgresLedger, owner_engine: Engine
) -> None:
    story = LedgerStory(postgres_ledger)
    epoch_id = story.open()
    story.store(annas(1, at=day(0)))
    with owner_engine.begin() as connection:
        connection.execute(text("DELETE FROM touched_days"))
    story.propose(epoch_id)

    assert refresh_epoch(story.ledger, epoch_id, clock=story.clock).counts.added == 1


def test_what_somebody_deleted_comes_back_whatever_was_decided_since(week: Week) -> None:
    week.sql(
        "DELETE FROM activity_curation WHERE event_id = 'github:pr_merged:acme/widgets:3' AND epoch_id = :open",
        open=week.open,
    )
    before = week.curated()
    week.story.adjust(week.open, "ann", 5)

    assert week.refreshed()[0] == 1
    assert len(week.curated()) == len(before) + 1


def test_a_refresh_leaves_a_neighbours_notes_to_the_neighbour(week: Week, worker_engine: Engine) -> None:
    neighbour = LedgerStory(PostgresLedger(worker_engine, NodeId(UUID(int=77))))
    theirs = neighbour.open(1)
    refresh_epoch(neighbour.ledger, theirs, clock=neighbour.clock)
    neighbour.store(annas(5, at=day(2, week=1)))
    neighbour.bind("zoe", "1001")
    week.story.store(annas(6, at=day(3, week=1)))
    week.story.bind("cid", "3003")

    assert week.refreshed()[0] == 1
    found = refresh_epoch(neighbour.ledger, theirs, clock=neighbour.clock).counts
    assert found.added == 1
    assert [event.user_id for event in neighbour.curated(theirs).values()] == ["zoe"]

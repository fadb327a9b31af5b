"""`ledger review` and `ledger identity who` on a real database: what an admin sees before a close, and of whom."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from wcwidth import wcswidth

from db_client.postgres_ledger import PostgresLedger
from ledger_core import EpochId, StreamRef
from ledger_core.identifiers import NodeId, UserId
from ledger_core.testing import make_component, make_context, make_event
from ledger_core.use_cases.amend_statement import amend_statement
from ledger_core.use_cases.record_stream_health import record_stream_collected, record_stream_problem
from scheduler_worker.bootstrap_plugins import SourcePackageBroken
from scheduler_worker.cli.app import run
from scheduler_worker.cli.last_look import Look, find_look, keep_look, look_path
from scheduler_worker.cli.review_screen import bar, signed_units
from tests.command_line import COLUMNS, controls_in, run_on_terminal, screen_lines
from tests.conftest import TestDatabase
from tests.contract.story import LedgerStory, annas, day
from tests.reviewed_history import Lived

COMMITS = StreamRef(source="git", source_ref="acme/web", stream="commits")


@pytest.fixture
def lived(postgres_ledger: PostgresLedger) -> Lived:
    return Lived(LedgerStory(postgres_ledger))


@pytest.fixture
def settings(lived: Lived, fresh_database: TestDatabase, node_id: NodeId, tmp_path: Path) -> dict[str, str]:
    del lived
    (tmp_path / "ledger.toml").write_text(
        f'node_id = "{node_id}"\n[[sources.git]]\nname = "acme/web"\npath = "nowhere"\n'
    )
    return {
        "LEDGER_CONFIG": str(tmp_path / "ledger.toml"),
        "LEDGER_DATABASE_URL": fresh_database.reader_url,
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }


class Asked:
    """Commands run in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def prints(self, *words: object) -> str:
        assert run([str(word) for word in words]) == 0
        captured = self._capsys.readouterr()
        assert captured.err == ""
        assert controls_in(captured.out) == []
        return captured.out

    def says(self, *words: object) -> Any:
        return json.loads(self.prints(*words, "--json"))

    def refuses(self, *words: object) -> str:
        assert run([str(word) for word in words]) == 1
        return self._capsys.readouterr().err.split(": ")[1]


@pytest.fixture
def asked(
    settings: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Asked:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return Asked(capsys)


def test_one_screen_has_what_matters(asked: Asked, lived: Lived) -> None:
    shown = asked.prints("review", lived.open)
    found = asked.says("review", lived.open)

    assert re.search(rf"^epoch +{lived.open} \(open\), ", shown, re.MULTILINE)
    assert "sources     1 NEVER\n" in shown
    assert "8: 7 count, 1 excluded, 1 re-weighted, 1 late; 0 in no epoch yet" in shown
    assert re.search(r"^ann +#+ +32\.500 +8\.000 +8\d\d$", shown, re.MULTILINE)
    assert re.search(r"^bob +# +4\.000\* +8\.000 +1\d\d$", shown, re.MULTILINE)
    assert f"since the week before (epoch {lived.closed}): ann +24.500, bob -4.000" in shown
    assert "set: bob 0.000 -> 4.000 by admin: agreed in the weekly call" in shown
    assert f"excluded: {lived.events[0].id} by admin: agreed in the weekly call" in shown
    assert f"weighs 0.500: {lived.events[1].id} by admin" in shown
    assert f"late: 1 event of 1 person from epoch {lived.closed}" in shown
    assert "perhaps ann's: alike as git ann@work.example" in shown
    assert "ledger identity bind -- git ann@example.org ann" in shown
    assert "pool        1000 credits: base_issuance 1000" in shown
    assert shown.endswith(
        f"allocations {found['allocation_set_hash']}\n"
        f"next: {COMMITS} was never collected: what is missing would count in the next epoch\n"
        "    ledger epoch collect --at 2026-11-23\n"
    )
    assert [each["command"] for each in found["next"]] == ["ledger epoch collect --at 2026-11-23"]
    assert found["due_events"] == 0
    assert len(shown.splitlines()) <= 30
    assert sum(person["credits"] for person in found["people"]) == 1000
    assert [(each["user_id"], each["final_units"]) for each in found["overrides"]] == [("bob", 4000)]
    assert found["late"] == [{"from_epoch_id": lived.closed, "events": 1, "people": 1}]
    assert found["judged"]["newest"][0]["reason"] == "agreed in the weekly call"
    assert found["since_last_week"]["epoch_id"] == lived.closed
    assert found["complete"] is False


def test_a_suggested_command_is_quoted_for_a_shell(asked: Asked, lived: Lived) -> None:
    shown = asked.prints("review", lived.open)

    assert "perhaps bob's: same login as github 2002" in shown
    assert "ledger identity bind -- git 'x[31m; rm -rf ~ \ufffd$(id)' bob" in shown


def test_what_changed_since_the_last_look_is_told_until_the_next(asked: Asked, lived: Lived) -> None:
    first = asked.prints("review", lived.open)
    same = asked.prints("review", lived.open)
    lived.story.store(annas(31, at=day(4, week=1)))
    lived.story.curate(lived.open)
    lived.story.propose(lived.open)
    lived.story.record(lived.open, make_component(5, component_id="top_up"))
    machine = asked.says("review", lived.open)["since_last_look"]
    changed = asked.prints("review", lived.open)
    then = asked.prints("review", lived.open)

    assert "since you looked" not in first
    assert re.search(r"since you looked at \S+Z: nothing changed", same)
    assert (machine["events"], machine["pool_credits"], machine["allocations_changed"]) == (1, 5, True)
    assert machine["people"] == [{"user_id": "ann", "before": 32_500, "after": 40_500}]
    assert re.search(r"since you looked at \S+Z: \+1 events, \+5 credits in the pool", changed)
    assert re.search(r"since you looked at \S+Z: ann \+8\.000", changed)
    assert re.search(r"^  decided: pool component recorded top_up 5 credits by \S+", changed, re.MULTILINE)
    assert "nothing changed" in then


def test_a_change_that_leaves_every_count_equal_is_told_by_its_name(asked: Asked, lived: Lived) -> None:
    """Another event excluded, another weight, other units by hand, an account moved, streams that changed places."""
    story, here = lived.story, lived.open
    ledger, clock = story.ledger, story.clock
    record_stream_problem(ledger, COMMITS, "the disk is gone", clock=clock)
    asked.prints("review", here)
    before = asked.says("review", here)
    story.judge(here, lived.events[0])
    story.judge(here, lived.events[2], included=False)
    story.judge(here, lived.events[1], weight=501)
    story.judge(here, lived.events[1], weight=500)
    story.adjust(here, "bob", 4001)
    story.adjust(here, "bob", 4000)
    story.unbind("2002")
    story.bind("bob", "2002")
    record_stream_collected(ledger, COMMITS, period_end=day(0, week=3), clock=clock)
    since = asked.says("review", here)["since_last_look"]
    shown = asked.prints("review", here)

    assert since | {"at": "", "streams": [], "decisions": []} == {
        "at": "", "allocations_changed": False, "events": 0, "included": 0, "unresolved": 0, "late": 0,
        "excluded": 0, "pool_credits": 0, "people": [], "streams": [], "decisions": [], "all_decisions": True,
    }  # fmt: skip
    assert since["streams"] == [{"stream": str(COMMITS), "before": "failing", "after": "complete"}]
    assert [each["sentence"].partition(" by admin")[0] for each in since["decisions"]] == [
        "identities bound bob",
        "identity unbound bob",
        "allocation set bob 4.001 -> 4.000",
        "allocation set bob 4.000 -> 4.001",
        f"event judged {lived.events[1].id} weighs 0.501 -> weighs 0.500",
        f"event judged {lived.events[1].id} weighs 0.500 -> weighs 0.501",
        f"event judged {lived.events[2].id} counts -> excluded",
        f"event judged {lived.events[0].id} excluded -> counts",
    ]
    assert before["since_last_look"]["decisions"] == []
    assert (
        f"no count, pool or units changed\n  stream {COMMITS} failing -> complete\n  decided: identities"
        in shown
    )
    assert "allocation set bob 4.001 -> 4.000 by admin: agreed in the weekly call" in shown
    assert "nothing changed" not in shown
    assert "  and 3 more: --json lists them" in shown
    assert "nothing changed" in asked.prints("review", here)


@pytest.mark.parametrize("most", [200, 1])
def test_what_is_decided_of_another_epoch_alone_is_not_told(
    asked: Asked, lived: Lived, monkeypatch: pytest.MonkeyPatch, *, most: int
) -> None:
    """Where the record was not read back to the look, something else may lie behind it: that nothing changed is not said."""
    monkeypatch.setattr("scheduler_worker.cli.review_facts.MOST_DECISIONS", most)
    asked.prints("review", lived.open)
    with lived.story.ledger.read() as view:
        newest = view.statements.versions(lived.closed)[-1].statement_hash
    amend_statement(
        lived.story.ledger,
        lived.closed,
        set_units={UserId("ann"): 77},
        cleared=[],
        reviewed_statement_hash=newest,
        context=make_context("her work was missed"),
        clock=lived.story.clock,
    )

    since = asked.says("review", lived.open)["since_last_look"]
    assert (since["decisions"], since["all_decisions"]) == ([], most > 1)
    assert ("nothing changed" in asked.prints("review", lived.open)) is (most > 1)


def test_more_decisions_than_are_listed_are_said_to_be_more(
    asked: Asked, lived: Lived, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler_worker.cli.review_facts.MOST_DECISIONS", 7)
    asked.prints("review", lived.open)
    for units in range(1, 9):
        lived.story.adjust(lived.open, "bob", units)
    since = asked.says("review", lived.open)["since_last_look"]

    assert (len(since["decisions"]), since["all_decisions"]) == (7, False)
    assert "  and 2 more: --json lists the newest" in asked.prints("review", lived.open)


def test_a_look_of_the_older_format_is_read_for_what_it_kept(
    asked: Asked, lived: Lived, node_id: NodeId
) -> None:
    asked.prints("review", lived.open)
    path = look_path(node_id, lived.open)
    look = json.loads(path.read_text())
    older = {key: look[key] for key in look.keys() - {"streams", "decisions"}} | {"format": "ledger-look/1"}
    path.write_text(json.dumps(older))
    same = asked.says("review", lived.open)["since_last_look"]

    assert (same["events"], same["streams"], same["decisions"]) == (0, None, None)
    assert "no count, pool or units changed" in asked.prints("review", lived.open)
    path.write_text(json.dumps(older | {"events": 1}))
    assert "+7 events" in asked.prints("review", lived.open)


def test_a_look_is_nobody_else_s_and_what_is_wrong_with_it_is_no_look(
    asked: Asked, lived: Lived, node_id: NodeId
) -> None:
    asked.prints("review", lived.open)
    path = look_path(node_id, lived.open)

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    for wrong in (
        "",
        "{",
        "[" * 5000,
        "[]",
        '{"format": "ledger-look/2"}',
        '{"format": "ledger-look/1", "at": 7}',
    ):
        path.write_text(wrong)
        assert "since you looked" not in asked.prints("review", lived.open)
    good = json.loads(path.read_text())
    for key, value in (("units", {"ann": "8"}), ("events", "7"), ("units", []), ("events", True),
        ("streams", {"s": 7}), ("streams", []), ("decisions", [7]), ("decisions", {}),
    ):  # fmt: skip
        path.write_text(json.dumps(good | {key: value}))
        assert "since you looked" not in asked.prints("review", lived.open)


def test_where_no_look_can_be_kept_the_review_is_shown(
    asked: Asked, lived: Lived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))

    assert "allocations" in asked.prints("review", lived.open)


def test_a_look_at_very_many_people_keeps_no_units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler_worker.cli.last_look.MAX_PEOPLE", 1)
    look = Look(
        at="x", allocation_set_hash="y", events=1, included=1, unresolved=0, late=0, excluded=0,
        pool_credits=1, units={"a": 1, "b": 2}, streams={"s": "complete", "t": "never"}, decisions=("d",),
    )  # fmt: skip
    assert keep_look(tmp_path / "l", look)
    found = find_look(tmp_path / "l")

    assert found is not None
    assert (found.units, found.pool_credits) == (None, 1)
    assert (found.streams, found.decisions) == ({"s": "complete", "t": "never"}, ("d",))
    monkeypatch.setattr("scheduler_worker.cli.last_look.MAX_STREAMS", 1)
    assert keep_look(tmp_path / "l", look)
    fewer = find_look(tmp_path / "l")
    assert fewer is not None
    assert fewer.streams is None


def test_a_relative_state_folder_is_none(monkeypatch: pytest.MonkeyPatch, node_id: NodeId) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/ada")

    assert look_path(node_id, 7) == Path(f"/home/ada/.local/state/ledger/{node_id}/look-7.json")


def test_sources_are_told_by_how_they_stand_for_the_window(
    asked: Asked, lived: Lived, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, clock = lived.story.ledger, lived.story.clock
    record_stream_problem(ledger, COMMITS, "the disk is gone", clock=clock)
    failing = asked.prints("review", lived.open)
    record_stream_collected(ledger, COMMITS, period_end=day(0, week=1), clock=clock)
    monkeypatch.setattr("scheduler_worker.cli.review_command.system_clock", lambda: day(1, week=1))
    early = asked.says("review", lived.open)["streams"]
    monkeypatch.setattr("scheduler_worker.cli.review_command.system_clock", lambda: day(1, week=9))
    behind = asked.says("review", lived.open)["streams"]
    record_stream_collected(ledger, COMMITS, period_end=day(0, week=3), clock=clock)
    complete = asked.prints("review", lived.open)

    assert "FAILING git:acme/web:commits fails since" in failing
    assert "the disk is gone" in failing
    assert [each["state"] for each in (*early, *behind)] == ["early", "behind"]
    assert "sources     1 complete" in complete
    pinned = asked.says("review", lived.open)["allocation_set_hash"]
    assert "    ledger identity bind PROVIDER ACCOUNT USER\nor: a close shows" in complete
    assert complete.endswith(f"    ledger epoch finalize {lived.open} \\\n    --reviewed {pinned}\n")


def test_a_closed_epoch_shows_its_statement_and_leaves_no_look(
    asked: Asked, lived: Lived, node_id: NodeId
) -> None:
    shown = asked.prints("review", lived.closed)
    found = asked.says("review", lived.closed)

    assert f"statement   {found['statement_hash']}\n" in shown
    assert "next:" not in shown
    assert not look_path(node_id, lived.closed).exists()
    assert asked.refuses("review", 99) == "epoch-not-found"


def test_the_week_before_is_the_statement_that_counts(asked: Asked, lived: Lived) -> None:
    """Who is in by a correction alone was there, too."""
    lived.story.bind("zoe", "3003")
    with lived.story.ledger.read() as view:
        newest = view.statements.versions(lived.closed)[-1].statement_hash
    amend_statement(
        lived.story.ledger,
        lived.closed,
        set_units={UserId("ann"): 77, UserId("zoe"): 5000},
        cleared=[],
        reviewed_statement_hash=newest,
        context=make_context("her work was missed"),
        clock=lived.story.clock,
    )

    since = {each["user_id"]: each for each in asked.says("review", lived.open)["since_last_week"]["people"]}
    assert since["ann"]["before"] == 77
    assert (since["zoe"]["before"], since["zoe"]["after"]) == (5000, None)
    people = {each["user_id"]: each for each in asked.says("review", lived.closed)["people"]}
    assert (people["zoe"]["units"], people["zoe"]["proposed_units"], people["zoe"]["events"]) == (5000, 0, 0)
    assert asked.says("epoch", "show", lived.closed)["users"] == 3
    [zoe] = asked.says("identity", "who", "zoe")["users"][0]["epochs"]
    assert (zoe["epoch_id"], zoe["units"], zoe["proposed_units"], zoe["corrected_units"]) == (
        lived.closed, 5000, 0, 5000,
    )  # fmt: skip
    assert zoe["credits"] == people["zoe"]["credits"] > 0
    assert re.search(
        r" closed +5\.000 +by an amendment +\d+$", asked.prints("identity", "who", "zoe"), re.MULTILINE
    )


def test_people_by_the_hundred_end_in_how_many_more(asked: Asked, lived: Lived) -> None:
    for number in range(100, 140):
        lived.story.bind(f"user{number}", str(number))
    lived.story.store(
        *(make_event(number, at=day(5, week=1), account=str(number)) for number in range(100, 140))
    )
    lived.story.curate(lived.open)
    lived.story.propose(lived.open)
    shown = asked.prints("review", lived.open)
    found = asked.says("review", lived.open)

    assert re.search(r"^and 27 more people with \d+\.\d{3} units, \d+ credits$", shown, re.MULTILINE)
    assert "and 37 more people" in shown  # whose units changed since the week before
    assert len(found["people"]) == 42
    assert len(shown.splitlines()) <= 45


def test_it_fits_a_terminal_whatever_people_are_called(settings: dict[str, str], lived: Lived) -> None:
    wide = "\u65e5\u672c\u8a9e" * 40
    lived.story.bind(wide, "7007")
    lived.story.store(
        make_event(77, at=day(5, week=1), account="7007", login="\U0001f468\u200d\U0001f469\u200d\U0001f467")
    )
    lived.story.curate(lived.open)
    lived.story.propose(lived.open)
    lived.story.adjust(lived.open, wide, 5)

    for command in (("review", lived.open), ("identity", "who", wide), ("identity", "who", "ann")):
        ended = run_on_terminal(*map(str, command), settings=settings)
        lines = screen_lines(ended.output)
        assert ended.status == 0, ended
        assert [line for line in lines if wcswidth(line) > COLUMNS or wcswidth(line) < 0] == []
        assert controls_in("\n".join(lines)) == []


def test_bars_and_signs() -> None:
    assert [bar(units, 100) for units in (0, 1, 50, 100)] == ["", "#", "######", "############"]
    assert bar(5, 0) == ""
    assert [signed_units(units) for units in (0, 1500, -250)] == ["+0.000", "+1.500", "-0.250"]


def test_who_somebody_is(asked: Asked, lived: Lived) -> None:
    lived.story.unbind("2002")
    ann = asked.says("identity", "who", "ann@work.example")
    told = asked.prints("identity", "who", "ANN@WORK.example")
    bob = asked.says("identity", "who", "bob")
    told_of_bob = asked.prints("identity", "who", "bob")

    [user] = ann["users"]
    assert user["user_id"] == "ann"
    assert user["accounts"] == [
        {"provider": "git", "account": "ann@work.example"},
        {"provider": "github", "account": "1001"},
    ]
    assert [each["change"] for each in user["history"]] == ["bound", "bound"]
    assert [(each["epoch_id"], each["status"], each["credits"]) for each in user["epochs"]] == [
        (lived.open, "open", None),
        (lived.closed, "closed", 50),
    ]
    assert told.startswith("user ann\n  git ann@work.example\n  github 1001\n")
    assert [each["account"] for each in bob["unbound_accounts"]][-1] == "2002"
    assert [each["change"] for each in bob["unbound_accounts"][-1]["history"]] == ["bound", "unbound"]
    assert bob["users"][0]["accounts"] == []
    assert "no account is bound to this user now" in told_of_bob
    assert "nobody's: github 2002 (login bob)" in told_of_bob
    assert asked.refuses("identity", "who", "zoe") == "nobody-named"


def test_who_asks_for_a_reason_may_be_named_by_an_account(asked: Asked, lived: Lived) -> None:
    """One that is a single user's: what is nobody's, or of two, is explained or refused as it is called."""
    lived.story.bind("cid", "3003")
    lived.story.store(
        make_event(71, at=day(4, week=1), account="3003", login="shared"),
        make_event(72, at=day(4, week=1), account="1001", login="shared"),
    )
    told = asked.prints("explain", lived.closed, "ANN@work.example")

    assert told.startswith("ANN@work.example stands for ann\nann gets 50 of 100 credits")
    assert asked.says("explain", lived.closed, "1001") == asked.says("explain", lived.closed, "ann")
    assert asked.prints("explain", lived.open, "ann@example.org").startswith("ann@example.org would get 0")
    assert asked.refuses("explain", lived.closed, "shared") == "account-of-several"


def test_an_account_that_was_another_s_when_an_epoch_closed_names_nobody_there(
    asked: Asked, lived: Lived
) -> None:
    """Ann was paid for it; who asks for it by its name must not be told of whoever has it now."""
    lived.story.unbind("1001")
    lived.story.bind("zoe", "1001")

    assert asked.refuses("explain", lived.closed, "1001") == "account-of-several"
    assert asked.prints("explain", lived.closed, "ann").startswith("ann gets 50 of 100 credits")
    assert asked.prints("explain", lived.open, "1001").startswith("1001 stands for zoe\n")


def test_the_history_of_all_accounts_of_a_name_is_read_in_one_statement(asked: Asked, lived: Lived) -> None:
    accounts = [f"300{number}" for number in range(5)]
    for number, account in enumerate(accounts):
        lived.story.bind(f"user{number}", account)
        lived.story.store(make_event(81 + number, at=day(4, week=1), account=account, login="shared"))
    seen: list[str] = []

    def note(*arguments: Any) -> None:
        statement = arguments[2]
        if "identity_events" in statement:
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        assert asked.refuses("explain", lived.closed, "shared") == "account-of-several"
    finally:
        event.remove(Engine, "before_cursor_execute", note)

    assert len(seen) == 1


def test_a_review_writes_nothing_to_the_ledger(asked: Asked, lived: Lived) -> None:
    """The reader's login has no right to write; and no action appears."""

    def actions() -> int:
        with lived.story.ledger.read() as view:
            return len(view.actions.list_latest(limit=1000))

    before = actions()
    asked.prints("review", EpochId(lived.open))
    asked.prints("identity", "who", "ann")

    assert actions() == before


@pytest.mark.usefixtures("asked")
def test_a_source_that_can_t_be_made_is_no_reason_to_keep_an_epoch_open(
    lived: Lived, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its package is broken here; what it told before is in the ledger."""

    def broken(_policy: object) -> None:
        raise SourcePackageBroken("hours", "fails with RuntimeError")

    monkeypatch.setattr("scheduler_worker.cli.epoch_commands.create_sources", broken)
    status = run(["epoch", "finalize", str(lived.open)])
    told = capsys.readouterr()

    assert status == 2
    assert told.err.startswith("ledger: confirmation-needed: ")
    assert (
        "how its streams fare was not looked at: the package that brings sources of the kind hours"
        in told.out
    )

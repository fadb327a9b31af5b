"""A week's work through the command line, on real servers, with the worker in a process of its own."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
import tomllib
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from db_client.engine import create_ledger_engine
from db_client.postgres_ledger import PostgresLedger
from ledger_core import EpochId, NodeId, StreamRef
from ledger_core.domain.completeness import CompletenessCertificate, CompletenessCount
from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.domain.stream_reading import StreamReading
from ledger_core.use_cases.record_reading import record_reading
from scheduler_worker.bootstrap import login_url
from scheduler_worker.exports.workbook import amounts_in_xlsx
from tests.command_line import (
    COLUMNS,
    controls_in,
    read_until,
    run_on_terminal,
    run_program,
    running_program,
    screen_lines,
)
from tests.node import Node, collect
from tests.signers import APPROVER, STRANGER, address_of, signature_of

FIRST = datetime(2026, 1, 5, tzinfo=UTC)
HASH = re.compile(r"\b[0-9a-f]{64}\b")


def test_a_week_from_an_empty_database_to_a_verified_bundle(
    node: Node, worker: subprocess.Popen[str], settings: dict[str, str], tmp_path: Path
) -> None:
    assert node.says("epoch", "list") == []
    assert "no epoch yet" in node.does("epoch", "list")
    assert "no statement yet" in node.does("statement", "list")
    epoch = collect(node)
    assert "complete" in node.does("epoch", "collect", "--at", "2026-01-05T12:00:00Z")
    assert "nobody has units" in node.does("allocation", "list", epoch)

    bind_everybody(node, epoch)
    adjust(node, epoch)
    judge(node, epoch, first_event(settings))
    fund(node, epoch)
    statement = close(node, epoch)
    publish(node, epoch, statement, tmp_path / "a bundle.zip")
    amend(node, epoch, statement, tmp_path / "a bundle.zip")
    pay_the_difference(node, epoch, statement, tmp_path)
    look_at_what_counts(node, epoch)
    sign(node, epoch, statement, tmp_path)

    second = node.says("epoch", "collect", "--at", "2026-01-12", "--no-wait")
    assert second["workflow_id"] == "ledger-collect-2026-01-12-2026-01-19"
    worker.send_signal(signal.SIGTERM)
    _, rest = worker.communicate(timeout=60)
    assert (worker.returncode, "Traceback" in rest) == (0, False), rest


def bind_everybody(node: Node, epoch: int) -> None:
    for account in node.says("identity", "unresolved", "--epoch", epoch):
        user = account["external_id"].partition("@")[0]
        bound = node.says("identity", "bind", account["provider"], account["external_id"], user)
        assert (bound["added"], bound["joined"]) == (1, False)
    assert "was bound already" in node.does("identity", "bind", "git", "grace@example.org", "grace")
    assert node.refuses("identity", "bind", "git", "grace@example.org", "ada") == "identity-already-bound"
    assert node.does("identity", "unresolved", "--epoch", epoch) == "every account is bound\n"


def adjust(node: Node, epoch: int) -> None:
    listed = node.says("allocation", "list", epoch)
    proposed = {row["user_id"]: row["proposed_units"] for row in listed["allocations"]}
    assert proposed == {"ada": 6_000, "grace": 1_500, "linus": 3_000}
    assert "now has 9.000 units" in node.does("allocation", "set", epoch, "grace", 9000, "--reason", "led it")
    assert "had 9.000 units" in node.does("allocation", "set", epoch, "grace", 9000, "--reason", "led it")
    assert "led it" in node.does("allocation", "list", epoch)
    assert node.says("allocation", "clear", epoch, "grace", "--reason", "too much")["changed"]
    assert node.says("allocation", "list", epoch) == listed
    assert node.refuses("allocation", "set", epoch, "nobody", 1, "--reason", "x") == "user-not-found"


def judge(node: Node, epoch: int, event: str) -> None:
    assert "does not count" in node.does("event", "exclude", epoch, event, "--reason", "vendored")
    assert not node.says("event", "exclude", epoch, event, "--reason", "vendored")["changed"]
    assert "now counts" in node.does("event", "include", epoch, event, "--weight", 2000, "--reason", "it is")
    assert node.says("event", "include", epoch, event, "--reason", "as any other")["changed"]
    assert node.refuses("event", "exclude", epoch, "git:no:such", "--reason", "x") == "event-not-curated"


def fund(node: Node, epoch: int) -> None:
    assert node.refuses("epoch", "finalize", epoch, "--yes", "--json") == "pool-base-missing"
    assert "has no pool yet" in node.does("pool", "list", epoch)
    assert "recorded" in node.does("pool", "add", epoch, "base_issuance", 1000, "--yes")
    assert not node.says("pool", "add", epoch, "base_issuance", 1000, "--yes")["changed"]
    assert node.refuses("pool", "add", epoch, "base_issuance", 1001, "--yes") == "pool-component-differs"
    more = ("--inputs", '{"from": "a sponsor"}', "--evidence", "https://example.org/42")
    assert node.says("pool", "add", epoch, "top_up", 2**53, "--yes", *more)["changed"]
    assert node.says("pool", "list", epoch)["pool_credits"] == 2**53 + 1000
    assert str(2**53) in node.does("pool", "list", epoch)


def close(node: Node, epoch: int) -> str:
    stale = ("--reviewed", "0" * 64)
    assert node.refuses("epoch", "finalize", epoch, "--yes", "--json", *stale) == "allocations-changed"
    pinned = node.says("epoch", "show", epoch)["allocation_set_hash"]
    assert pinned in node.does("epoch", "show", epoch)
    closed = node.says("epoch", "finalize", epoch, "--yes", "--reviewed", pinned.upper())
    assert (closed["closed_now"], closed["payouts"], closed["pool_total_credits"]) == (True, 3, 2**53 + 1000)
    assert "was closed already" in node.does("epoch", "finalize", epoch, "--yes")
    assert node.refuses("pool", "add", epoch, "late", 1, "--yes") == "epoch-closed"
    return str(closed["statement_hash"])


def publish(node: Node, epoch: int, statement: str, bundle: Path) -> None:
    assert [row["statement_hash"] for row in node.says("statement", "list")] == [statement]
    assert node.says("statement", "show", epoch)["statement_hash"] == statement
    assert HASH.findall(node.does("statement", "list")) == [statement]
    assert str(2**53 + 1000) in node.does("statement", "show", epoch)
    document = node.does("statement", "show", epoch, "--document")
    assert hashlib.sha256(document.encode()).hexdigest() == statement

    assert node.says("statement", "export", epoch, "-o", bundle)["statement_hash"] == statement
    before = bundle.read_bytes()
    assert statement in node.does("statement", "export", epoch, "-o", bundle)
    assert before == bundle.read_bytes()
    assert node.refuses("statement", "export", epoch, "-o", bundle.parent) == "export-failed"
    assert node.refuses("statement", "export", epoch, "-o", bundle / "inside") == "export-failed"
    assert [path.name for path in bundle.parent.glob(".export-*")] == []

    assert node.does("statement", "verify", bundle, "--expect", statement).endswith(f"verified {statement}\n")
    assert node.says("statement", "verify", bundle)["verdict"] == "verified"
    pay(node, epoch, statement, bundle.parent)
    other = ("--expect", "0" * 64)
    assert node.says("statement", "verify", bundle, *other, status=1)["verdict"] == "not-verified"
    assert "WRONG" in node.does("statement", "verify", bundle, *other, status=1)


def pay(node: Node, epoch: int, statement: str, folder: Path) -> None:
    """Write the payouts in every format; a payment run names who has no address, and what is not paid."""
    document = node.says("statement", "show", epoch)["document"]
    paid = {line["user_id"]: int(line["amount_credits"]) for line in document["payouts"]}
    total = f"{sum(paid.values())} credits, as the statement has them"
    for kind in ("csv", "json", "beancount", "hledger"):
        file = folder / f"payouts.{kind}"
        assert total in node.does("statement", "payouts", epoch, "--format", kind, "-o", file)
        assert node.does("statement", "payouts", epoch, "--format", kind, "-o", "-") == file.read_text()
        assert statement in file.read_text()
        assert node.refuses("statement", "payouts", epoch, "--format", kind, "-o", folder) == "export-failed"
    workbook = folder / "payouts.xlsx"
    assert total in node.does("statement", "payouts", epoch, "--format", "xlsx", "-o", workbook)
    assert sum(amounts_in_xlsx(workbook.read_bytes())) == sum(paid.values())
    rich, *poor = sorted((user for user in paid if paid[user]), key=lambda user: (-paid[user], user))
    addresses, payments = folder / "people.csv", folder / "payments.csv"
    run = ("statement", "payouts", epoch, "--format", "payments", "--addresses", addresses, "-o", payments)
    addresses.write_text(f"user_id,address\n{rich},there\n")
    assert node.refuses(*run) == "addresses-missing"
    assert not payments.exists()
    assert f"written: {paid[rich]} credits" in node.does(*run, "--skip-missing")
    addresses.write_text("user_id,address\n" + "".join(f"{user},there\n" for user in (rich, *poor)))
    assert total in node.does(*run)
    assert payments.read_text().count("there") == 1 + len(poor)
    assert payments.stat().st_mode & 0o777 == 0o600
    wrong_account = ("--format", "hledger", "--spent", "Foo:Bar", "-o", "-")
    assert node.does("statement", "payouts", epoch, *wrong_account, status=2) == ""
    assert node.does("statement", "payouts", epoch, "--format", "payments", "-o", "-", status=2) == ""
    for wrong in ("name\n", f"user_id,address\n{rich},\n", f"user_id,address\n{rich},a\n{rich},b\n"):
        addresses.write_text(wrong)
        assert node.refuses(*run) == "addresses-invalid"
    addresses.write_bytes(b"user_id,address\n\xff,there\n")
    assert node.refuses(*run) == "addresses-invalid"
    addresses.unlink()
    assert node.refuses(*run) == "addresses-invalid"
    assert list(folder.glob(".export-*")) == []


def amend(node: Node, epoch: int, statement: str, bundle: Path) -> None:
    """Correct the closed epoch; the old statement stays, and both verify."""
    lines = node.says("statement", "show", epoch)["document"]["payouts"]
    user, other = lines[0]["user_id"], lines[1]["user_id"]
    why = ("--reason", "counted twice, minutes 4", "--yes")
    for wrong, code in (
        ((f"{user}=x",), "invalid-value"),
        ((f"{user}=1", f"{user}=2"), "invalid-value"),
        ((f"{user}={2**63}",), "invalid-value"),
        (("nobody=1",), "user-not-found"),
        ((f"{user}=clear",), "nothing-to-clear"),
        ((f"{user}={lines[0]['total_units']}",), "amendment-changes-nothing"),
    ):
        assert node.refuses("statement", "amend", epoch, *wrong, *why) == code
    shown = node.does("statement", "amend", epoch, f"{user}=1", *why)
    amended = HASH.findall(shown)[-1]
    assert "net" in shown
    assert statement in shown
    found = node.says("statement", "show", epoch)
    assert (found["statement_hash"], found["superseded_by"]) == (amended, None)
    assert sum(line["net_credits"] for line in found["net_differences"]) == 0
    assert {line["user_id"] for line in found["net_differences"]} >= {user, other}
    assert f"supersedes   {statement}" in node.does("statement", "show", epoch)
    old = ("--statement", statement)
    assert node.says("statement", "show", epoch, *old)["superseded_by"] == amended
    assert f"SUPERSEDED by {amended}" in node.does("statement", "show", epoch, *old)
    assert node.refuses("statement", "show", epoch, "--statement", "0" * 64) == "statement-unknown"
    assert [row["supersedes"] for row in node.says("statement", "list")] == [None, statement]
    before = bundle.read_bytes()
    assert node.says("statement", "export", epoch, "-o", bundle, *old)["statement_hash"] == statement
    assert bundle.read_bytes() == before
    assert node.says("statement", "export", epoch, "-o", bundle)["statement_hash"] == amended
    assert node.does("statement", "verify", bundle, "--expect", amended).endswith(f"verified {amended}\n")
    assert "set when the statement was amended" in node.does("explain", epoch, user)
    node.does("doctor")
    bundle.write_bytes(before)


def pay_the_difference(node: Node, epoch: int, statement: str, folder: Path) -> None:
    """Nothing of an amended epoch is paid or booked a second time, but by a choice."""
    shown = node.says("statement", "show", epoch)
    net = {line["user_id"]: line["net_credits"] for line in shown["net_differences"] if line["net_credits"]}
    more, back = sum(each for each in net.values() if each > 0), [user for user in net if net[user] < 0]
    addresses, written = folder / "all.csv", folder / "net"
    addresses.write_text("user_id,address\n" + "".join(f"{user},there\n" for user in net))
    payments = ("--format", "payments", "--addresses", addresses)
    run = ("statement", "payouts", epoch)
    for wanted in (payments, ("--format", "beancount"), ("--format", "hledger")):
        assert node.refuses(*run, *wanted, "-o", written) == "epoch-amended"
        assert not written.exists()
        superseded = node.does(*run, *wanted, "-o", "-", "--statement", statement)
        assert statement in superseded
        assert node.refuses(*run, *wanted, "-o", written, "--net", "--statement", statement) == (
            "nothing-superseded"
        )
    for kind in ("csv", "json", "beancount", "hledger"):
        text = node.does(*run, "--format", kind, "--net", "-o", "-")
        assert statement in text
        assert shown["statement_hash"] in text
        assert all(str(abs(amount)) in text for amount in net.values())
    assert f"written: {more} credits, more than" in node.does(*run, *payments, "--net", "-o", written)
    assert {line.split(",")[0] for line in written.read_text().splitlines()[1:]} == net.keys() - set(back)
    assert "more than" in node.does(*run, "--format", "xlsx", "--net", "-o", written)
    assert written.read_bytes().startswith(b"PK")
    assert shown["statement_hash"] in node.does(*run, "--format", "csv", "-o", "-")


def look_at_what_counts(node: Node, epoch: int) -> None:
    """Every view of an amended epoch shows the units and credits of the statement that counts."""
    document = node.says("statement", "show", epoch)["document"]
    (made,) = document["amendment"]["corrections"]
    paid = {line["user_id"]: line for line in document["payouts"]}
    review, listed = node.says("review", epoch), node.says("allocation", "list", epoch)
    overview = node.says("epoch", "show", epoch)
    for found in (review, listed, overview):
        assert found["allocation_set_hash"] == document["allocation_set_hash"]
    assert overview["users"] == len(paid)
    people = {each["user_id"]: each for each in review["people"]}
    assert {user: (each["units"], each["credits"]) for user, each in people.items()} == {
        user: (int(line["total_units"]), int(line["amount_credits"])) for user, line in paid.items()
    }
    assert {user for user, each in people.items() if each["corrected_units"] is not None} == {made["user_id"]}
    assert people[made["user_id"]]["corrected_units"] == int(made["units"])
    assert listed["corrections"] == [made | {"units": int(made["units"])}]
    for command in (("review",), ("allocation", "list")):
        assert f"amended: {made['user_id']} {int(made['units']) / 1000:.3f} by" in node.does(*command, epoch)
    (user,) = node.says("identity", "who", made["user_id"])["users"]
    assert user["epochs"][0]["units"] == int(made["units"])
    assert user["epochs"][0]["credits"] == people[made["user_id"]]["credits"]


def sign(node: Node, epoch: int, statement: str, folder: Path) -> None:
    """An approver signs the amended statement and the superseded one; a stranger does not."""
    newest = node.says("statement", "show", epoch)["statement_hash"]
    text = node.does("statement", "sign-data", epoch)
    assert text == node.says("statement", "sign-data", epoch)["text"]
    assert text.endswith(f"statement: {newest}")
    assert node.does("statement", "sign-data", epoch, "--statement", statement).endswith(statement)
    signature = signature_of(APPROVER, text)
    assert "nobody signed" in node.does("statement", "signatures", epoch)
    assert node.does("statement", "add-signature", epoch, signature.upper().replace("0X", "0x")) == (
        f"ann ({address_of(APPROVER)}) signed {newest}\n"
    )
    assert "had signed already" in node.does("statement", "add-signature", epoch, signature)
    stranger = signature_of(STRANGER, text)
    assert node.refuses("statement", "add-signature", epoch, stranger) == "signer-not-approver"
    old = ("--statement", statement)
    assert node.refuses("statement", "add-signature", epoch, signature, *old) == "signer-not-approver"
    assert node.does("statement", "add-signature", epoch, "0x12", status=2) == ""
    bundle, signatures = folder / "signed.zip", folder / "signed.json"
    node.does("statement", "export", epoch, "-o", bundle)
    assert "1 signatures" in node.does("statement", "signatures", epoch, "-o", signatures)
    listed = node.says("statement", "signatures", epoch)["signatures"]
    assert listed == [{"signer": address_of(APPROVER), "signature": signature, "state": "valid"}]
    verify = ("statement", "verify", bundle, "--signatures", signatures)
    assert node.says(*verify)["signers"] == [address_of(APPROVER)]
    change = next(line for line in node.says("statement", "show", epoch)["document"]["payouts"])
    again = ("statement", "amend", epoch, f"{change['user_id']}=77", "--reason", "once more")
    assert node.refuses(*again, "--yes", "--json", "--require-approvals", "1") == "approvals-missing"
    assert node.refuses(*again, "--yes", "--json", "--require-approvals", "2") == "too-few-approvers"
    approval = signature_of(APPROVER, node.does(*again, "--sign-data"))
    assert "is amended" in node.does(*again, "--yes", "--require-approvals", "1", "--approval", approval)
    assert [row["signer"] for row in node.says("statement", "signatures", epoch)["signatures"]] == [
        address_of(APPROVER)
    ]


def read_again(settings: dict[str, str], epoch: int, *counts: tuple[str, int, int]) -> None:
    """Keep with the epoch's window that streams were counted a second time."""
    node_id = tomllib.loads(Path(settings["LEDGER_CONFIG"]).read_text(encoding="utf-8"))["node_id"]
    engine = create_ledger_engine(settings["LEDGER_DATABASE_URL"], application_name="tests")
    ledger = PostgresLedger(engine, NodeId(uuid.UUID(node_id)))
    window = EpochWindow(period_start=FIRST, period_end=FIRST + timedelta(days=7))
    with ledger.read() as view:
        assert view.epochs.get(EpochId(epoch)).window == window
    for stream, seen, independent in counts:
        count = CompletenessCount(what=stream, route="search", seen=seen, independent=independent)
        certificate = CompletenessCertificate(
            begins=None,
            ends=None,
            pages=1,
            counts=(count,),
            skipped={"bot": 3},
            skipped_actors={"\x1b[2Jbot": 3},
        )
        reading = StreamReading(
            stream=StreamRef(source="github", source_ref="acme/web", stream=stream),
            window=window,
            retrieved_at=window.period_end,
            certificate=certificate,
        )
        assert record_reading(ledger, reading)
    engine.dispose()


def test_a_gap_is_shown_blocks_the_close_and_is_waived(
    node: Node, worker: subprocess.Popen[str], settings: dict[str, str]
) -> None:
    epoch = collect(node)
    assert "no stream of epoch" in node.does("gap", "list", epoch)
    node.does("pool", "add", epoch, "base_issuance", 100, "--yes")
    read_again(settings, epoch, ("issues", 41, 42), ("pulls", 7, 7))

    shown = node.does("gap", "list", epoch, status=3)
    assert "INCOMPLETE github:acme/web:issues: 41 issues were read, and 42 are counted by search" in shown
    assert "read and not taken, github:acme/web:pulls: 3 bot" in shown
    listed = node.says("gap", "list", epoch, status=3)
    assert (listed["complete"], [one["verdict"] for one in listed["streams"]]) == (
        False,
        ["incomplete", "complete"],
    )
    assert node.refuses("epoch", "finalize", epoch, "--yes") == "stream-incomplete"
    waive = ("gap", "waive", epoch, "github:acme/web:issues", "--reason", "it lags", "--yes")
    assert node.refuses("gap", "waive", epoch, "github:acme/web:pulls", *waive[4:]) == "nothing-to-waive"
    assert node.refuses("gap", "waive", epoch, "github:acme/web:x", *waive[4:]) == "stream-not-read"
    assert node.refuses("gap", "waive", epoch, "acme", *waive[4:]) == "invalid-value"
    assert "waived in epoch" in node.does(*waive)
    assert node.says(*waive)["changed"] is False
    assert "waived github:acme/web:issues" in node.does("gap", "list", epoch)
    node.does("epoch", "finalize", epoch, "--yes")
    assert "waived by an admin: it lags" in " ".join(node.does("statement", "show", epoch).split())
    node.does("doctor")
    assert worker.poll() is None


def test_an_open_epoch_of_another_window_is_named_and_events_are_kept(
    node: Node, worker: subprocess.Popen[str]
) -> None:
    epoch = collect(node)

    blocked = node.says("epoch", "collect", "--at", "2026-01-12", status=3)
    told = node.does("epoch", "collect", "--at", "2026-01-12", status=3)

    assert (blocked["blocked_by_epoch_id"], blocked["epoch_id"]) == (epoch, None)
    assert f"Next: ledger epoch finalize {epoch}" in told
    assert worker.poll() is None


def test_a_schedule_is_applied_once_and_shown(node: Node, settings: dict[str, str]) -> None:
    assert node.says("schedule", "apply")["outcome"] == "created"
    assert "unchanged" in node.does("schedule", "apply")
    Path(settings["LEDGER_CONFIG"]).write_text(
        Path(settings["LEDGER_CONFIG"]).read_text().replace('"7d"', '"1d"')
    )
    assert node.says("schedule", "apply")["outcome"] == "updated"

    shown = node.says("schedule", "show")

    assert (shown["facts"]["catch up"], shown["paused"], shown["last_runs"]) == ("1d", False, [])
    assert (len(shown["next_runs"]), shown["drift"]) == (5, [])
    assert "It has started no run yet." in node.does("schedule", "show")


def test_drift_is_shown_until_the_file_is_applied(node: Node, settings: dict[str, str]) -> None:
    node.does("schedule", "apply")
    Path(settings["LEDGER_CONFIG"]).write_text(
        Path(settings["LEDGER_CONFIG"]).read_text().replace("[schedule]", '[schedule]\njitter = "90s"')
    )

    drift = node.says("schedule", "show")["drift"]
    told = node.does("schedule", "show")
    node.does("schedule", "apply")

    assert drift == [{"fact": "jitter", "file": "90s", "server": "5m"}]
    assert "Next: ledger schedule apply" in told
    assert node.says("schedule", "show")["drift"] == []


def test_a_schedule_is_paused_resumed_triggered_backfilled_and_removed(
    node: Node, worker: subprocess.Popen[str]
) -> None:
    node.does("schedule", "apply")
    node.does("schedule", "pause", "--reason", "the database moves")
    paused = node.says("schedule", "show")
    refused = node.refuses("schedule", "trigger")
    node.does("schedule", "resume")
    triggered = node.says("schedule", "trigger")
    shown = node.says("schedule", "show")
    while shown["last_runs"][0]["outcome"] == "running":
        shown = node.says("schedule", "show")
    node.does("schedule", "backfill", "2026-01-01", "2026-01-31")
    early = node.refuses("schedule", "backfill", "2026-02-01", "2026-01-31")
    never = node.refuses("schedule", "backfill", "2026-01-01", "9999-01-01")
    node.does("schedule", "remove", status=2)
    node.does("schedule", "remove", "--yes")
    gone = node.refuses("schedule", "show")

    assert paused["paused"]
    assert paused["note"] == "the database moves"
    assert paused["next_runs"] == []
    assert refused == "schedule-paused"
    assert triggered["workflow_id"].startswith("ledger-plan-")
    assert shown["last_runs"][0]["workflow_id"] == triggered["workflow_id"]
    assert (shown["last_runs"][0]["outcome"], shown["last_runs"][0]["detail"]) == (
        "done",
        "2 windows collected",
    )
    assert (early, never) == ("invalid-value", "invalid-value")
    assert gone == "schedule-not-found"
    assert worker.poll() is None


def test_a_person_is_asked_before_what_can_not_be_undone(
    node: Node, worker: subprocess.Popen[str], settings: dict[str, str]
) -> None:
    epoch = collect(node)
    add = ("pool", "add", str(epoch), "base_issuance", "1000")
    close = ("epoch", "finalize", str(epoch))

    refused = run_on_terminal(*add, settings=settings, answers=[("[y/N]", "n")])
    added = run_on_terminal(*add, settings=settings, answers=[("[y/N]", "y")])
    kept_open = run_on_terminal(*close, settings=settings, answers=[("[y/N]", "n")])
    state = node.says("epoch", "show", epoch)["status"]
    closed = run_on_terminal(*close, settings=settings, answers=[("[y/N]", "y")])
    shown = run_on_terminal("statement", "show", str(epoch), settings=settings)
    exported = run_on_terminal("statement", "list", settings=settings)
    ended = (refused, added, kept_open, closed, shown, exported)

    assert [each.status for each in ended] == [1, 0, 1, 0, 0, 0]
    assert "ledger: declined: nothing was changed" in refused.output
    assert "Record base_issuance of 1000 credits" in added.output
    assert state == "open"
    assert f"Close epoch {epoch} for ever, paying 1000 credits? [y/N]" in closed.output
    for each in ended:
        lines = screen_lines(each.output)
        assert [line for line in lines if len(line) > COLUMNS] == []
        assert controls_in("\n".join(lines)) == []
    assert len(HASH.findall(shown.output)) == 3
    assert worker.poll() is None


def test_a_reader_s_login_reads_and_a_stranger_s_does_not(
    node: Node, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = login_url(settings["LEDGER_OWNER_DATABASE_URL"], f"{node.login}_reader", "of the week")
    monkeypatch.setenv("LEDGER_DATABASE_URL", reader)

    assert node.says("epoch", "list") == []
    monkeypatch.delenv("LEDGER_OWNER_DATABASE_URL")
    assert node.refuses("db", "grant", "--worker", "one", "--reader", "one") == "invalid-value"
    assert node.refuses("db", "grant", "--worker", "x" * 64) == "invalid-value"
    assert node.refuses("db", "grant", "--worker", "somebody") in {
        "role-rights-missing",
        "database-unreachable",
    }


def test_a_worker_told_to_stop_at_once_ends_well_each_time(node: Node, settings: dict[str, str]) -> None:
    del node
    for number in (signal.SIGTERM, signal.SIGINT):
        with running_program("worker", settings=settings) as process:
            read_until(process, "worker_started")
            process.send_signal(number)
            _, rest = process.communicate(timeout=60)

            assert (process.returncode, "Traceback" in rest) == (0, False), rest


def test_the_installed_program_works_from_any_folder(
    node: Node, worker: subprocess.Popen[str], settings: dict[str, str], tmp_path: Path
) -> None:
    epoch = collect(node)
    ended = [
        run_program("epoch", "list", "--json", settings=settings, cwd=tmp_path),
        run_program("epoch", "show", str(epoch), settings=settings, cwd=tmp_path),
        run_program("identity", "unresolved", settings=settings, cwd=tmp_path),
        run_program(
            "pool", "add", str(epoch), "base_issuance", "5", "--yes", settings=settings, cwd=tmp_path
        ),
    ]

    assert [each.status for each in ended] == [0, 0, 0, 0]
    assert json.loads(ended[0].output)[0]["epoch_id"] == epoch
    assert re.fullmatch(r"workflow ledger-pool-\S+ started\n", ended[3].errors)
    assert "\x1b" not in ended[2].output
    assert worker.poll() is None


def test_a_terminal_without_utf_8_is_no_fault(
    node: Node, worker: subprocess.Popen[str], settings: dict[str, str]
) -> None:
    epoch = collect(node)
    assert node.says("identity", "bind", "git", "grace@example.org", "\u65e5\u672c")["added"] == 1

    ended = run_program("allocation", "list", str(epoch), settings=settings | {"PYTHONIOENCODING": "latin-1"})

    assert (ended.status, "\\u65e5\\u672c" in ended.output) == (0, True), ended
    assert worker.poll() is None


def first_event(settings: dict[str, str]) -> str:
    """The id of an event of the first week, as the database has it."""
    url = settings["LEDGER_OWNER_DATABASE_URL"].replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT id FROM activity_events WHERE event_type = 'commit_authored' ORDER BY event_time, id LIMIT 1"
        ).fetchone()
    assert row is not None
    return str(row[0])

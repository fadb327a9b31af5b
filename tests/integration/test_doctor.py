"""A superuser edits what triggers would have kept: `ledger doctor` finds and names each edit."""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, text

from db_client.database_url import parse_database_url
from db_client.engine import create_ledger_engine
from ledger_core.domain.approvals import ApprovalPolicy
from ledger_core.domain.finding import CHECKS, DOUBTS, Finding
from ledger_core.ports.watcher import Unwatched
from scheduler_worker.bootstrap import check_ledger, opened_reader
from scheduler_worker.cli import progress
from scheduler_worker.cli.app import run
from scheduler_worker.signing import recover_signer
from tests.command_line import controls_in, run_on_terminal, screen_lines
from tests.conftest import LOGIN_PASSWORD, READER_LOGIN
from tests.ledger_history import NEIGHBOUR, NODE, QUIET, SIGNER, Names, live, opened_session, run_alone
from tests.signers import SECOND, STRANGER, address_of, approval_policy

UNTRIGGERED = "SET session_replication_role = replica;"  # a superuser's way past every trigger
OTHER_HASH = "repeat('b', 64)"
APPROVALS = approval_policy()
SIGN = "INSERT INTO statement_signatures (node_id, statement_id, signer_wallet, signature, signed_at) VALUES"
NO_POINT = f"0x{'5' * 128}1b"

# What is edited, and the checks that find it: all of them, and no other.
EDITS = {
    "a payout's amount": (
        ("UPDATE payout_statements SET payouts_json = jsonb_set(payouts_json, '{0,amount_credits}', '\"1\"')"
        " WHERE epoch_id = %(closed)s"),
        {"payout-sum", "payouts", "statement-hashes"},
    ),
    "two amounts that sum to the pool": (
        ("UPDATE payout_statements SET payouts_json = jsonb_set(jsonb_set(payouts_json,"
        " '{0,amount_credits}', '\"50\"'), '{1,amount_credits}', '\"1000\"') WHERE epoch_id = %(closed)s"),
        {"payouts", "statement-hashes"},
    ),
    "a payout's spelling": (
        ("UPDATE payout_statements SET payouts_json = jsonb_set(payouts_json, '{0,amount_credits}',"
        " to_jsonb('0' || (payouts_json #>> '{0,amount_credits}'))) WHERE epoch_id = %(closed)s"),
        {"payouts", "statement-hashes"},
    ),
    "payouts that are none": (
        "UPDATE payout_statements SET payouts_json = '{\"a\": [1e400]}' WHERE epoch_id = %(closed)s",
        {"payouts", "statement-hashes"},
    ),
    "payouts, and the hash with them": (
        "UPDATE payout_statements SET payouts_json = '[]', statement_hash = " + OTHER_HASH + " WHERE epoch_id = %(latest)s",
        {"payouts", "statement-hashes"},
    ),
    "a proposed unit": (
        ("UPDATE epoch_allocations SET proposed_units = proposed_units + 1"
        " WHERE epoch_id = %(closed)s AND user_id = 'ann'"),
        {"allocation-set", "payouts", "proposals"},
    ),
    "a decided unit": (
        "UPDATE epoch_allocations SET final_units = 4999 WHERE epoch_id = %(closed)s AND user_id = 'bob'",
        {"allocation-set", "payouts"},
    ),
    "a count of events": (
        "UPDATE epoch_allocations SET activity_count = 9 WHERE epoch_id = %(closed)s AND user_id = 'ann'",
        {"proposals"},
    ),
    "a proposed unit of the open epoch": (
        "UPDATE epoch_allocations SET proposed_units = 1 WHERE epoch_id = %(open)s AND user_id = 'ann'",
        {"open-proposals"},
    ),
    "an extra allocation": (
        ("INSERT INTO epoch_allocations (node_id, epoch_id, user_id, proposed_units, activity_count)"
        " VALUES (%(node)s, %(closed)s, 'eve', 1, 0)"),
        {"allocation-set", "payouts", "proposals", "references"},
    ),
    "a removed allocation": (
        "DELETE FROM epoch_allocations WHERE epoch_id = %(closed)s AND user_id = 'ann'",
        {"allocation-set", "payouts", "proposals"},
    ),
    "an event's time": (
        "UPDATE activity_events SET event_time = event_time + '1 second' WHERE id = %(event_paid)s",
        {"payload-hashes"},
    ),
    "an event's time, beyond any calendar": (
        "UPDATE activity_events SET event_time = 'infinity' WHERE id = %(event_paid)s",
        {"event-windows", "payload-hashes"},
    ),
    "an event's author": (
        "UPDATE activity_events SET platform_user_id = '2002' WHERE id = %(event_paid)s",
        {"payload-hashes"},
    ),
    "an event's metadata": (
        "UPDATE activity_events SET metadata = '{\"lines\": 1}' WHERE id = %(event_paid)s",
        {"payload-hashes"},
    ),
    "metadata that is no document of ours": (
        ("UPDATE activity_events SET metadata = ('{\"lines\": ' || repeat('9', 5000) || '}')::jsonb"
        " WHERE id = %(event_new)s"),
        {"payload-hashes"},
    ),
    "an event, and its hash with it": (
        "UPDATE activity_events SET event_type = 'issue_closed', payload_hash = " + OTHER_HASH + " WHERE id = %(event_paid)s",
        {"activity-set", "payload-hashes", "proposals"},
    ),
    "a reading that came after the close": (
        ("INSERT INTO stream_readings (node_id, period_start, period_end, source, source_ref, stream, retrieved_at,"
        " problem, gap, gap_when_over) SELECT node_id, period_start, period_end, 'github', 'acme/widgets', 'pulls',"
        " now(), 'lost', '{}', '{}' FROM epochs WHERE id = %(closed)s"),
        {"completeness"},
    ),
    "a certificate's figures": (
        ("UPDATE stream_readings SET certificate = jsonb_set(certificate, '{counts,0,independent}', '4')"
        " WHERE stream = 'issues'"),
        {"completeness"},
    ),
    "a certificate that is none": (
        "UPDATE stream_readings SET certificate = '{}' WHERE stream = 'pulls'",
        {"completeness"},
    ),
    "a removed waiver": ("DELETE FROM gap_waivers", {"completeness"}),
    "removed readings": ("DELETE FROM stream_readings", {"completeness"}),
    "a waiver's reason": ("UPDATE gap_waivers SET reason = 'another'", {"completeness"}),
    "what a statement says of its streams": (
        ("UPDATE payout_statements SET completeness_json = jsonb_set(completeness_json, '{0,reason}', '\"x\"')"
        " WHERE epoch_id = %(closed)s"),
        {"completeness", "statement-hashes"},
    ),
    "streams of a statement that are none": (
        "UPDATE payout_statements SET completeness_json = '[1]' WHERE epoch_id = %(closed)s",
        {"completeness", "statement-hashes"},
    ),
    "a removed event": (
        "DELETE FROM activity_events WHERE id = %(event_paid)s AND node_id = %(node)s",
        {"activity-set", "proposals", "references"},
    ),
    "a row of curation moved into the open epoch": (
        ("UPDATE activity_curation SET epoch_id = %(open)s WHERE event_id = %(event_paid)s"
        " AND node_id = %(node)s"),
        {"activity-set", "event-windows", "open-proposals", "proposals"},
    ),
    "an excluded event included": (
        ("UPDATE activity_curation SET included = true WHERE event_id = %(event_excluded)s"
        " AND node_id = %(node)s"),
        {"activity-set", "proposals"},
    ),
    "an event given to another": (
        "UPDATE activity_curation SET user_id = 'bob' WHERE event_id = %(event_paid)s AND node_id = %(node)s",
        {"activity-set", "proposals"},
    ),
    "a judgement after the close": (
        ("UPDATE activity_curation SET updated_at = now() + interval '100 years'"
        " WHERE event_id = %(event_paid)s AND node_id = %(node)s"),
        {"frozen-rows"},
    ),
    "an earlier close": (
        "UPDATE epochs SET closed_at = closed_at - interval '1 day' WHERE id = %(closed)s",
        {"frozen-rows"},
    ),
    "an event late from where it is not": (
        ("UPDATE activity_curation SET late_from_epoch_id = %(latest)s WHERE event_id = %(event_paid)s"
        " AND node_id = %(node)s"),
        {"event-windows"},
    ),
    "a removed component": (
        "DELETE FROM epoch_pool_components WHERE epoch_id = %(closed)s AND component_id = 'top_up'",
        {"pool-total", "statement-hashes"},
    ),
    "a removed base issuance": (
        "DELETE FROM epoch_pool_components WHERE epoch_id = %(latest)s",
        {"pool-base", "pool-total", "statement-hashes"},
    ),
    "a signature under another approver's name": (
        (f"{SIGN} (%(node)s, %(closed_statement)s, '{address_of(SECOND)}',"
        " (SELECT signature FROM statement_signatures LIMIT 1), now())"),
        {"signatures"},
    ),
    "a signature of another statement": (
        (f"{SIGN} (%(node)s, %(latest_statement)s, '{SIGNER}',"
        " (SELECT signature FROM statement_signatures LIMIT 1), now())"),
        {"signatures"},
    ),
    "bytes that no key gave": (
        f"UPDATE statement_signatures SET signature = '{NO_POINT}'",
        {"signatures"},
    ),
    "what has no form of a signature": (
        ("ALTER TABLE statement_signatures DROP CONSTRAINT ck_statement_signatures_signature;"
        " UPDATE statement_signatures SET signature = E'\\x1b[2J'"),
        {"guard-missing", "signatures"},
    ),
    "a signer who is no approver": (
        f"UPDATE statement_signatures SET signer_wallet = '{address_of(STRANGER)}'",
        {"signatures", "signers"},
    ),
    "a component's inputs": (
        "UPDATE epoch_pool_components SET inputs_json = '{\"from\": \"me\"}' WHERE epoch_id = %(latest)s",
        {"statement-hashes"},
    ),
    "an epoch's weights": (
        "UPDATE epochs SET weight_config = '{\"github:pr_merged\": 9000}' WHERE id = %(latest)s",
        {"activity-set", "proposals", "statement-hashes"},
    ),
    "weights that are none": (
        "UPDATE epochs SET weight_config = '{\"github:pr_merged\": 0.5}' WHERE id = %(latest)s",
        {"epoch-rows", "statement-hashes"},
    ),
    "an epoch's pool": (
        "UPDATE epochs SET pool_total_credits = 1 WHERE id = %(latest)s",
        {"pool-total"},
    ),
    "a reopened epoch": (
        "UPDATE epochs SET status = 'open', pool_total_credits = NULL, closed_at = NULL WHERE id = %(quiet_closed)s",
        {"epoch-statements"},
    ),
    "a deleted statement": (
        "DELETE FROM statement_signatures; DELETE FROM payout_statements WHERE epoch_id = %(closed)s",
        {"epoch-statements", "references", "statement-chain"},
    ),
    "the newest statement deleted": (
        "DELETE FROM payout_statements WHERE epoch_id = %(latest)s",
        {"epoch-statements"},
    ),
    "a broken link of the chain": (
        "UPDATE payout_statements SET previous_statement_hash = " + OTHER_HASH + " WHERE epoch_id = %(latest)s",
        {"references", "statement-chain", "statement-hashes"},
    ),
    "an epoch taken away": (
        "DELETE FROM epochs WHERE id = %(latest)s",
        {"epoch-statements", "references"},
    ),
    "two open epochs": (
        ("DROP INDEX one_open_epoch;"
        " INSERT INTO epochs (node_id, period_start, period_end, weight_config, opened_at)"
        " VALUES (%(node)s, '2030-01-07', '2030-01-14', '{}', now())"),
        {"guard-missing", "one-open-epoch"},
    ),
    "windows that overlap": (
        ("ALTER TABLE epochs DROP CONSTRAINT epoch_windows_disjoint;"
        " UPDATE epochs SET period_start = period_start - interval '1 day' WHERE id = %(open)s"),
        {"epoch-windows", "guard-missing"},
    ),
    "an event paid twice": (
        ("DROP INDEX event_paid_once;"
        " INSERT INTO activity_curation (node_id, epoch_id, event_id, user_id, late_from_epoch_id, created_at, updated_at)"
        " VALUES (%(node)s, %(open)s, %(event_paid)s, 'ann', %(closed)s, now(), now());"
        " UPDATE epoch_allocations SET proposed_units = 16000, activity_count = 2"
        " WHERE epoch_id = %(open)s AND user_id = 'ann'"),
        {"event-paid-once", "guard-missing"},
    ),
    "an index that forbids less": (
        ("DROP INDEX event_paid_once; CREATE UNIQUE INDEX event_paid_once ON activity_curation"
        " (node_id, event_id) WHERE included AND user_id IS NOT NULL AND false"),
        {"guard-missing"},
    ),
    "a disabled trigger": (
        "ALTER TABLE activity_events DISABLE TRIGGER activity_append_only",
        {"guard-missing"},
    ),
    "a disabled foreign key": ("ALTER TABLE user_bindings DISABLE TRIGGER ALL", {"guard-missing"}),
    "a dropped trigger": ("DROP TRIGGER epoch_closed_forever ON epochs", {"guard-missing"}),
    "a trigger that fires less": (
        ("DROP TRIGGER activity_append_only ON activity_events;"
        " CREATE TRIGGER activity_append_only BEFORE UPDATE ON activity_events"
        " FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change('ACTIVITY_APPEND_ONLY')"),
        {"guard-missing"},
    ),
    "a trigger's function without its teeth": (
        ("CREATE OR REPLACE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN NEW; END $$"),
        {"guard-missing"},
    ),
    "a dropped check": ("ALTER TABLE epochs DROP CONSTRAINT ck_epochs_status", {"guard-missing"}),
    "a check that old rows need not pass": (
        ("ALTER TABLE epochs DROP CONSTRAINT ck_epochs_status;"
        " ALTER TABLE epochs ADD CONSTRAINT ck_epochs_status CHECK (status IN ('open', 'closed')) NOT VALID"),
        {"guard-missing"},
    ),
    "a column that may be null": (
        "ALTER TABLE activity_events ALTER COLUMN producer DROP NOT NULL",
        {"guard-missing"},
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Patient:
    """A database with a past, for a superuser to edit and the doctor to look at with a reader's rights."""

    url: URL
    names: Names

    @property
    def reader_url(self) -> str:
        login = self.url.set(username=READER_LOGIN, password=LOGIN_PASSWORD)
        return login.render_as_string(hide_password=False)

    def edit(self, script: str) -> None:
        with opened_session(self.url) as session:
            session.execute(f"{UNTRIGGERED} {script}".encode(), self.names)
            session.commit()

    def findings(self, approvals: ApprovalPolicy = APPROVALS) -> tuple[Finding, ...]:
        found: list[Finding] = []
        for node_id in (NODE, QUIET, NEIGHBOUR):
            with opened_reader(self.reader_url, node_id) as reader:
                found += [
                    each
                    for each in check_ledger(reader, approvals=approvals, watcher=Unwatched())
                    if node_id == NODE or each.check != "guard-missing"
                ]
        return tuple(found)


@pytest.fixture(scope="module")
def history(postgres_url: str, admin_engine: Engine, template_database: str) -> Iterator[tuple[str, Names]]:
    """The name of a database with a past, and the names in it."""
    name = f"ledger_doctor_{uuid.uuid4().hex[:12]}"
    with run_alone(admin_engine) as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template_database}"'))
    url = parse_database_url(postgres_url).set(database=name)
    engine = create_ledger_engine(url.render_as_string(hide_password=False), application_name="tests")
    names = live(engine)
    engine.dispose()
    yield name, names
    with run_alone(admin_engine) as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
def patient(postgres_url: str, admin_engine: Engine, history: tuple[str, Names]) -> Iterator[Patient]:
    """A copy of it."""
    template, names = history
    name = f"{template}_{uuid.uuid4().hex[:8]}"
    with run_alone(admin_engine) as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    yield Patient(parse_database_url(postgres_url).set(database=name), names)
    with run_alone(admin_engine) as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
def command_line(patient: Patient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patient:
    """The patient as the node of a command line."""
    (tmp_path / "ledger.toml").write_text(f'node_id = "{NODE}"\n[approvals.approvers]\nann = "{SIGNER}"\n')
    monkeypatch.setenv("LEDGER_CONFIG", str(tmp_path / "ledger.toml"))
    monkeypatch.setenv("LEDGER_DATABASE_URL", patient.reader_url)
    return patient


def test_a_ledger_that_nobody_edited_is_coherent(patient: Patient) -> None:
    assert patient.findings() == ()


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_by_a_superuser_is_found_and_named(patient: Patient, edit: str) -> None:
    """EPOCH_CLOSED_FOREVER, ACTIVITY_APPEND_ONLY, EVENT_PAID_ONCE: whoever gets past the guards is seen."""
    script, checks = EDITS[edit]
    patient.edit(script)

    findings = patient.findings()

    assert {finding.check for finding in findings} == checks, "\n".join(map(str, findings))


def test_triggers_that_a_role_s_setting_silences_are_found(patient: Patient) -> None:
    patient.edit(f'ALTER DATABASE "{patient.url.database}" SET session_replication_role = replica')

    (found,) = patient.findings()

    assert (found.check, found.subject) == ("guard-missing", "the triggers, for every role")


def test_every_kind_of_finding_was_provoked() -> None:
    """But for the doubts, which no edit makes certain."""
    provoked = {check for _, checks in EDITS.values() for check in checks}
    assert provoked - DOUBTS == set(CHECKS) - DOUBTS


def test_a_signature_planted_by_the_tables_owner_is_named(patient: Patient) -> None:
    """The triggers let a row be added: only its signer's recovery tells that it is forged."""
    with opened_session(patient.url) as session:
        script = f"{SIGN} (%(node)s, %(latest_statement)s, '{SIGNER}', '{NO_POINT}', now())"
        session.execute(script.encode(), patient.names)
        session.commit()

    (found,) = patient.findings()

    name = f"signature of {SIGNER} on epoch {patient.names['latest']}'s {patient.names['latest_hash'][:12]}"
    assert (found.check, found.subject, found.expected) == ("signatures", name, SIGNER)
    assert found.found == "no signer can be recovered from that signature"
    assert not found.is_doubt


def test_who_signed_truly_and_is_no_approver_today_is_a_doubt(patient: Patient) -> None:
    """Approvers change, and what they signed before stays; who was one then is stored nowhere."""
    others = ApprovalPolicy(approvers=frozenset({address_of(SECOND)}), recover=recover_signer)

    (found,) = patient.findings(others)

    assert (found.check, found.found, found.is_doubt) == ("signers", SIGNER, True)


def test_statements_with_fewer_approvals_than_the_policy_asks_for_are_a_doubt(patient: Patient) -> None:
    """APPROVED_BEFORE_WRITTEN: when they were written, fewer may have been asked for."""
    latest, closed = patient.names["latest"], patient.names["closed"]

    of_one, of_two = (patient.findings(approval_policy(required)) for required in (1, 2))

    told = [
        (each.check, each.subject, each.found, each.is_doubt)
        for each in of_one
        if each.subject.endswith(str(latest))
    ]
    assert told == [("approvals", f"statement of epoch {latest}", "0", True)]
    assert f"statement of epoch {closed}" not in {each.subject for each in of_one}
    assert f"statement of epoch {closed}" in {each.subject for each in of_two}


def test_a_forged_approval_does_not_count_as_one(patient: Patient) -> None:
    patient.edit(EDITS["a signature of another statement"][0])

    found = patient.findings(approval_policy(1))

    subject = f"statement of epoch {patient.names['latest']}"
    assert [each.found for each in found if each.subject == subject] == ["0"]


def test_a_policy_that_recovers_nobody_calls_no_signature_wrong(patient: Patient) -> None:
    found = patient.findings(ApprovalPolicy(approvers=frozenset({SIGNER})))

    assert [(each.check, each.is_unchecked) for each in found] == [("signatures", True), ("approvals", True)]


@pytest.mark.usefixtures("command_line")
def test_without_the_extra_the_command_says_what_it_did_not_check(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "eth_account", None)
    status, told = run(["doctor"]), capsys.readouterr().out
    run(["doctor", "--json"])
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}

    assert status == 0
    assert (
        "\n-     signatures\n      1 signature: expected its signer, found signatures can't be checked"
        in told
    )
    assert told.endswith("\nnot checked: approvals, signatures\neverything that was checked is coherent\n")
    unchecked = ["signatures", "approvals"]
    assert [name for name, check in checks.items() if not check["checked"]] == unchecked


def test_the_command_says_ok_for_each_check(
    command_line: Patient, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(["doctor"])
    told = capsys.readouterr()

    assert status == 0
    assert "... checking" not in told.err
    assert [line.split(":")[0] for line in told.out.splitlines()[:-1]] == [
        f"ok    {check}" for check in CHECKS
    ]
    assert told.out.endswith("\neverything stored is coherent\n")
    assert command_line.findings() == ()


def test_the_command_names_what_is_wrong_and_ends_with_3(
    command_line: Patient, capsys: pytest.CaptureFixture[str]
) -> None:
    command_line.edit("UPDATE epoch_allocations SET activity_count = 9 WHERE node_id = %(node)s")

    status = run(["doctor"])
    told = capsys.readouterr().out

    assert status == 3
    assert "WRONG proposals\n" in told
    assert ": ann: expected 8000 milli-units of 1 events, found 8000 milli-units of 9 events\n" in told
    assert told.endswith("\nnot coherent: open-proposals, proposals\n")


def test_the_command_s_json_has_every_finding(
    command_line: Patient, capsys: pytest.CaptureFixture[str]
) -> None:
    command_line.edit(EDITS["a broken link of the chain"][0])

    status = run(["doctor", "--json"])
    told = json.loads(capsys.readouterr().out)

    assert (status, told["coherent"]) == (3, False)
    assert [check["name"] for check in told["checks"]] == list(CHECKS)
    wrong = {check["name"] for check in told["checks"] if not check["ok"]}
    assert wrong == EDITS["a broken link of the chain"][1]
    assert all(check["ok"] == (not check["findings"]) for check in told["checks"])


def test_a_doubt_is_told_and_is_not_wrong(command_line: Patient, capsys: pytest.CaptureFixture[str]) -> None:
    command_line.edit(
        "INSERT INTO source_cursors VALUES (%(node)s, 'gitlab', 'merges', 'acme/widgets', '1', now())"
    )

    status = run(["doctor"])
    told = capsys.readouterr().out

    assert status == 0
    assert "doubt cursor-sources\n      cursor of gitlab:acme/widgets:merges: " in told


def test_forged_text_does_not_act_on_a_terminal(command_line: Patient) -> None:
    command_line.edit("UPDATE epoch_allocations SET user_id = E'\\x1b[2J\\nok' WHERE user_id = 'ann'")
    settings = {name: os.environ[name] for name in ("LEDGER_CONFIG", "LEDGER_DATABASE_URL")}

    ended = run_on_terminal("doctor", settings=settings)

    assert ended.status == 3
    assert controls_in("\n".join(screen_lines(ended.output))) == []


def test_a_long_check_tells_a_person_how_far_it_is(
    command_line: Patient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(progress, "TOLD_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    run(["doctor"])
    told = capsys.readouterr().err
    run(["doctor", "--json"])
    told_of_json = capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    run(["doctor"])
    told_elsewhere = capsys.readouterr().err

    assert "... checking the store's guards" in told
    for step in ("1 of 2 statements", "0 of 1 signatures", "1 of 7 curated events", "7 of 8 events"):
        assert f"... checking {step}" in told
    assert "/s, 1s left" in told
    assert (told_of_json, told_elsewhere) == ("", "")
    assert command_line.findings() == ()

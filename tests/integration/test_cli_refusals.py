"""Bad input to every command of the tree: one sentence, a stable code and status, no trace and no secret."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from sqlalchemy import Engine

from scheduler_worker.bootstrap import DatabaseUnreachable, create_database
from scheduler_worker.cli.app import run
from tests.command_line import (
    INTERRUPT,
    all_commands,
    controls_in,
    run_on_terminal,
    run_program,
    screen_lines,
)
from tests.conftest import LOGIN_PASSWORD, TestDatabase, _run_alone
from tests.json_shapes import refusal_in

Words = tuple[str, ...]

SECRET = "the-password-of-the-database"
DEAD = "127.0.0.1:1"
DEAD_DATABASE = f"postgresql://someone:{SECRET}@{DEAD}/ledger"
POLICY = """node_id = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
[[sources.git]]
name = "acme/web"
path = "repository"
"""
SAMPLES = {
    "changes": "ada=5",
    "stream_name": "github:acme/widgets:issues",
    "amount_credits": "10",
    "candidate": "ledger.toml",
    "component_id": "base_issuance",
    "epoch_id": "1",
    "event_id": "git:commit:acme/web:0a1b",
    "external_id": "ada@example.org",
    "file": "nothing.zip",
    "first": "2026-01-05",
    "last": "2026-01-19",
    "final_units": "5",
    "accounts": "git:ada@example.org",
    "into": "grace",
    "name": "ada",
    "shell": "bash",
    "kind": "csv",
    "output": "written",
    "provider": "git",
    "reason": "because",
    "signature": f"0x{'11' * 64}1b",
    "source_name": "github",
    "user_id": "ada",
}
IDENTIFIERS = {
    "component_id", "event_id", "external_id", "provider", "user_id", "algorithm", "into", "accounts", "name",
}  # fmt: skip
LINES = {"reason", "evidence"}
BAD_EPOCHS = ("0", "x", "1.5", "", "9223372036854775808", "9" * 5_000, "1\x1b[31m", "-1")
BAD_TEXTS = ("a\nb", "\x1b[31mred", "", "x" * 3_000, "\udcff", "a\u2028b")
COMMANDS = all_commands()
NO_DATABASE = {
    ("demo",),
    ("init",),
    ("config", "schema"),
    ("completion",),
    ("statement", "verify"),
    ("source", "check"),
    ("source", "validate"),
    ("webhook", "serve"),
    ("identity", "import"),
    ("identity", "mailmap"),
}
POLICY_ALONE = {("config", "check")}  # which a good policy satisfies
SERVERLESS = {("init",), ("config", "schema"), ("completion",)}  # which nothing is missing for
COLLECT = {("epoch", "collect")}  # it looks first which window is due
SCHEDULE_ACTS = {("schedule", act) for act in ("pause", "resume", "trigger", "backfill", "remove")}
WITHOUT_POLICY = {
    *NO_DATABASE,
    *(words for words in COMMANDS if words[0] == "db"),
    *SCHEDULE_ACTS,
} - {("source", "check"), ("webhook", "serve")}
READS = {
    words
    for words in COMMANDS
    if words[-1] in {"list", "unresolved"}
    or words
    in {
        ("doctor",),
        ("explain",),
        ("policy", "try"),
        ("report",),
        ("trace",),
        ("review",),
        ("identity", "export"),
        ("identity", "who"),
        ("epoch", "show"),
        ("epoch", "finalize"),
        ("gap", "waive"),
        ("statement", "show"),
        ("statement", "export"),
        ("statement", "amend"),
        ("statement", "sign-data"),
        ("statement", "add-signature"),
        ("statement", "signatures"),
    }
}
WRITES = {
    words
    for words in COMMANDS
    if words[0] == "event"
    or words[-1] in {"collect", "bind", "set", "clear", "add", "apply"}
    or words in {("identity", "merge"), ("identity", "split")}
}


def words_of(found: dict[Words, click.Command], names: set[Words]) -> list[object]:
    return [pytest.param(words, id=" ".join(words)) for words in sorted(names & found.keys())]


every_command = pytest.mark.parametrize("words", words_of(COMMANDS, set(COMMANDS)))


def arguments_of(words: Words, *, changed: dict[str, str] | None = None, as_json: bool = False) -> list[str]:
    """Words that the command takes, with samples of what it needs; a command with a new need fails here."""
    values = changed or {}
    options, positions = [], []
    for parameter in COMMANDS[words].params:
        name = parameter.name or ""
        if not parameter.required and name not in values:
            options += {"yes": ["--yes"], "as_json": ["--json"] if as_json else []}.get(name, [])
            continue
        value = values.get(name, SAMPLES.get(name))
        assert value is not None, f"no sample of {name}"
        if isinstance(parameter, click.Option):
            options += [parameter.opts[0], value]
        else:
            positions.append(value)
    return [*words, *options, "--", *positions]


def says_json(arguments: list[str]) -> bool:
    """Whether --json is among the options, which end at `--`."""
    return "--json" in arguments[: arguments.index("--") if "--" in arguments else None]


class Refusals:
    """Runs commands in this process, and holds each refusal to its form: a sentence, or JSON where --json was said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.told: list[str] = []
        self.last = ""

    def of(self, arguments: list[str]) -> tuple[int, str]:
        """Return the status and the code; whatever was refused, nothing is on stdout."""
        status = run(arguments)
        captured = self._capsys.readouterr()
        *told, last = captured.err.splitlines()
        code = self._code_for_programs(last, status) if says_json(arguments) else self._code(last)
        assert captured.out == ""
        assert all(re.fullmatch(r"workflow ledger-\S+ (started|joined, .*)", line) for line in told), told
        self.told, self.last = told, last
        assert controls_in(captured.err) == []
        for secret in (SECRET, LOGIN_PASSWORD, "Traceback"):
            assert secret not in captured.err
        return status, code

    def _code(self, line: str) -> str:
        form = re.fullmatch(r"ledger: ([a-z0-9]+(?:-[a-z0-9]+)*): \S.{,2600}", line)
        assert form is not None, line[-3_000:]
        return form[1]

    def _code_for_programs(self, line: str, status: int) -> str:
        refusal = refusal_in(line)
        assert refusal["exit_status"] == status
        assert controls_in(refusal["message"] + (refusal["next"] or "")) == []
        return str(refusal["code"])


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Refusals:
    """In a folder with a good ledger.toml, and addresses where nobody answers."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ledger.toml").write_text(POLICY)
    for name in ("LEDGER_CONFIG", "LEDGER_OWNER_DATABASE_URL", "LEDGER_TASK_QUEUE", "LEDGER_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LEDGER_DATABASE_URL", DEAD_DATABASE)
    monkeypatch.setenv("TEMPORAL_ADDRESS", DEAD)
    monkeypatch.delenv("TEMPORAL_NAMESPACE", raising=False)
    monkeypatch.setenv("LEDGER_ACTOR", "tests")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("scheduler_worker.main.CONNECT_ATTEMPTS", 1)
    monkeypatch.setattr("scheduler_worker.cli.runs.WORKER_PATIENCE_SECONDS", 0.0)
    return Refusals(capsys)


def epoch_cases() -> Iterator[object]:
    for words, command in COMMANDS.items():
        if any(parameter.name == "epoch_id" for parameter in command.params):
            for number, value in enumerate(BAD_EPOCHS):
                yield pytest.param(words, value, id=f"{' '.join(words)}-{number}")


def text_cases() -> Iterator[object]:
    for words, command in COMMANDS.items():
        for parameter in command.params:
            if isinstance(parameter.type, (click.types.StringParamType, click.Path)):
                assert parameter.name is not None
                for number, value in enumerate(BAD_TEXTS):
                    yield pytest.param(
                        words, parameter.name, value, id=f"{' '.join(words)}-{parameter.name}-{number}"
                    )


# `ledger status` reports what does not answer, and is no refusal.
@pytest.mark.parametrize(
    "words", words_of(COMMANDS, set(COMMANDS) - {("status",)} - SERVERLESS - POLICY_ALONE)
)
def test_where_no_server_answers_every_command_says_so(refusals: Refusals, words: Words) -> None:
    status, code = refusals.of(arguments_of(words, as_json=True))

    if words in NO_DATABASE:
        assert (status, code) in {
            (1, "git-not-a-repository"),
            (1, "bundle-unreadable"),
            (1, "source-not-configured"),
            (1, "jsonl-file-unreadable"),
            (1, "file-unreadable"),
        }
    else:
        assert (status, code) in {(4, "database-unreachable"), (4, "temporal-unreachable")}


@pytest.mark.parametrize(
    "words", words_of(COMMANDS, set(COMMANDS) - POLICY_ALONE - {("config", "schema"), ("completion",)})
)
def test_without_settings_every_command_says_which_it_needs(
    refusals: Refusals, words: Words, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEDGER_DATABASE_URL")
    monkeypatch.setenv("LEDGER_OWNER_DATABASE_URL", "")

    status, code = refusals.of(arguments_of(words))

    if words in NO_DATABASE:
        assert status == 1
    else:
        assert (status, code) in {(2, "setting-missing"), (4, "temporal-unreachable")}


@every_command
def test_an_unknown_option_is_refused_by_every_command(refusals: Refusals, words: Words) -> None:
    assert refusals.of([*words, "--no-such\x1b[31m-option"]) == (2, "usage")


@every_command
def test_a_word_too_many_is_refused_by_every_command(refusals: Refusals, words: Words) -> None:
    assert refusals.of([*arguments_of(words), "one\ntoo\x1bmany"]) == (2, "usage")


@pytest.mark.parametrize("group", sorted({words[0] for words in COMMANDS if len(words) > 1}))
def test_an_unknown_command_is_refused_by_every_group(refusals: Refusals, group: str) -> None:
    assert refusals.of([group, "no\nsuch"]) == (2, "usage")
    assert refusals.of(["no\x1bsuch"]) == (2, "usage")


@pytest.mark.parametrize(("words", "value"), list(epoch_cases()))
def test_what_can_be_no_epoch_is_refused_before_any_server_is_asked(
    refusals: Refusals, words: Words, value: str
) -> None:
    assert refusals.of(arguments_of(words, changed={"epoch_id": value})) == (2, "usage")


@pytest.mark.parametrize(("words", "name", "value"), list(text_cases()))
def test_malformed_text_is_refused_and_never_repeated_raw(
    refusals: Refusals, words: Words, name: str, value: str
) -> None:
    status, code = refusals.of(arguments_of(words, changed={name: value}))

    if name in IDENTIFIERS or name in LINES:
        assert (status, code) == (1, "invalid-value")
    elif name == "inputs":
        assert status == 1
    else:
        assert status in {1, 2, 4}


@pytest.mark.parametrize("value", ["-1", "1.5", "x", "9223372036854775808"])
def test_amounts_are_whole_and_within_what_the_ledger_can_hold(refusals: Refusals, value: str) -> None:
    for words, name in (
        (("pool", "add"), "amount_credits"),
        (("allocation", "set"), "final_units"),
        (("event", "include"), "weight"),
        (("demo",), "pool"),
    ):
        assert refusals.of(arguments_of(words, changed={name: value})) == (2, "usage")


@pytest.mark.parametrize("words", [("epoch", "finalize"), ("statement", "verify")])
def test_a_hash_has_64_hexadecimal_digits(refusals: Refusals, words: Words) -> None:
    name = {"finalize": "reviewed", "verify": "expect"}[words[-1]]

    assert refusals.of(arguments_of(words, changed={name: "5f3c\x1b"})) == (2, "usage")


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_a_window_beyond_the_calendar_is_refused(
    refusals: Refusals, fresh_database: TestDatabase, monkeypatch: pytest.MonkeyPatch, day: str
) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_database.reader_url)

    assert refusals.of(["epoch", "collect", "--at", day]) == (1, "invalid-value")


def test_an_irreversible_write_needs_a_terminal_or_yes(refusals: Refusals) -> None:
    assert refusals.of(["pool", "add", "1", "base_issuance", "10"]) == (2, "confirmation-needed")


@pytest.mark.parametrize("words", words_of(COMMANDS, set(COMMANDS) - SERVERLESS))
@pytest.mark.parametrize(
    "written",
    ["weights = 1", "[epoch]\nlength_dais = 7\n", "[weights]\n'git:x' = 1.5\n", "[[[", "\x00", None],
)
def test_a_bad_policy_is_refused_by_every_command_that_reads_it(
    refusals: Refusals, words: Words, written: str | None
) -> None:
    if written is None:
        Path("ledger.toml").unlink()
    else:
        Path("ledger.toml").write_text(f'node_id = "6f9619ff-8b86-d011-b42d-00c04fc964ff"\n{written}')

    status, code = refusals.of(arguments_of(words))

    if words in WITHOUT_POLICY:
        assert status in {1, 4}
    else:
        assert (status, code) in {(2, "policy-invalid"), (2, "policy-unreadable")}


@pytest.mark.parametrize("config", ["missing.toml", ".", "\x1b[31m", "x" * 300, "ledger.toml/inside"])
def test_a_policy_that_can_not_be_read_is_named_in_print(refusals: Refusals, config: str) -> None:
    assert refusals.of(["--config", config, "epoch", "list"]) == (2, "policy-unreadable")


@pytest.mark.parametrize(
    "words", words_of(COMMANDS, READS | {("worker",), ("db", "current"), ("db", "grant")})
)
def test_a_wrong_password_is_one_sentence_without_it(
    refusals: Refusals, fresh_database: TestDatabase, monkeypatch: pytest.MonkeyPatch, words: Words
) -> None:
    url = fresh_database.worker_url.replace(LOGIN_PASSWORD, SECRET)
    assert SECRET in url
    monkeypatch.setenv("LEDGER_DATABASE_URL", url)

    assert refusals.of(arguments_of(words, as_json=True)) == (4, "database-unreachable")


@pytest.mark.parametrize(
    "url",
    [
        "not a url",
        f"mysql://a:{SECRET}@b/c",
        f"postgresql://a:{SECRET}@b:port/c",
        "postgresql://[::1",
        "\x1b",
    ],
)
def test_an_address_that_is_none_is_not_repeated(
    refusals: Refusals, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", url)

    assert refusals.of(["epoch", "list"]) == (1, "database-url-invalid")


@pytest.mark.parametrize("words", words_of(COMMANDS, READS | {("worker",)}))
def test_a_database_without_schema_is_named(
    refusals: Refusals, empty_database: str, monkeypatch: pytest.MonkeyPatch, words: Words
) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", empty_database)

    assert refusals.of(arguments_of(words)) == (1, "schema-outdated")


@pytest.mark.parametrize(
    "words",
    words_of(
        COMMANDS,
        {
            words
            for words in READS
            if any(parameter.name == "epoch_id" for parameter in COMMANDS[words].params)
        },
    ),
)
def test_an_epoch_that_there_is_not_is_named(
    refusals: Refusals, fresh_database: TestDatabase, monkeypatch: pytest.MonkeyPatch, words: Words
) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_database.reader_url)

    for value in ("1", "9223372036854775807"):
        arguments = arguments_of(words, changed={"epoch_id": value}, as_json=True)
        assert refusals.of(arguments) == (1, "epoch-not-found")


@pytest.mark.parametrize(
    "words", words_of(COMMANDS, WRITES - COLLECT | SCHEDULE_ACTS | {("schedule", "show")})
)
def test_a_namespace_that_there_is_not_is_temporal_s_refusal(
    refusals: Refusals,
    temporal_address: str,
    fresh_database: TestDatabase,
    monkeypatch: pytest.MonkeyPatch,
    words: Words,
) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_database.reader_url)
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal_address)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "no-such-namespace")

    assert refusals.of(arguments_of(words)) == (1, "temporal-refused")


@pytest.mark.parametrize("words", words_of(COMMANDS, WRITES - COLLECT - {("schedule", "apply")}))
def test_without_a_worker_a_write_waits_and_says_so(
    refusals: Refusals,
    temporal_address: str,
    fresh_database: TestDatabase,
    monkeypatch: pytest.MonkeyPatch,
    words: Words,
) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_database.reader_url)
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal_address)
    monkeypatch.setenv("LEDGER_TASK_QUEUE", f"nobody-{'-'.join(words)}")

    assert refusals.of(arguments_of(words, as_json=True)) == (4, "no-worker")
    [first] = refusals.told
    assert refusals.of(arguments_of(words)) == (4, "no-worker")
    [again] = refusals.told

    assert first.endswith(" started")
    assert again == first.replace(" started", " joined, it was running already")


def test_a_schedule_that_was_never_applied_is_named(
    refusals: Refusals,
    temporal_address: str,
    namespace: str,
    fresh_database: TestDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_database.reader_url)
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal_address)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", namespace)

    for words in sorted(SCHEDULE_ACTS | {("schedule", "show")}):
        assert refusals.of(arguments_of(words)) == (1, "schedule-not-found")


@pytest.mark.parametrize(
    ("content", "code"),
    [(None, "bundle-unreadable"), (b"", "not-a-bundle"), (b"garbage" * 99, "not-a-bundle")],
)
def test_what_is_no_bundle_is_refused(refusals: Refusals, content: bytes | None, code: str) -> None:
    if content is not None:
        Path("-dash.zip").write_bytes(content)

    assert refusals.of(["statement", "verify", "--json", "--", "-dash.zip"]) == (1, code)


def test_a_folder_is_no_bundle(refusals: Refusals) -> None:
    assert refusals.of(["statement", "verify", "."]) == (1, "not-a-bundle")


@pytest.mark.parametrize(
    "arguments",
    [
        ("epoch", "list"),
        ("epoch", "show", "x"),
        ("statement", "verify", "nothing"),
        ("db", "current"),
        ("nonsense",),
    ],
    ids=" ".join,
)
def test_the_installed_program_refuses_in_the_same_way(tmp_path: Path, arguments: Words) -> None:
    (tmp_path / "ledger.toml").write_text(POLICY)

    ended = run_program(*arguments, settings={"LEDGER_DATABASE_URL": DEAD_DATABASE}, cwd=tmp_path)

    assert ended.status in {1, 2, 4}
    assert ended.output == ""
    assert re.fullmatch(r"ledger: [a-z-]+: [^\n]+\n", ended.errors)
    assert SECRET not in ended.errors


@pytest.fixture
def empty_database(postgres_url: str, admin_engine: Engine, tmp_path: Path) -> Iterator[str]:
    name = f"ledger_empty_{tmp_path.name.lower()[-40:]}".replace("-", "_")
    yield create_database(postgres_url, name)
    _run_alone(admin_engine, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.mark.parametrize("wrapped", [KeyboardInterrupt(), asyncio.CancelledError()], ids=repr)
def test_a_driver_s_words_on_being_interrupted_do_not_hide_the_interruption(
    refusals: Refusals, monkeypatch: pytest.MonkeyPatch, wrapped: BaseException
) -> None:
    """psycopg, torn out of a query by ctrl-C, says that it "can't change 'autocommit' now"."""

    def interrupted(*_: object, **__: object) -> str:
        try:
            raise wrapped
        finally:
            raise DatabaseUnreachable("can't change 'autocommit' now")

    monkeypatch.setattr("scheduler_worker.cli.database_commands.upgrade_database", interrupted)

    assert refusals.of(["db", "upgrade"]) == (130, "interrupted")


def test_a_fault_of_ours_is_a_sentence_too_unless_a_trace_is_asked_for(
    refusals: Refusals, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> str:
        raise ZeroDivisionError(f"{DEAD_DATABASE}\n\x1b[31m")

    monkeypatch.setattr("scheduler_worker.cli.database_commands.upgrade_database", broken)

    assert refusals.of(["db", "upgrade"]) == (70, "internal-error")
    monkeypatch.setenv("LEDGER_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        run(["db", "upgrade"])


TOLD = {
    "refused": (
        ["statement", "verify", "no\x1b[31msuch.zip"],
        ("bundle-unreadable", "no\ufffd[31msuch.zip can't be read: No such file or directory"),
        "ledger statement export EPOCH writes one",
        1,
    ),
    "usage": (
        ["epoch", "show", "one\u202e"],
        ("usage", "Invalid value for 'EPOCH': 'one\\u202e' is not a valid integer range"),
        "ledger epoch show --help",
        2,
    ),
    "no such option": (
        ["epoch", "list", "--x"],
        ("usage", "No such option '--x'"),
        "ledger epoch list --help",
        2,
    ),
    "no such command": (["x"], ("usage", "No such command 'x'"), "ledger --help", 2),
    "unreachable": (
        ["epoch", "list"],
        ("database-unreachable", None),
        "check LEDGER_DATABASE_URL; ledger status looks at both servers",
        4,
    ),
    "policy": (
        ["--config", "bad.toml", "config", "check"],
        ("policy-invalid", "ledger.toml line 1: node_id must be a UUID"),
        "ledger config check, once it is changed",
        2,
    ),
    "question": (
        ["pool", "add", "1", "base_issuance", "10"],
        ("confirmation-needed", "this can't be undone, and there is no terminal to ask at; say --yes"),
        "the same with --yes, once you are sure",
        2,
    ),
}


@pytest.mark.parametrize("case", TOLD)
def test_with_json_a_refusal_is_one_object_with_what_the_sentence_says(refusals: Refusals, case: str) -> None:
    arguments, (code, message), next_step, status = TOLD[case]
    Path("bad.toml").write_text('node_id = "7"\n')

    assert refusals.of([*arguments, "--json"]) == (status, code)
    told = refusal_in(refusals.last)
    assert refusals.of(arguments) == (status, code)
    sentence = refusals.last

    assert told["next"] == next_step
    assert message in {None, told["message"]}
    joined = f"; see `{next_step}`" if code == "usage" else f"; next: {next_step}"
    assert sentence == f"ledger: {code}: {told['message']}{joined}"


@every_command
def test_a_wrong_option_beside_json_is_told_as_json_by_every_command(
    refusals: Refusals, words: Words
) -> None:
    assert refusals.of([*words, "--json", "--no-such\x1b[31m-option"]) == (2, "usage")
    assert refusal_in(refusals.last)["exit_status"] == 2


def test_what_follows_the_end_of_options_asks_for_no_json(refusals: Refusals) -> None:
    assert refusals.of(["epoch", "show", "--", "--json"]) == (2, "usage")
    assert refusals.last.startswith("ledger: usage: ")


def test_a_fault_of_ours_is_json_too_without_its_password(
    refusals: Refusals, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> str:
        raise ZeroDivisionError(f"{DEAD_DATABASE}\n\x1b[31m" + "x" * 9_000)

    monkeypatch.setattr("scheduler_worker.cli.database_commands.upgrade_database", broken)
    monkeypatch.setenv("LEDGER_OWNER_DATABASE_URL", DEAD_DATABASE)

    assert refusals.of(["db", "upgrade", "--json"]) == (70, "internal-error")
    message = refusal_in(refusals.last)["message"]
    assert "://someone:***@127.0.0.1" in message
    assert len(message) < 2_600


def test_ctrl_c_beside_json_is_told_as_json(tmp_path: Path) -> None:
    (tmp_path / "ledger.toml").write_text(POLICY)
    settings = {"LEDGER_CONFIG": str(tmp_path / "ledger.toml"), "LEDGER_DATABASE_URL": DEAD_DATABASE}
    add = ("pool", "add", "7", "top_up", "7", "--json")

    ended = run_on_terminal(*add, settings=settings, answers=[("[y/N]", INTERRUPT)])

    *_, last = filter(None, screen_lines(ended.output))
    assert ended.status == 130
    assert refusal_in(last) == {
        "code": "interrupted",
        "message": "stopped before it was done",
        "next": None,
        "exit_status": 130,
    }


def test_the_installed_program_tells_programs_on_stderr_alone(tmp_path: Path) -> None:
    (tmp_path / "ledger.toml").write_text(POLICY)

    ended = run_program(
        "epoch", "list", "--json", settings={"LEDGER_DATABASE_URL": DEAD_DATABASE}, cwd=tmp_path
    )

    assert (ended.status, ended.output) == (4, "")
    (line,) = ended.errors.splitlines()
    assert refusal_in(line)["code"] == "database-unreachable"

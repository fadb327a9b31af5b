"""`ledger webhook serve` as a process, beside `ledger worker`: from a delivery to a stored event, and to its end."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from scheduler_worker.cli.app import run
from scheduler_worker.local.startup import free_ports
from tests.command_line import running_program
from tests.conftest import TestDatabase
from tests.github_world.deliveries import SECRET, Delivery, delivery, item_told, signature
from tests.github_world.server import TOKEN, GithubWorldServer
from tests.operating.operated import parse_exposition, until
from tests.webhooks.receiving import Told, headers_of, parsed, request

POLICY = """\
node_id = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
[[sources.github]]
source = "ghe"
base_url = "{url}"
repos = ["acme/web"]
"""
OTHER_SECRET = "another secret of this one webhook"


@dataclass(slots=True)
class Process:
    """A running command, and its log so far."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def await_event(self, event: str, **fields: object) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            told = [json.loads(line) for line in list(self.lines)]
            return next(
                (line for line in told if line["event"] == event and fields.items() <= line.items()), None
            )

        return until(found, f"{event} in {self.lines[-5:]}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@contextmanager
def process_of(*words: str, settings: dict[str, str]) -> Iterator[Process]:
    with running_program(*words, settings=settings) as running:
        made = Process(running)
        assert running.stderr is not None
        reader = threading.Thread(target=made.lines.extend, args=(running.stderr,), daemon=True)
        reader.start()
        try:
            yield made
        finally:
            running.kill()
            reader.join(60)


@pytest.fixture
def settings(
    github: GithubWorldServer,
    fresh_database: TestDatabase,
    temporal_address: str,
    namespace: str,
    tmp_path: Path,
) -> dict[str, str]:
    policy = tmp_path / "ledger.toml"
    policy.write_text(POLICY.format(url=github.url), encoding="utf-8")
    return {
        "LEDGER_CONFIG": str(policy),
        "LEDGER_DATABASE_URL": fresh_database.reader_url,
        "LEDGER_GITHUB_WEBHOOK_SECRETS": f"{OTHER_SECRET.replace(' ', '-')},{SECRET.replace(' ', '-')}",
        "LEDGER_GITHUB_TOKEN": TOKEN,
        "TEMPORAL_ADDRESS": temporal_address,
        "TEMPORAL_NAMESPACE": namespace,
    }


def sent(port: int, told: Delivery, *, secret: str = SECRET.replace(" ", "-")) -> Told:
    """Send a delivery signed with the secret of the environment, which takes no spaces."""

    async def send() -> Told:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        headers = headers_of(told, x_hub_signature_256=signature(told.body, secret=secret))
        writer.write(request(headers | {"Content-Length": str(len(told.body))}) + told.body)
        answer = parsed(await reader.read())
        writer.close()
        return answer

    return asyncio.run(asyncio.wait_for(send(), 30))


def port_of(serving: Process) -> int:
    return int(serving.await_event("webhooks_served")["address"].rpartition(":")[2])


def test_a_delivery_goes_through_both_processes_into_the_ledger_and_both_end_with_0(
    settings: dict[str, str], github: GithubWorldServer, fresh_database: TestDatabase, owner_engine: Engine
) -> None:
    """The receiver has a reader's rights in the database, and needs no more."""
    web, ada = github.world.repository("acme/web"), github.world.account("ada")
    item = github.world.open_item(web, "issue", ada)
    told = delivery("issues", "opened", web, issue=item_told(web, item) | {"body": "words of a person"})
    [metrics_port] = free_ports(1)
    serve = ("webhook", "serve", "--source", "ghe", "--listen", "127.0.0.1:0")

    def counted() -> int | None:
        with owner_engine.connect() as connection:
            found = connection.execute(text("SELECT count(*) FROM activity_events")).scalar_one()
            return int(found) or None

    with (
        process_of(
            "worker", settings=settings | {"LEDGER_DATABASE_URL": fresh_database.worker_url}
        ) as worker,
        process_of(
            *serve, settings=settings | {"LEDGER_METRICS_ADDRESS": f"127.0.0.1:{metrics_port}"}
        ) as serving,
    ):
        worker.await_event("worker_started")
        port = port_of(serving)
        answers = [sent(port, told), sent(port, told), sent(port, told, secret="x" * 20)]
        stored = until(counted, "the event")
        accepted = serving.await_event("delivery_accepted")
        serving.await_event("delivery_known")
        worker.await_event("item_collected", inserted=1)
        metrics = scraped(metrics_port)
        statuses = (serving.stop(), worker.stop())

    assert [(answer.status, answer.facts.get("outcome")) for answer in answers] == [
        (202, "accepted"),
        (202, "known"),
        (403, None),
    ]
    assert stored == 1
    assert accepted["stream"] == "ghe:acme/web:issues"
    assert accepted["github_event"] == "issues"
    assert accepted["delivery"] == told.headers()["X-GitHub-Delivery"]
    assert metrics == {("accepted", "none"): 1, ("known", "none"): 1, ("refused", "signature-wrong"): 1}
    assert statuses == (0, 0)
    for line in serving.lines + worker.lines:
        for hidden in (SECRET.replace(" ", "-"), OTHER_SECRET.replace(" ", "-"), "words of", TOKEN):
            assert hidden not in line


def scraped(port: int) -> dict[tuple[str, str], float]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics")
    found = parse_exposition(connection.getresponse().read().decode())
    connection.close()
    return {
        (sample.labels["outcome"], sample.labels["reason"]): sample.value
        for sample in found
        if sample.name == "ledger_webhook_deliveries_total"
    }


def test_ctrl_c_while_servers_are_awaited_ends_it_with_0(settings: dict[str, str]) -> None:
    with process_of(
        "webhook", "serve", "--source", "ghe", "--listen", "127.0.0.1:0",
        settings=settings | {"TEMPORAL_ADDRESS": "127.0.0.1:1"},
    ) as serving:  # fmt: skip
        serving.await_event("temporal_unreachable")

        assert serving.stop(signal.SIGINT) == 0


Say = Callable[..., tuple[int, str]]


@pytest.fixture
def say(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Run `ledger webhook serve` in this process; return its status and its one line."""

    def run_command(*words: str, **changed: str) -> tuple[int, str]:
        for name, value in (settings | changed).items():
            monkeypatch.setenv(name, value)
        status = run(["webhook", "serve", *words])
        captured = capsys.readouterr()
        assert captured.out == ""
        return status, captured.err.splitlines()[-1]

    monkeypatch.setattr("scheduler_worker.webhooks.serving.CONNECT_ATTEMPTS", 1)
    monkeypatch.setattr("scheduler_worker.webhooks.serving.NAMESPACE_ATTEMPTS", 1)
    return run_command


@pytest.mark.parametrize(
    "secrets",
    ["short", "a secret with spaces in it", "x" * 16 + ",", "x" * 16 + "," + "x" * 16, "x" * 501, "ü" * 16],
)
def test_secrets_that_are_none_are_refused_and_not_repeated(say: Say, secrets: str) -> None:
    status, line = say("--source", "ghe", LEDGER_GITHUB_WEBHOOK_SECRETS=secrets)

    assert status == 2
    assert line.startswith("ledger: webhook-secrets-invalid: LEDGER_GITHUB_WEBHOOK_SECRETS ")
    assert secrets not in line


def test_without_secrets_it_says_what_to_set(say: Say) -> None:
    status, line = say("--source", "ghe", LEDGER_GITHUB_WEBHOOK_SECRETS="")

    assert (status, line.split(": ")[1]) == (2, "setting-missing")


def test_a_source_that_there_is_not_is_named(say: Say) -> None:
    status, line = say()

    assert (status, line.split(": ")[1]) == (1, "source-not-configured")


@pytest.mark.parametrize("listen", ["8090", "nowhere", "127.0.0.1:99999", ":1", "\x1b[31m:1"])
def test_an_address_that_is_none_is_refused(say: Say, listen: str) -> None:
    status, line = say("--source", "ghe", "--listen", listen)

    assert (status, line.split(": ")[1]) == (1, "invalid-value")


def test_an_address_that_is_taken_is_named_before_anything_is_waited_for(
    say: Say, github: GithubWorldServer
) -> None:
    taken = github.url.removeprefix("http://")
    status, line = say("--source", "ghe", "--listen", taken, TEMPORAL_ADDRESS="127.0.0.1:1")

    assert (status, line.split(": ")[1]) == (1, "address-unusable")


@pytest.mark.parametrize("megabytes", ["0", "26", "1.5", "x"])
def test_a_limit_beyond_github_s_is_refused(say: Say, megabytes: str) -> None:
    status, line = say("--source", "ghe", "--most-megabytes", megabytes)

    assert (status, line.split(": ")[1]) == (2, "usage")


def test_where_temporal_is_away_at_the_start_it_ends_and_says_so(say: Say) -> None:
    listen = ("--listen", "127.0.0.1:0")
    status, line = say("--source", "ghe", *listen, TEMPORAL_ADDRESS="127.0.0.1:1")
    assert (status, line.split(": ")[1]) == (4, "temporal-unreachable")

    status, line = say("--source", "ghe", *listen, TEMPORAL_NAMESPACE="no-such-namespace")
    assert (status, line.split(": ")[1]) == (1, "namespace-missing")

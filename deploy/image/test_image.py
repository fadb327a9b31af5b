"""The images hold what they say, run with no rights at all, and take a node from an empty database to a statement."""

from __future__ import annotations

import json
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import Engine, text

from db_client.database_url import parse_database_url
from deploy.image.containers import WORKER, WORKER_GIT, Place, described
from ledger_core import NodeId
from ledger_core.verification.__main__ import main as verify
from scheduler_worker.local.startup import free_ports
from tests.command_line import write_weeks

POLICY = """\
node_id = "{node_id}"
[weights]
"git:commit_authored" = 1000
[pool]
base_issuance_credits = 1000
[[sources.git]]
name = "acme/web"
path = "/srv/git/web"
branch = "main"
"""
LOGIN = "ledger_check"
PASSWORD = "only for checks on loopback"


def until(holds: Callable[[], bool], what: Callable[[], str], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what()
        time.sleep(0.2)


@pytest.fixture
def place(
    postgres_url: str, admin_engine: Engine, temporal_address: str, namespace: str, node_id: NodeId
) -> Iterator[Place]:
    """An empty database, a namespace, a policy, a repository and a folder to write to."""
    name = f"ledger_check_{uuid.uuid4().hex[:12]}"
    login = f"{LOGIN}_{uuid.uuid4().hex[:6]}"
    alone = admin_engine.execution_options(isolation_level="AUTOCOMMIT")
    with alone.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    owner = parse_database_url(postgres_url).set(database=name)
    (health,) = free_ports(1)
    with TemporaryDirectory(prefix="ledger-check-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        write_weeks(folder / "git" / "web", weeks=1, commits_a_week=10)
        (folder / "etc").mkdir()
        (folder / "etc/ledger.toml").write_text(POLICY.format(node_id=node_id), encoding="utf-8")
        (folder / "out").mkdir()
        (folder / "out").chmod(0o777)
        settings = {
            "LEDGER_OWNER_DATABASE_URL": owner.render_as_string(hide_password=False),
            "LEDGER_DATABASE_URL": owner.set(username=login, password=PASSWORD).render_as_string(
                hide_password=False
            ),
            "LEDGER_GRANT_PASSWORD": PASSWORD,
            "LEDGER_ACTOR": "an admin",
            "LEDGER_HEALTH_ADDRESS": f"127.0.0.1:{health}",
            "LEDGER_OBSERVE_SECONDS": "1",
            "TEMPORAL_ADDRESS": temporal_address,
            "TEMPORAL_NAMESPACE": namespace,
            "CHECK_LOGIN": login,
        }
        folders = {
            folder / "etc": "/etc/ledger:ro",
            folder / "git": "/srv/git:ro",
            folder / "out": "/out",
        }
        yield Place(settings=settings, folders=folders)
    with alone.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        connection.execute(text(f'DROP ROLE IF EXISTS "{login}"'))


@pytest.fixture
def no_place() -> Place:
    """Nothing at all: no server, no policy."""
    return Place(settings={}, folders={}, has_scratch=False)


@pytest.mark.parametrize("image", [WORKER, WORKER_GIT])
def test_the_image_is_described_as_it_is_deployed(image: str) -> None:
    whole = described(image)
    config = whole["Config"]

    assert (config["User"], config["Entrypoint"], config["Cmd"]) == ("10001:10001", ["ledger"], ["worker"])
    assert config["StopSignal"] == "SIGTERM"
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    check = config.get("Healthcheck") or whole["Healthcheck"]  # engines differ in where they show it
    assert check["Test"] == ["CMD", "python3", "-m", "scheduler_worker.probe", "/healthz"]
    assert not [entry for entry in config["Env"] if "PASSWORD" in entry or "TOKEN" in entry or "URL" in entry]


@pytest.mark.parametrize(("image", "has_git"), [(WORKER, False), (WORKER_GIT, True)])
def test_it_holds_no_compiler_installer_or_sources_and_git_only_where_it_is_needed(
    image: str, *, has_git: bool, no_place: Place
) -> None:
    ended = no_place.shell(
        image,
        "for each in cc gcc make uv git; do command -v $each; done;"
        " ls -d /build /opt/uv /app/bin/pip /run/secrets/* /root/.cache; find /app -name tests -o -name '*.toml'",
    )

    found = ended.output.split()
    assert [each for each in found if not each.startswith("/app/lib")] == (
        ["/usr/bin/git"] if has_git else []
    )


def test_it_runs_without_any_right_and_can_write_nowhere(no_place: Place) -> None:
    ended = no_place.shell(
        WORKER,
        "id -u; grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status;"
        " for each in / /app /app/lib /etc/ledger /tmp /var/tmp /srv; do touch $each/x 2>/dev/null && echo wrote $each; done;"
        " find / -xdev -perm -4000 -type f -user 10001",
    )

    none = "0000000000000000"
    assert sorted(ended.output.splitlines()) == sorted(
        ["10001", f"CapEff:\t{none}", f"CapBnd:\t{none}", "NoNewPrivs:\t1"]
    ), ended.errors


def test_it_recovers_signers_and_traces(no_place: Place) -> None:
    ended = no_place.shell(WORKER, "python3 -c 'import eth_account, opentelemetry.sdk'")

    assert ended.status == 0, ended.errors


def test_commands_need_no_folder_to_write_to(no_place: Place) -> None:
    shown = no_place.run(WORKER, "--version")
    refused = no_place.run(WORKER, "worker")

    assert (shown.status, shown.output.strip()) == (0, "ledger, version 0.1.0")
    assert refused.status == 2
    assert "ledger: policy-unreadable:" in refused.errors


def test_a_worker_that_waits_for_its_servers_is_well_and_stops_at_once(place: Place) -> None:
    (nowhere,) = free_ports(1)
    with place.running(
        WORKER_GIT, LEDGER_DATABASE_URL=f"postgresql://nobody@127.0.0.1:{nowhere}/none"
    ) as container:
        until(lambda: "database_unreachable" in container.log(), container.log)
        assert container.health() == 0
        assert container.execute("python3", "-m", "scheduler_worker.probe", "/readyz").status == 1
        begun = time.monotonic()

        assert container.stop() == 0
        assert time.monotonic() - begun < 10


def test_a_command_as_the_first_process_hears_sigterm(place: Place) -> None:
    """The kernel drops what process 1 does not handle: a job would sit out its grace period."""
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never says a word
        port = silent.getsockname()[1]
        url = f"postgresql://nobody@127.0.0.1:{port}/none"
        with (
            place.running(WORKER, "db", "upgrade", LEDGER_OWNER_DATABASE_URL=url) as container,
            silent.accept()[0],  # it is up, and waits for an answer
        ):
            begun = time.monotonic()

            assert container.stop() == 130, container.log()
            assert time.monotonic() - begun < 10


def test_from_an_empty_database_to_a_verified_statement(place: Place) -> None:
    run = place.run
    assert run(WORKER_GIT, "db", "upgrade").status == 0
    granted = run(WORKER_GIT, "db", "grant", "--worker", place.settings["CHECK_LOGIN"])
    assert granted.status == 0, granted.errors
    with place.running(WORKER_GIT) as container:
        until(lambda: '"worker_started"' in container.log(), container.log)
        assert container.health() == 0
        until(
            lambda: container.execute("python3", "-m", "scheduler_worker.probe", "/readyz").status == 0,
            container.log,
        )
        assert "schedule" in run(WORKER_GIT, "schedule", "apply").output
        collected = run(WORKER_GIT, "epoch", "collect", "--at", "2026-01-05", "--json")
        assert collected.status == 0, collected.errors
        closed = run(WORKER_GIT, "epoch", "finalize", "1", "--yes", "--json")
        assert closed.status == 0, closed.errors
        assert run(WORKER_GIT, "statement", "export", "1", "-o", "/out/1.zip").status == 0
        assert run(WORKER_GIT, "doctor").status == 0
        begun = time.monotonic()

        assert container.stop() == 0
        assert time.monotonic() - begun < 15
        last = [json.loads(line)["event"] for line in container.log().splitlines() if line.startswith("{")]
        assert last[-1] == "worker_stopped"
    bundle = next(folder for folder, where in place.folders.items() if where == "/out") / "1.zip"
    assert verify([str(bundle)]) == 0


def test_without_a_folder_for_temporary_files_git_s_stream_says_so_at_once(place: Place) -> None:
    bare = replace(place, has_scratch=False)
    assert bare.run(WORKER_GIT, "db", "upgrade").status == 0
    assert bare.run(WORKER_GIT, "db", "grant", "--worker", place.settings["CHECK_LOGIN"]).status == 0
    with bare.running(WORKER_GIT) as container:
        until(lambda: '"worker_started"' in container.log(), container.log)
        ended = bare.run(WORKER_GIT, "epoch", "collect", "--at", "2026-01-05")

        assert ended.status == 3, container.log()
        assert "git-scratch-missing" in ended.output + ended.errors


def test_the_smaller_image_says_that_it_has_no_git(place: Place) -> None:
    run = place.run
    assert run(WORKER, "db", "upgrade").status == 0
    assert run(WORKER, "db", "grant", "--worker", place.settings["CHECK_LOGIN"]).status == 0
    with place.running(WORKER) as container:
        until(lambda: '"worker_started"' in container.log(), container.log)
        ended = run(WORKER, "epoch", "collect", "--at", "2026-01-05")

        assert ended.status == 3
        assert "git" in ended.output + ended.errors
        assert "Traceback" not in container.log() + ended.errors

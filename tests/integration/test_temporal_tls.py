"""Temporal through TLS, with certificates on both sides and API keys, all from its own environment."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from scheduler_worker.temporal_client import TemporalUnreachable, connected
from scheduler_worker.waiting import NamespaceMissing, check_namespace
from tests.tls_terminator import Authority, Terminator, temporal_tls


@pytest.fixture(autouse=True)
def no_configuration_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ours")


def connect(monkeypatch: pytest.MonkeyPatch, terminator: Terminator, **variables: object) -> None:
    """Connect as every command does, and use the namespace."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"localhost:{terminator.port}")
    for name, value in variables.items():
        monkeypatch.setenv(f"TEMPORAL_{name}", str(value))

    async def use() -> None:
        async with connected(keys=None) as client:
            await check_namespace(client)

    asyncio.run(use())


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def test_tls_and_an_api_key_come_from_the_environment(
    temporal_address: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with temporal_tls(port_of(temporal_address), authority.issue("server", "localhost")) as terminator:
        connect(monkeypatch, terminator, TLS_SERVER_CA_CERT_PATH=authority.file, API_KEY="a-key")

    assert terminator.encrypted == 1
    assert {found["authorization"] for found in terminator.headers} == {"Bearer a-key"}
    assert "/DescribeNamespace" in terminator.headers[-1][":path"]


def test_a_client_shows_its_certificate_where_one_is_wanted(
    temporal_address: str, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = authority.issue("client")
    stranger = Authority(tmp_path / "theirs", "another authority").issue("client")
    trusted = {"TLS_SERVER_CA_CERT_PATH": authority.file}
    server = authority.issue("server", "localhost")
    with temporal_tls(port_of(temporal_address), server, clients_of=authority) as terminator:
        for shown in ({}, {"TLS_CLIENT_CERT_PATH": stranger[0], "TLS_CLIENT_KEY_PATH": stranger[1]}):
            with pytest.raises(TemporalUnreachable, match="a client's certificate that it knows"):
                connect(monkeypatch, terminator, **trusted, **shown)
        connect(monkeypatch, terminator, **trusted, TLS_CLIENT_CERT_PATH=certificate, TLS_CLIENT_KEY_PATH=key)


@pytest.mark.parametrize(
    ("hosts", "days", "trusts", "problem"),
    [
        (["elsewhere.example"], 1, "ours", "its certificate is for another name"),
        (["localhost"], -1, "ours", "its certificate has expired"),
        (["localhost"], 1, "theirs", "no authority that is trusted here signed its certificate"),
    ],
)
def test_a_server_that_is_not_who_it_should_be_is_named_as_such(
    temporal_address: str,
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hosts: list[str],
    days: int,
    trusts: str,
    problem: str,
) -> None:
    trusted = authority if trusts == "ours" else Authority(tmp_path / "theirs", "another authority")
    server = authority.issue("server", *hosts, days=days)
    with (
        temporal_tls(port_of(temporal_address), server) as terminator,
        pytest.raises(
            TemporalUnreachable, match=f"^the Temporal server at localhost:\\d+ can't be used: {problem}"
        ),
    ):
        connect(monkeypatch, terminator, TLS_SERVER_CA_CERT_PATH=trusted.file)


def test_tls_where_there_is_none_and_none_where_there_is_are_told_apart(
    temporal_address: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        temporal_tls(port_of(temporal_address), authority.issue("server", "localhost")) as terminator,
        pytest.raises(TemporalUnreachable, match="it may want TLS"),
    ):
        connect(monkeypatch, terminator)
    with pytest.raises(TemporalUnreachable, match="it speaks no TLS; check TEMPORAL_TLS"):
        connect(monkeypatch, Terminator(port=port_of(temporal_address)), TLS="true")


def test_a_server_that_takes_the_connection_and_says_nothing_is_told_after_half_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with (
        socket.create_server(("localhost", 0)) as silent,
        pytest.raises(TemporalUnreachable, match=r"^no Temporal server answers at localhost"),
    ):
        connect(monkeypatch, Terminator(port=silent.getsockname()[1]))


def test_a_namespace_that_there_is_not_is_found_before_a_worker_runs(
    temporal_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NamespaceMissing, match="no-such-namespace"):
        connect(monkeypatch, Terminator(port=port_of(temporal_address)), NAMESPACE="no-such-namespace")

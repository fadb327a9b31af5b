"""Temporal's environment configuration is checked before anything connects, and its secrets are not repeated."""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio.service import TLSConfig

from scheduler_worker.temporal_config import TemporalConfigInvalid, read_temporal_config
from tests.tls_terminator import Authority

SECRET = "an-api-key"


@pytest.fixture(autouse=True)
def no_configuration_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The SDK looks for a file in the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_an_empty_environment_is_a_server_on_this_machine() -> None:
    assert read_temporal_config({}) == {"target_host": "localhost:7233"}


def test_each_variable_is_taken(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("client")
    found = read_temporal_config(
        {
            "TEMPORAL_ADDRESS": "temporal.example.org:7233",
            "TEMPORAL_NAMESPACE": "ledger",
            "TEMPORAL_API_KEY": SECRET,
            "TEMPORAL_TLS_SERVER_CA_CERT_PATH": str(authority.file),
            "TEMPORAL_TLS_CLIENT_CERT_PATH": str(certificate),
            "TEMPORAL_TLS_CLIENT_KEY_PATH": str(key),
            "TEMPORAL_TLS_SERVER_NAME": "another.example.org",
            "TEMPORAL_GRPC_META_TENANT": "ours",
        }
    )

    tls = found.pop("tls")
    assert found == {
        "target_host": "temporal.example.org:7233",
        "namespace": "ledger",
        "api_key": SECRET,
        "rpc_metadata": {"tenant": "ours"},
    }
    assert isinstance(tls, TLSConfig)
    assert (tls.client_cert, tls.domain) == (certificate.read_bytes(), "another.example.org")


def test_a_profile_of_a_file_is_taken_and_the_environment_wins(tmp_path: Path) -> None:
    file = tmp_path / "temporal.toml"
    file.write_text(
        '[profile.default]\naddress = "one:1"\n[profile.prod]\naddress = "two:2"\nnamespace = "ledger"\n'
    )
    environment = {"TEMPORAL_CONFIG_FILE": str(file)}

    assert read_temporal_config(environment)["target_host"] == "one:1"
    prod = read_temporal_config(environment | {"TEMPORAL_PROFILE": "prod", "TEMPORAL_NAMESPACE": "mine"})
    assert prod == {"target_host": "two:2", "namespace": "mine"}


def test_an_api_key_turns_tls_on() -> None:
    environment = {"TEMPORAL_ADDRESS": "temporal.example.org:7233", "TEMPORAL_API_KEY": SECRET}

    assert read_temporal_config(environment)["tls"] is True


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_an_api_key_may_go_out_in_clear_on_this_machine_only(host: str) -> None:
    environment = {"TEMPORAL_API_KEY": SECRET, "TEMPORAL_TLS": "false"}

    assert read_temporal_config(environment | {"TEMPORAL_ADDRESS": f"{host}:7233"})["tls"] is False
    with pytest.raises(TemporalConfigInvalid, match="an API key is set and TLS is off"):
        read_temporal_config(environment | {"TEMPORAL_ADDRESS": "temporal.example.org:7233"})


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        ({"TEMPORAL_ADDRESS": "temporal.example.org"}, "the address must be host:port"),
        ({"TEMPORAL_ADDRESS": "http://temporal.example.org:7233"}, "the address must be host:port"),
        ({"TEMPORAL_ADDRESS": "host:port"}, "the address must be host:port"),
        ({"TEMPORAL_ADDRESS": "host:65536"}, "the address must be host:port"),
        ({"TEMPORAL_ADDRESS": "host:0"}, "the address must be host:port"),
        ({"TEMPORAL_ADDRESS": "a host:7233"}, "the address must be host:port"),
        ({"TEMPORAL_ADDRESS": "\x1b[31m:7233"}, "the address must be host:port"),
        ({"TEMPORAL_PROFILE": "nowhere"}, "Profile 'nowhere' not found"),
        ({"TEMPORAL_CONFIG_FILE": "/no/such/file"}, "TEMPORAL_CONFIG_FILE names no file"),
        ({"TEMPORAL_TLS_CLIENT_CERT_PATH": "/no/such/file"}, "[Errno 2] No such file or directory: '/no/such/file'"),
        ({"TEMPORAL_API_KEY": f"{SECRET}\n"}, "the API key holds white space"),
        ({"TEMPORAL_TLS_CLIENT_CERT_DATA": "x"}, "there is one of the client's certificate and its key"),
        ({"TEMPORAL_TLS_SERVER_CA_CERT_DATA": "x"}, "the server's CA certificate is no PEM of certificates"),
        (
            {"TEMPORAL_TLS_CLIENT_CERT_DATA": "x", "TEMPORAL_TLS_CLIENT_KEY_DATA": "x"},
            "the client's certificate is no PEM of certificates",
        ),
    ],
)  # fmt: skip
def test_what_could_not_work_is_refused_in_one_sentence(environment: dict[str, str], problem: str) -> None:
    with pytest.raises(TemporalConfigInvalid) as refusal:
        read_temporal_config(environment)

    assert refusal.value.code == "temporal-config-invalid"
    assert str(refusal.value).startswith(f"Temporal's environment configuration can't be used: {problem}")
    assert SECRET not in str(refusal.value)


def test_a_certificate_and_a_key_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("one")[0], authority.issue("two")[1]
    environment = {
        "TEMPORAL_TLS_CLIENT_CERT_PATH": str(certificate),
        "TEMPORAL_TLS_CLIENT_KEY_PATH": str(key),
    }

    with pytest.raises(TemporalConfigInvalid, match="is not of the client's key"):
        read_temporal_config(environment)
    with pytest.raises(TemporalConfigInvalid, match="the client's key is no PEM of a key without a password"):
        read_temporal_config(environment | {"TEMPORAL_TLS_CLIENT_KEY_PATH": str(certificate)})


def test_a_file_that_is_none_is_not_quoted(tmp_path: Path) -> None:
    file = tmp_path / "temporal.toml"
    file.write_text(f"[profile.default]\napi_key = {SECRET}\n")

    with pytest.raises(TemporalConfigInvalid, match="TOML parse error at line 2") as refusal:
        read_temporal_config({"TEMPORAL_CONFIG_FILE": str(file)})

    assert SECRET not in str(refusal.value)

"""Temporal's own environment configuration, checked before anything connects.

TEMPORAL_ADDRESS, _NAMESPACE, _API_KEY, _TLS*, _PROFILE and _CONFIG_FILE are the SDK's; what it would find out
late, or not at all, is found here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from temporalio.envconfig import ClientConfig
from temporalio.service import TLSConfig

from ledger_core.errors import LedgerError

DEFAULT_ADDRESS: Final = "localhost:7233"
MAX_PORT: Final = 65_535
_ADDRESS: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})", re.ASCII)
_LOOPBACK: Final = re.compile(r"(localhost|127\.[0-9.]+|\[::1\])", re.ASCII)
_PRINTABLE: Final = re.compile(r"[!-~]+", re.ASCII)


class TemporalConfigInvalid(LedgerError):
    """Temporal's own environment variables, or the file that they name, make no sense."""

    code = "temporal-config-invalid"

    def __init__(self, problem: str) -> None:
        # The first line only: after it, the SDK quotes the file, which may hold a key.
        first = problem.splitlines()[0] if problem else "no reason given"
        super().__init__(f"Temporal's environment configuration can't be used: {first[:300]}")


def read_temporal_config(environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return the arguments of a client's connection: address, namespace, TLS, API key and metadata.

    Holds:  an API key goes out through TLS alone, or stays on this machine.
    Raises: TemporalConfigInvalid.
    """
    file = environment.get("TEMPORAL_CONFIG_FILE")
    if file and not Path(file).is_file():
        raise TemporalConfigInvalid("TEMPORAL_CONFIG_FILE names no file")
    try:
        found = ClientConfig.load_client_connect_config(override_env_vars=dict(environment))
    except (RuntimeError, ValueError, OSError) as error:
        raise TemporalConfigInvalid(str(error)) from error
    config: dict[str, Any] = {"target_host": DEFAULT_ADDRESS, **found}
    host = _host_of(str(config["target_host"]))
    tls = config.get("tls", False)
    if isinstance(tls, TLSConfig):
        _check_tls(tls)
    api_key = config.get("api_key")
    if api_key is not None:
        if _PRINTABLE.fullmatch(str(api_key)) is None:
            raise TemporalConfigInvalid("the API key holds white space or what is no ASCII")
        if not tls and _LOOPBACK.fullmatch(host) is None:
            raise TemporalConfigInvalid("an API key is set and TLS is off: it would go out in clear")
    return config


def _host_of(address: str) -> str:
    match = _ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match[2]) <= MAX_PORT:
        raise TemporalConfigInvalid("the address must be host:port, without a scheme")
    return match[1]


def _check_tls(tls: TLSConfig) -> None:
    if tls.server_root_ca_cert is not None:
        _certificates("the server's CA certificate", tls.server_root_ca_cert)
    if (tls.client_cert is None) != (tls.client_private_key is None):
        raise TemporalConfigInvalid("there is one of the client's certificate and its key, which go together")
    if tls.client_cert is None or tls.client_private_key is None:
        return
    own = _certificates("the client's certificate", tls.client_cert)[0]
    try:
        key = load_pem_private_key(tls.client_private_key, password=None)
    except (ValueError, TypeError) as error:
        raise TemporalConfigInvalid("the client's key is no PEM of a key without a password") from error
    of_key, of_certificate = (
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for public in (key.public_key(), own.public_key())
    )
    if of_key != of_certificate:
        raise TemporalConfigInvalid("the client's certificate is not of the client's key")


def _certificates(what: str, pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise TemporalConfigInvalid(f"{what} is no PEM of certificates") from error

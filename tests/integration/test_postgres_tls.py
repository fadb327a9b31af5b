"""PostgreSQL through TLS: what each sslmode of the address lets in, and the sentence of what it does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from db_client.database_url import parse_database_url
from scheduler_worker.bootstrap import DatabaseUnreachable, database_revisions
from tests.tls_terminator import LOOPBACK, Authority, Terminator, postgres_tls


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ours")


@pytest.fixture
def through_tls(postgres_url: str, authority: Authority) -> Iterator[Terminator]:
    """A server that takes nobody in clear, and is called localhost."""
    port = parse_database_url(postgres_url).port
    assert port is not None
    with postgres_tls(port, authority.issue("server", "localhost")) as terminator:
        yield terminator


def revision(postgres_url: str, terminator: Terminator, host: str, **parameters: str) -> str | None:
    """Ask the database through the terminator where it stands."""
    url = parse_database_url(postgres_url).set(drivername="postgresql", port=terminator.port, host=host)
    # PostgreSQL's own port is loopback's IPv4 address, and so is the terminator's.
    url = url.update_query_dict({"hostaddr": LOOPBACK, **parameters})
    return database_revisions(url.render_as_string(hide_password=False))[0]


@pytest.mark.parametrize(
    ("mode", "host", "trusts"),
    [
        ("require", "elsewhere", None),
        ("verify-ca", "elsewhere", "ours"),
        ("verify-full", "localhost", "ours"),
    ],
)
def test_each_mode_lets_in_whom_it_should(
    postgres_url: str, through_tls: Terminator, authority: Authority, mode: str, host: str, trusts: str | None
) -> None:
    root = {} if trusts is None else {"sslrootcert": str(authority.file)}

    assert revision(postgres_url, through_tls, host, sslmode=mode, **root) is None  # it has no ledger
    assert through_tls.encrypted > 0


@pytest.mark.parametrize(
    ("mode", "host", "signed_by", "problem"),
    [
        (
            "verify-full",
            "elsewhere",
            False,
            'server certificate for "localhost" does not match host name',
        ),
        ("verify-full", "localhost", "theirs", "certificate verify failed"),
        ("verify-ca", "localhost", "theirs", "certificate verify failed"),
        ("disable", "localhost", "ours", "server closed the connection unexpectedly"),
    ],
)
def test_each_mode_refuses_whom_it_should_and_says_why(
    postgres_url: str,
    through_tls: Terminator,
    authority: Authority,
    tmp_path: Path,
    mode: str,
    host: str,
    signed_by: str,
    problem: str,
) -> None:
    trusted = Authority(tmp_path / "theirs", "another authority") if signed_by == "theirs" else authority
    root = {} if mode == "disable" else {"sslrootcert": str(trusted.file)}

    with pytest.raises(DatabaseUnreachable) as refusal:
        revision(postgres_url, through_tls, host, sslmode=mode, **root)

    assert problem in str(refusal.value)
    assert str(parse_database_url(postgres_url).password) not in str(refusal.value)


def test_an_expired_certificate_is_refused(postgres_url: str, authority: Authority) -> None:
    port = parse_database_url(postgres_url).port
    assert port is not None
    with (
        postgres_tls(port, authority.issue("old", "localhost", days=-1)) as terminator,
        pytest.raises(DatabaseUnreachable, match="certificate verify failed"),
    ):
        revision(
            postgres_url, terminator, "localhost", sslmode="verify-full", sslrootcert=str(authority.file)
        )


def test_a_server_without_tls_is_refused_where_it_is_asked_for(
    postgres_url: str, authority: Authority
) -> None:
    plain = Terminator(port=parse_database_url(postgres_url).port or 0)

    with pytest.raises(DatabaseUnreachable, match="does not support SSL"):
        revision(postgres_url, plain, "localhost", sslmode="verify-full", sslrootcert=str(authority.file))

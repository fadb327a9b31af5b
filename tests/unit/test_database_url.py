"""The database's address is checked before anything connects, and never repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from db_client.database_url import DatabaseUrlInvalid, parse_database_url

SECRET = "a-secret"
BASE = f"postgresql://ledger:{SECRET}@db.example.org:5432/ledger"


@pytest.fixture(autouse=True)
def no_authorities_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """libpq would look for authorities in the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PGSSLROOTCERT", raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "authorities.pem"
    path.write_text("any")
    return path


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require"])
def test_a_mode_that_checks_no_certificate_needs_nothing(mode: str) -> None:
    assert parse_database_url(f"{BASE}?sslmode={mode}").query == {"sslmode": mode}


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_a_mode_that_checks_one_knows_whom_to_trust(mode: str, file: Path) -> None:
    found = parse_database_url(f"{BASE}?sslmode={mode}&sslrootcert={file}")

    assert found.query == {"sslmode": mode, "sslrootcert": str(file)}
    assert found.drivername == "postgresql+psycopg"


def test_libpq_s_own_places_of_authorities_count(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{BASE}?sslmode=verify-full"
    with pytest.raises(DatabaseUrlInvalid):
        parse_database_url(url)
    monkeypatch.setenv("PGSSLROOTCERT", str(file))
    parse_database_url(url)
    monkeypatch.delenv("PGSSLROOTCERT")
    (tmp_path / ".postgresql").mkdir()
    (tmp_path / ".postgresql" / "root.crt").write_text("any")
    parse_database_url(url)


def test_the_machine_s_authorities_and_a_client_s_certificate_are_taken(file: Path) -> None:
    parse_database_url(f"{BASE}?sslmode=verify-full&sslrootcert=system")
    parse_database_url(f"{BASE}?sslmode=require&sslcert={file}&sslkey={file}")


def test_servers_that_stand_in_for_each_other_are_taken() -> None:
    url = f"postgresql://ledger:{SECRET}@/ledger?host=one&host=two&port=1&port=2&target_session_attrs=read-write"

    assert parse_database_url(url).query["host"] == ("one", "two")


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ("sslmode=strict", "has an sslmode that is none of disable, allow, prefer, require, verify-ca, verify-full"),
        ("sslmode=VERIFY-FULL", "has an sslmode that is none of"),
        ("sslmode=verify-full", "says sslmode=verify-full, which needs sslrootcert=FILE, or sslrootcert=system"),
        ("sslmode=verify-ca", "says sslmode=verify-ca, which needs sslrootcert=FILE"),
        ("sslmode=require&sslrootcert=system", "says sslrootcert=system, which needs sslmode=verify-full"),
        ("sslmode=verify-full&sslrootcert=/no/such/file", "names a file as sslrootcert that can't be read"),
        ("sslcrl=/no/such/file", "names a file as sslcrl that can't be read"),
        ("sslcert=/etc/hostname", "has one of sslcert and sslkey, which go together"),
        ("ssl_mode=require", "has a parameter that PostgreSQL does not know: ssl_mode"),
        ("ssl=true", "has a parameter that PostgreSQL does not know: ssl"),
        (f"{SECRET}!=1", "has a parameter that PostgreSQL does not know: one that is no name"),
        ("sslmode=require&sslmode=disable", "sets sslmode twice"),
        ("options=-c%20lock_timeout%3D0", "must not set options, as the ledger sets it itself"),
        ("application_name=mine", "must not set application_name"),
        ("connect_timeout=1", "must not set connect_timeout"),
    ],
)  # fmt: skip
def test_what_postgresql_would_not_take_or_the_ledger_would_drop_is_refused(
    parameters: str, problem: str
) -> None:
    with pytest.raises(DatabaseUrlInvalid) as refusal:
        parse_database_url(f"{BASE}?{parameters}")

    assert refusal.value.code == "database-url-invalid"
    assert str(refusal.value).startswith(f"the database address {problem}")
    assert SECRET not in str(refusal.value)
    assert "db.example.org" not in str(refusal.value)

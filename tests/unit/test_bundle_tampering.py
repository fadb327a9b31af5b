"""Damage: whatever is done to a bundle's bytes without a new manifest, none of it is ever verified."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from ledger_core.verification.refusals import BundleRefused
from ledger_core.verification.report import VerificationReport
from ledger_core.verification.verifier import verify_open_bundle
from tests.bundle_forging import put_together, take_apart
from tests.bundle_histories import bundle_bytes, standard_history
from tests.tamper_matrix import EVIDENCE, Tally, Tampering, try_all

BUNDLE = bundle_bytes(standard_history(), 3)
DIRECTORY_AT = BUNDLE.index(b"PK\x01\x02")


def outcome(bundle: bytes) -> VerificationReport | BundleRefused:
    try:
        return verify_open_bundle(io.BytesIO(bundle))
    except BundleRefused as error:
        return error


def is_verified(bundle: bytes) -> bool:
    found = outcome(bundle)
    return isinstance(found, VerificationReport) and found.is_verified


def with_byte(position: int, value: int) -> bytes:
    return BUNDLE[:position] + bytes([value]) + BUNDLE[position + 1 :]


def test_the_bundle_itself_is_verified() -> None:
    assert is_verified(BUNDLE)


def test_no_byte_can_be_flipped() -> None:
    # Another bit in turn, and the case bit last: letters stay letters, hexadecimal stays nearly so.
    undetected = [
        at for at, byte in enumerate(BUNDLE) if is_verified(with_byte(at, byte ^ (1 << at * 5 % 8)))
    ]

    assert undetected == []


def test_no_bit_of_the_zips_own_bytes_can_be_flipped() -> None:
    undetected = [
        (at, bit)
        for at in container_positions()
        for bit in range(8)
        if is_verified(with_byte(at, BUNDLE[at] ^ (1 << bit)))
    ]

    assert undetected == []


def container_positions() -> Iterator[int]:
    """Yield the places of every byte that belongs to no entry's content."""
    yield from range(DIRECTORY_AT, len(BUNDLE))
    at = BUNDLE.find(b"PK\x03\x04")
    while 0 <= at < DIRECTORY_AT:
        name_bytes = int.from_bytes(BUNDLE[at + 26 : at + 28], "little")
        yield from range(at, at + 30 + name_bytes + 20)
        at = BUNDLE.find(b"PK\x03\x04", at + 4)


def test_the_zips_checksums_are_checked_where_header_and_directory_agree() -> None:
    for name in (b"statement.json", b"events.jsonl", b"manifest.json"):
        header_at = BUNDLE.index(name) - 30
        central_at = BUNDLE.index(name, DIRECTORY_AT) - 46
        damaged = bytearray(BUNDLE)
        for at in (header_at + 14, central_at + 16):
            damaged[at] ^= 1

        found = outcome(bytes(damaged))

        assert isinstance(found, VerificationReport)
        assert found.first_difference is not None
        assert f"{name.decode()} CRC-32" == found.first_difference.where


def test_digits_cannot_be_exchanged_for_digits() -> None:
    undetected = [
        at
        for at, byte in enumerate(BUNDLE[:DIRECTORY_AT])
        if 0x30 <= byte <= 0x39 and is_verified(with_byte(at, 0x30 + (byte - 0x30 + 1) % 10))
    ]

    assert undetected == []


def test_no_bundle_that_is_cut_short_is_verified() -> None:
    assert [length for length in range(len(BUNDLE)) if is_verified(BUNDLE[:length])] == []


@pytest.mark.parametrize("tail", [b"\0", b"\n", b"PK\x05\x06" + b"\0" * 18, BUNDLE])
def test_nothing_can_follow_a_bundle(tail: bytes) -> None:
    assert not is_verified(BUNDLE + tail)


@pytest.mark.parametrize("head", [b"\0", b"#!/bin/sh\n", BUNDLE])
def test_nothing_can_precede_a_bundle(head: bytes) -> None:
    assert not is_verified(head + BUNDLE)


def test_a_byte_can_be_put_in_or_taken_out_nowhere() -> None:
    taken_out = [at for at in range(0, len(BUNDLE), 3) if is_verified(BUNDLE[:at] + BUNDLE[at + 1 :])]
    put_in = [at for at in range(0, len(BUNDLE), 3) if is_verified(BUNDLE[:at] + b"0" + BUNDLE[at:])]

    assert (taken_out, put_in) == ([], [])


def test_no_line_can_be_deleted_repeated_or_swapped_even_with_a_new_manifest() -> None:
    files = take_apart(BUNDLE)
    undetected: list[tuple[str, int, str]] = []
    for name in files.keys() - {"statement.json"}:
        lines = files[name].splitlines(keepends=True)
        for number, line in enumerate(lines):
            changed = {
                "deleted": lines[:number] + lines[number + 1 :],
                "repeated": [*lines[:number], line, *lines[number:]],
                "moved": [*lines[:number], *lines[number + 1 :], line],
                "joined": [*lines[:number], line.rstrip(b"\n"), *lines[number + 1 :]],
                "split": [*lines[:number], line[:10] + b"\n" + line[10:], *lines[number + 1 :]],
                "emptied": [*lines[:number], b"\n", *lines[number + 1 :]],
            }
            for what, forged in changed.items():
                data = b"".join(forged)
                if data != files[name] and is_verified(put_together({**files, name: data})):
                    undetected.append((name, number, what))

    assert undetected == []


def test_no_byte_of_the_statement_can_be_flipped_even_with_a_new_manifest() -> None:
    """But for the epoch's own facts, which only the chain and a published hash can hold: see --expect."""
    files = take_apart(BUNDLE)
    document = files["statement.json"]
    genuine = outcome(BUNDLE)
    assert isinstance(genuine, VerificationReport)
    consistent = []
    for at, byte in enumerate(document):
        forged = document[:at] + bytes([byte ^ 1]) + document[at + 1 :]
        bundle = put_together({**files, "statement.json": forged})
        if is_verified(bundle):
            consistent.append(forged)
            report = verify_open_bundle(io.BytesIO(bundle), expected_hash=genuine.statement_hash)
            assert not report.is_verified

    keys = (b'"epoch_id":"', b'"period_start":"', b'"period_end":"', b'"weight_config":{')
    assert all(_differs_behind(document, forged, keys) for forged in consistent)


def _differs_behind(document: bytes, forged: bytes, keys: tuple[bytes, ...]) -> bool:
    at = next(at for at in range(len(document)) if document[at] != forged[at])
    return any(0 <= at - document.index(key) - len(key) < 32 for key in keys)


def test_of_the_tamper_matrix_each_97th_is_detected_and_evidence_alone_may_change() -> None:
    """`python -m tests.tamper_matrix` tries all of it; 97 is prime, so that every bit of a byte has its turn."""
    tally = try_all(97)

    assert tally.undetected == []
    assert len(tally.kinds) >= 20
    assert set(tally.evidence) <= EVIDENCE


def test_a_tampering_that_is_not_detected_would_be_told() -> None:
    genuine = outcome(BUNDLE)
    assert isinstance(genuine, VerificationReport)
    line = take_apart(BUNDLE)["events.jsonl"].splitlines()[0]
    tally = Tally()

    tally.take(Tampering("nothing", BUNDLE), genuine.statement_hash)
    tally.take(
        Tampering("weight", BUNDLE, (line, line.replace(b'"included":true', b'"included":false'))),
        genuine.statement_hash,
    )

    assert len(tally.undetected) == 2
    assert sum(tally.kinds.values()) == sum(tally.evidence.values()) == 0

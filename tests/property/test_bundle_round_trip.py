"""Bundles of random histories, random damage, and the verifier's arithmetic beside the ledger's own."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ledger_core.domain.allocation import FinalizedAllocation
from ledger_core.domain.canonical_json import canonical_json, parse_canonical_json
from ledger_core.domain.payouts import compute_payouts
from ledger_core.errors import NotCanonical
from ledger_core.identifiers import is_identifier
from ledger_core.testing import MONDAY, InMemoryLedger, make_event
from ledger_core.verification.canonical_lines import canonical_part, parse_canonical_line
from ledger_core.verification.payout_checks import share_of, split_pool
from ledger_core.verification.refusals import BundleRefused
from ledger_core.verification.verifier import verify_open_bundle
from tests.bundle_forging import put_together, take_apart
from tests.bundle_histories import (
    NODE,
    bind,
    bundle_bytes,
    finalize,
    open_week,
    standard_history,
    store_events,
)

BUNDLE = bundle_bytes(standard_history(), 2)
EVENTS = st.lists(
    st.tuples(
        st.integers(0, 20),
        st.sampled_from(["1001", "1002", "1003", None]),
        st.sampled_from(["pr_merged", "review", "x"]),
    ),
    max_size=12,
)
IDENTIFIERS = st.text(min_size=1, max_size=8).filter(is_identifier)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=40, deadline=None)
@given(
    weeks=st.lists(EVENTS, min_size=1, max_size=3),
    pools=st.lists(st.integers(0, 2**63 - 1), min_size=3, max_size=3),
)
def test_whatever_the_ledger_closes_is_verified(weeks: list[Any], pools: list[int]) -> None:
    ledger = InMemoryLedger(NODE)
    for week, events in enumerate(weeks):
        epoch_id = open_week(ledger, week)
        if week < 2:
            bind(ledger, **[{"ann": "1001"}, {"bob": "1002"}][week])
        made = [
            make_event(
                1000 * week + number,
                at=MONDAY + timedelta(days=min(day, 7 * week + 6)),
                account=account,
                event_type=event_type,
            )
            for number, (day, account, event_type) in enumerate(events)
        ]
        store_events(ledger, *made)
        statement_hash = finalize(ledger, epoch_id, pools[week])
        report = verify_open_bundle(io.BytesIO(bundle_bytes(ledger, epoch_id)))

        assert report.is_verified, report.first_difference
        assert statement_hash == report.statement_hash
        assert week == report.earlier_statements


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_random_damage_is_verified(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(BUNDLE)))
    stop = data.draw(st.integers(start, min(len(BUNDLE), start + 50)))
    pasted_from = data.draw(st.integers(0, len(BUNDLE)))
    patch = data.draw(st.binary(max_size=50) | st.just(BUNDLE[pasted_from : pasted_from + stop - start]))
    damaged = BUNDLE[:start] + patch + BUNDLE[stop:]
    assume(damaged != BUNDLE)

    try:
        report = verify_open_bundle(io.BytesIO(damaged))
    except BundleRefused:
        return
    assert not report.is_verified


@settings(max_examples=300, deadline=None)
@given(
    name=st.sampled_from(["events.jsonl", "allocations.jsonl", "pool.jsonl", "chain.jsonl"]), data=st.data()
)
def test_an_edit_with_a_new_manifest_is_found_unless_no_statement_pins_the_field(
    name: str, data: st.DataObject
) -> None:
    files = take_apart(BUNDLE)
    records = [json.loads(line) for line in files[name].splitlines()]
    path, value = data.draw(st.sampled_from(list(_leaves(records))))
    replacement: Any = data.draw(
        st.sampled_from([None, True, 0, 7, "", "1", "x", "2026-11-20T00:00:00Z", {}, []])
    )
    assume(replacement != value or type(replacement) is not type(value))
    target = records
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = replacement
    forged = b"".join([canonical_json(record) + b"\n" for record in records])
    unpinned = {"producer", "producer_version", "retrieved_at", "computed_at", "note", "override_reason"}
    unpinned |= {"judged_by", "judged_at", "override_by", "override_at"}

    try:
        report = verify_open_bundle(io.BytesIO(put_together({**files, name: forged})))
    except BundleRefused:
        return
    assert not report.is_verified or path[-1] in unpinned
    assert report.statement_hash == verify_open_bundle(io.BytesIO(BUNDLE)).statement_hash


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = False
    for key, inner in items:
        found = True
        yield from _leaves(inner, (*path, key))
    if not found and path:
        yield path, value


@settings(max_examples=300, deadline=None)
@given(
    units=st.dictionaries(IDENTIFIERS, st.integers(0, 5) | st.integers(0, 2**63 - 1), max_size=8),
    pool=st.integers(0, 20) | st.integers(0, 2**63 - 1),
)
def test_the_verifiers_arithmetic_agrees_with_the_ledgers(units: dict[str, int], pool: int) -> None:
    lines = compute_payouts([FinalizedAllocation(user, mine) for user, mine in units.items()], pool)

    amounts = split_pool(units, pool)

    assert {line.user_id: line.amount_credits for line in lines} == amounts
    total = sum(units.values())
    assert [line.share for line in lines] == [share_of(units[line.user_id], total) for line in lines]


@settings(max_examples=500, deadline=None)
@given(value=JSON, data=st.data())
def test_reading_lines_fast_agrees_with_the_standard_reader(value: Any, data: st.DataObject) -> None:
    text = canonical_json(value)
    start = data.draw(st.integers(0, len(text)))
    patch = data.draw(
        st.sampled_from([b"", b"0", b" ", b'"', b"\\", b"1.5", b"-0", b"\xf0\x9f\x98\x80", b"\xff", b"e9"])
    )
    stop = data.draw(st.sampled_from([start, start + 1]))
    for line in (text, text[:start] + patch + text[stop:]):
        try:
            expected = parse_canonical_json(line)
        except NotCanonical:
            expected = NotCanonical
        try:
            found = parse_canonical_line(line)
        except NotCanonical:
            found = NotCanonical

        assert expected == found
        if found is not NotCanonical:
            assert line == canonical_part(found)

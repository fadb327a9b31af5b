"""Canonical JSON agrees with an independent library for RFC 8785 wherever both have an answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from ledger_core import NotCanonical, canonical_json, parse_canonical_json

SAFE = 2**53 - 1
# Controls, both sides of the surrogates, and characters beyond the BMP, where UTF-16 and code points
# order keys differently; st.characters() adds every other one, lone surrogates included.
TEXTS = st.text(
    st.sampled_from(
        '\x00\x08\t\n\x1f"\\/ aA1\x7f\x80\u00e9\u2028\ud7ff\ue000\ufb33\uffff\U00010000\U0001f600'
    ),
    max_size=6,
) | st.text(st.characters(), max_size=6)
WHOLE = st.integers(-SAFE, SAFE) | st.sampled_from([SAFE, -SAFE, 0, -1])
ANY_NUMBER = WHOLE | st.integers() | st.sampled_from([SAFE + 1, -SAFE - 1]) | st.floats()


def trees(scalars: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    leaves = st.none() | st.booleans() | TEXTS | scalars
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=6),
        max_leaves=20,
    )


def accepted(canonicalize: Callable[[Any], bytes], value: Any) -> bytes | None:
    """The canonical text of value, or None where it is refused (encoding errors are ValueErrors too)."""
    try:
        return canonicalize(value)
    except (NotCanonical, ValueError):
        return None


def holds_a_float(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(holds_a_float, value.values()))
    if isinstance(value, list):
        return any(map(holds_a_float, value))
    return isinstance(value, float)


@given(value=trees(ANY_NUMBER))
@example(value={"\U0001f600": 1, "\ufb33": 2, "\ue000": 3})
@example(value={"\ud83d": 1, "a": 2})
@example(value=[SAFE + 1])
@example(value=[1.0])
def test_what_is_accepted_is_what_the_rfc_says(value: Any) -> None:
    """Ours says no more than theirs, and what both say is the same bytes."""
    ours, theirs = accepted(canonical_json, value), accepted(rfc8785.dumps, value)

    if ours is not None:
        assert ours == theirs


@given(value=trees(ANY_NUMBER))
def test_only_floats_are_refused_that_the_rfc_accepts(value: Any) -> None:
    """The restriction is the one that is documented, and no other."""
    ours, theirs = accepted(canonical_json, value), accepted(rfc8785.dumps, value)

    if theirs is not None:
        assert (ours is None) == holds_a_float(value)


@given(value=trees(WHOLE).filter(lambda value: accepted(rfc8785.dumps, value) is not None))
def test_a_text_of_the_other_library_is_read_back(value: Any) -> None:
    """PAYOUT_DETERMINISTIC: their writer, our reader; and any JSON reader agrees."""
    text = rfc8785.dumps(value)

    assert parse_canonical_json(text) == value
    assert json.loads(text) == value
    assert canonical_json(value) == text


@given(
    members=st.dictionaries(TEXTS, WHOLE, max_size=8).filter(
        lambda members: accepted(rfc8785.dumps, members) is not None
    ),
    data=st.data(),
)
def test_the_order_of_keys_as_given_does_not_matter(members: dict[str, int], data: st.DataObject) -> None:
    permuted = dict(data.draw(st.permutations(list(members.items()))))

    assert canonical_json(permuted) == canonical_json(members)

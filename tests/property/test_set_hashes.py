"""The hashes of sets tell any two sets apart, also where ids try to collide."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from hashlib import sha256
from itertools import combinations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ledger_core import (
    CuratedEvent,
    EventId,
    FinalizedAllocation,
    InvalidValue,
    UserId,
    WeightConfig,
    compute_activity_set_hash,
    compute_allocation_set_hash,
)
from ledger_core.identifiers import is_identifier

MAX_BIGINT = 2**63 - 1
NO_WEIGHTS = WeightConfig({})
# The hash's own punctuation, JSON's, digits that could slip over the colon, and letters that a normal
# form, a case mapping or an eye takes for one another.
TRICKY = (
    ':"\\,[] 0123456789aAiI\u0130\u0131s\u017f\u00e9e\u0301\u00c5\u212b\ufb01\u200d\u00ad\u0430\U0001f600'
)
IDS = st.text(TRICKY, min_size=1, max_size=5).filter(is_identifier)
UNITS = st.integers(0, 12) | st.integers(0, MAX_BIGINT)
SETS = st.dictionaries(IDS, UNITS, max_size=5)
LINE_BREAKS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\x00"

DISGUISES: dict[str, Callable[[str], str]] = {
    **{
        form: lambda text, form=form: unicodedata.normalize(form, text)  # type: ignore[misc]
        for form in ("NFC", "NFD", "NFKC", "NFKD")
    },
    "lower case": str.lower,
    "upper case": str.upper,
    "case folded": str.casefold,
    "shorter by one": lambda text: text[:-1],
    "with a colon": lambda text: f"{text}:",
    "with a number": lambda text: f"{text}:1",
}

# Sets that one careless separator, normal form or case mapping would make the same.
COLLIDING_SETS: tuple[dict[str, int], ...] = (
    {},
    {"a": 1},
    {"a": 11},
    {"a:1": 1},
    {"a:1": 11},
    {"a:11": 1},
    {"a": 1, "b": 1},
    {"a:1 b": 1},
    {"a:1\\nb": 1},
    {"ab": 1},
    {"A": 1},
    {"\u00e9": 1},
    {"e\u0301": 1},
    {"\u00c5": 1},
    {"\u212b": 1},
    {"A\u030a": 1},
    {"\ufb01": 1},
    {"fi": 1},
    {"i": 1},
    {"I": 1},
    {"\u0130": 1},
    {"\u0131": 1},
    {"a\u200d": 1},
    {"a\u00ad": 1},
    {"\u0430": 1},
    {"a": 0},
    {"a": 0, "b": 0},
    {"null": 1},
    {"None": 1},
)


def allocations(units: dict[str, int]) -> list[FinalizedAllocation]:
    return [FinalizedAllocation(user, amount) for user, amount in units.items()]


def set_hash(units: dict[str, int]) -> str:
    return compute_allocation_set_hash(allocations(units))


def event(
    event_id: str,
    *,
    user: str | None = "ann",
    included: bool = True,
    weight: int = 1,
    payload: str = "0" * 64,
) -> CuratedEvent:
    return CuratedEvent(
        event_id=EventId(event_id),
        source="git",
        event_type="commit",
        payload_hash=payload,
        user_id=None if user is None else UserId(user),
        included=included,
        weight_override_milli=weight,
    )


Fact = tuple[str | None, bool, int, str]
FACTS: st.SearchStrategy[Fact] = st.tuples(
    st.none() | IDS, st.booleans(), UNITS, st.text("0a", min_size=1, max_size=2)
)
ACTIVITIES = st.dictionaries(IDS, FACTS, max_size=4)


def activity_hash(facts: dict[str, Fact]) -> str:
    return compute_activity_set_hash(
        [
            event(event_id, user=user, included=included, weight=weight, payload=payload)
            for event_id, (user, included, weight, payload) in sorted(facts.items())
        ],
        NO_WEIGHTS,
    )


@given(units=SETS.filter(bool))
@example(units={"a:1": 2, "a": 12})
def test_the_hashed_text_gives_the_set_back(units: dict[str, int]) -> None:
    """Injective for a reason: lines end only where they end, and the last colon is ours."""
    text = "\n".join(f"{user}:{amount}" for user, amount in sorted(units.items()))

    read = {user: int(amount) for user, _, amount in (line.rpartition(":") for line in text.split("\n"))}

    assert sha256(text.encode()).hexdigest() == set_hash(units)
    assert read == units


@given(one=SETS, other=SETS)
def test_two_sets_have_one_hash_only_if_they_are_one(one: dict[str, int], other: dict[str, int]) -> None:
    assert (set_hash(one) == set_hash(other)) == (one == other)


@given(units=SETS.filter(bool), disguise=st.sampled_from(sorted(DISGUISES)), data=st.data())
def test_an_id_in_disguise_is_another_id(units: dict[str, int], disguise: str, data: st.DataObject) -> None:
    """Normal forms, case, prefixes and colons: nothing is folded before it is hashed."""
    user = data.draw(st.sampled_from(sorted(units)))
    disguised = DISGUISES[disguise](user)
    assume(disguised not in units and is_identifier(disguised))

    changed = {disguised if name == user else name: amount for name, amount in units.items()}

    assert set_hash(changed) != set_hash(units)
    assert activity_hash({user: ("ann", True, 1, "0")}) != activity_hash({disguised: ("ann", True, 1, "0")})
    assert activity_hash({"e": (user, True, 1, "0")}) != activity_hash({"e": (disguised, True, 1, "0")})


def test_sets_made_to_collide_do_not() -> None:
    hashes = [set_hash(units) for units in COLLIDING_SETS]

    for (number, one), (other_number, other) in combinations(enumerate(hashes), 2):
        assert one != other, (COLLIDING_SETS[number], COLLIDING_SETS[other_number])


@given(before=IDS, line_break=st.sampled_from(LINE_BREAKS), after=IDS)
def test_no_id_holds_what_could_end_a_line(before: str, line_break: str, after: str) -> None:
    """So no user can be written as two, and no event as two."""
    broken = f"{before}{line_break}{after}"

    with pytest.raises(InvalidValue):
        FinalizedAllocation(broken, 1)
    with pytest.raises(InvalidValue):
        event(broken)


@given(text=st.text(st.characters(), min_size=1, max_size=6))
def test_an_id_that_is_accepted_is_one_line(text: str) -> None:
    """Whatever Python, or another reader, takes for the end of a line."""
    assume(is_identifier(text))

    assert text.splitlines() == [text]
    assert text.strip() == text
    assert text.encode("utf-8").decode("utf-8") == text


@given(one=ACTIVITIES, other=ACTIVITIES)
def test_two_activities_have_one_hash_only_if_they_are_one(
    one: dict[str, Fact], other: dict[str, Fact]
) -> None:
    assert (activity_hash(one) == activity_hash(other)) == (one == other)


@given(facts=ACTIVITIES.filter(bool), data=st.data())
def test_a_change_of_any_field_changes_the_activity_hash(facts: dict[str, Fact], data: st.DataObject) -> None:
    event_id = data.draw(st.sampled_from(sorted(facts)))
    fact = data.draw(FACTS)
    field = data.draw(st.integers(0, 3))
    user, included, weight, payload = facts[event_id]
    changed: Fact = (
        fact[0] if field == 0 else user,
        fact[1] if field == 1 else included,
        fact[2] if field == 2 else weight,
        fact[3] if field == 3 else payload,
    )
    assume(changed != facts[event_id])

    assert activity_hash(facts | {event_id: changed}) != activity_hash(facts)


@pytest.mark.parametrize("user", ["null", "None", '"null"', "false", "1"])
def test_no_user_is_not_a_user_of_that_name(user: str) -> None:
    assert activity_hash({"e": (None, True, 1, "0")}) != activity_hash({"e": (user, True, 1, "0")})

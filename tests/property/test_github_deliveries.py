"""Whatever a signed body holds: it is read, ignored with a reason, or refused by name; what is named fits its form."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ledger_core.identifiers import StreamRef
from ledger_core.ports.item_source import ItemHint
from scheduler_worker.github_policy import GithubAccess, GithubSourcePolicy
from scheduler_worker.sources.github.deliveries import (
    EVENTS,
    GithubDeliveryUnreadable,
    NamedThing,
    read_delivery,
)
from scheduler_worker.webhooks.collected_streams import collected_stream
from tests.github_world.acts import Player, populated
from tests.github_world.deliveries import Delivery, deliveries_of

POLICY = GithubSourcePolicy(
    source="github", access=GithubAccess(), repos=("acme/web",), patterns=("acme/*",), exclude=("*/secret*",)
)
REASON = re.compile("[a-z-]+")

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(), max_size=30)
    | st.sampled_from(
        ["opened", "closed", "created", "refs/heads/main", "acme/secret-1", "I_1", "\ud800", "\x00"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def real_deliveries() -> list[Delivery]:
    world = populated()
    Player(world).play_some()
    return deliveries_of(world)


REAL = real_deliveries()


def read(event: str, body: bytes) -> NamedThing | str | GithubDeliveryUnreadable:
    try:
        return read_delivery(event, body)
    except GithubDeliveryUnreadable as error:
        return error


def check(event: str, body: bytes) -> None:
    found = read(event, body)
    if isinstance(found, GithubDeliveryUnreadable):
        assert str(found).isascii()
        assert len(str(found)) < 600
        return
    stream = found if isinstance(found, str) else collected_stream([POLICY], found)
    if isinstance(found, NamedThing) and isinstance(stream, StreamRef):
        ItemHint(stream=stream, scope=found.repository_id, item=found.node)  # or it raises
    else:
        assert REASON.fullmatch(str(stream))


@given(event=st.sampled_from([*EVENTS, "star", ""]), body=st.binary(max_size=200))
def test_any_bytes_are_refused_or_ignored(event: str, body: bytes) -> None:
    check(event, body)


@given(event=st.sampled_from(EVENTS), told=values)
def test_any_json_is_refused_or_ignored(event: str, told: Any) -> None:
    check(event, json.dumps(told).encode())


@given(
    real=st.sampled_from(REAL),
    event=st.none() | st.sampled_from(EVENTS),
    changes=st.lists(st.tuples(st.integers(0, 10**6), values), max_size=3),
)
def test_a_real_delivery_with_anything_in_it_changed_is_read_ignored_or_refused(
    real: Delivery, event: str | None, changes: list[tuple[int, Any]]
) -> None:
    told = json.loads(real.body)
    for where, value in changes:
        holders = [told, *(inner for inner in told.values() if isinstance(inner, dict))]
        places = [(holder, key) for holder in holders for key in holder]
        holder, key = places[where % len(places)]
        holder[key] = value

    check(event or real.event, json.dumps(told).encode())

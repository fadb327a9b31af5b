"""Keys that hide what travels through Temporal: configured, or the node's own."""

from __future__ import annotations

import base64
from uuid import UUID

import pytest

from ledger_core import NodeId
from scheduler_worker.payload_keys import PayloadKeysInvalid, node_payload_keys, parse_payload_keys
from scheduler_worker.settings import read_settings

OLD = base64.b64encode(b"o" * 32).decode()
NEW = base64.b64encode(b"n" * 32).decode()
SHORT = base64.b64encode(b"s" * 31).decode()
NODE = NodeId(UUID(int=1))
SEED = b"s" * 32


def test_no_variable_is_no_key_and_each_configured_one_is_kept_in_order() -> None:
    assert parse_payload_keys(None) == parse_payload_keys("") == ()
    assert [key.key for key in parse_payload_keys(f"{NEW}, {OLD}")] == [b"n" * 32, b"o" * 32]
    assert read_settings({"LEDGER_PAYLOAD_KEYS": NEW}).payload_keys == parse_payload_keys(NEW)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("not base64!", "is not base64"),
        (f"{NEW[:-2]}", "is not base64"),
        (SHORT, "has a key of 31 bytes"),
        (f"{NEW},{SHORT}", "has a key of 31 bytes"),
        (" , ", "names no key"),
        (f"{NEW},{OLD},{NEW}", "names a key twice"),
    ],
)
def test_what_is_no_key_is_refused_without_being_repeated(text: str, problem: str) -> None:
    with pytest.raises(PayloadKeysInvalid, match=f"^LEDGER_PAYLOAD_KEYS {problem};") as refusal:
        read_settings({"LEDGER_PAYLOAD_KEYS": text})

    assert refusal.value.code == "payload-keys-invalid"
    for part in text.replace(" ", ",").split(","):
        assert len(part) < 8 or part not in str(refusal.value)


def test_a_node_without_configured_keys_has_its_own_and_no_other_node_has_it() -> None:
    """NODE_SCOPED: whoever has one node's key reads nothing of another's."""
    first = node_payload_keys(SEED, NODE, ())
    again = node_payload_keys(SEED, NODE, ())
    other = node_payload_keys(SEED, NodeId(UUID(int=2)), ())
    elsewhere = node_payload_keys(b"t" * 32, NODE, ())

    assert first == again
    keys = [found.keys[0].key for found in (first, other, elsewhere)]
    id_keys = [found.id_key for found in (first, other, elsewhere)]
    assert len({SEED, *keys, *id_keys}) == 7


def test_configured_keys_come_first_and_the_node_s_own_still_opens() -> None:
    own = node_payload_keys(SEED, NODE, ())
    configured = node_payload_keys(SEED, NODE, parse_payload_keys(f"{NEW},{OLD}"))

    assert [key.key for key in configured.keys] == [b"n" * 32, b"o" * 32, own.keys[0].key]
    assert configured.id_key == own.id_key


def test_keys_are_never_shown_and_their_names_say_nothing_of_them() -> None:
    keys = node_payload_keys(SEED, NODE, parse_payload_keys(f"{NEW},{OLD}"))
    shown = repr(keys) + str(keys) + repr(read_settings({"LEDGER_PAYLOAD_KEYS": NEW}))

    for key in keys.keys:
        assert repr(key.key)[2:-1] not in shown
        assert key.key.hex() not in shown
        assert key.key_id not in key.key.hex()
    assert len({key.key_id for key in keys.keys}) == 3

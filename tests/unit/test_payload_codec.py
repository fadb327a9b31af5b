"""PAYLOADS_HIDDEN: what travels through Temporal is hidden, and opens with the keys that it was hidden with."""

from __future__ import annotations

import asyncio
import base64
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError

from ledger_core import NodeId
from scheduler_worker.payload_codec import EncryptionCodec, PayloadUnreadable, hiding_converter
from scheduler_worker.payload_keys import PayloadKeys, node_payload_keys, parse_payload_keys

NODE = NodeId(UUID(int=1))
NAME = "ann@people.example.org"


def keys(configured: bytes = b"", *, seed: bytes = b"s" * 32) -> PayloadKeys:
    """The node's own key, after a configured one of 32 times each byte."""
    text = ",".join(base64.b64encode(bytes([letter]) * 32).decode() for letter in configured)
    return node_payload_keys(seed, NODE, parse_payload_keys(text))


def hide(value: object, using: PayloadKeys) -> Payload:
    [payload] = asyncio.run(hiding_converter(using).encode([value]))
    return payload


def reveal(payload: Payload, using: PayloadKeys) -> object:
    [value] = asyncio.run(hiding_converter(using).decode([payload]))
    return value


@given(value=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=8))
def test_every_value_comes_back_and_none_is_seen(value: object) -> None:
    hidden = hide([NAME, value], keys())

    assert reveal(hidden, keys()) == [NAME, value]
    assert NAME.encode() not in hidden.SerializeToString()


def test_the_same_value_is_hidden_differently_each_time() -> None:
    assert hide(NAME, keys()).data != hide(NAME, keys()).data


def test_after_a_rotation_the_new_key_hides_and_the_old_ones_still_open() -> None:
    by_own, by_old, by_new = hide(1, keys()), hide(2, keys(b"o")), hide(3, keys(b"no"))

    assert [reveal(hidden, keys(b"no")) for hidden in (by_own, by_old, by_new)] == [1, 2, 3]
    names = {hidden.metadata["encryption-key-id"] for hidden in (by_own, by_old, by_new)}
    assert names == {key.key_id.encode() for key in keys(b"no").keys}
    with pytest.raises(PayloadUnreadable):
        reveal(by_new, keys(b"o"))


def test_another_node_s_or_another_database_s_key_opens_nothing() -> None:
    hidden = hide(NAME, keys())

    with pytest.raises(PayloadUnreadable) as refusal:
        reveal(hidden, keys(seed=b"t" * 32))

    assert refusal.value.code == "payload-unreadable"
    assert keys().keys[0].key_id in str(refusal.value)


@pytest.mark.parametrize("position", [0, 11, 12, -1])
def test_a_payload_that_was_tampered_with_is_refused(position: int) -> None:
    hidden = hide(NAME, keys())
    data = bytearray(hidden.data)
    data[position] ^= 1
    hidden.data = bytes(data)

    with pytest.raises(PayloadUnreadable):
        reveal(hidden, keys())


@pytest.mark.parametrize("data", [b"", b"x", b"x" * 12])
def test_a_payload_that_is_cut_short_is_refused(data: bytes) -> None:
    hidden = hide(NAME, keys())
    hidden.data = data

    with pytest.raises(PayloadUnreadable):
        reveal(hidden, keys())


def test_a_payload_under_another_key_s_name_is_refused() -> None:
    hidden = hide(NAME, keys(b"o"))
    hidden.metadata["encryption-key-id"] = keys().keys[0].key_id.encode()

    with pytest.raises(PayloadUnreadable):
        reveal(hidden, keys(b"o"))


def test_what_was_never_hidden_is_taken_as_it_is() -> None:
    plain = Payload(metadata={"encoding": b"json/plain"}, data=b'"before"')

    assert reveal(plain, keys()) == "before"


def test_a_failure_hides_its_words_and_shows_its_code() -> None:
    converter = hiding_converter(keys())
    failure = Failure()
    error = ApplicationError(
        f"github identity 1 is bound to {NAME}", {"of": NAME}, type="identity-already-bound"
    )
    asyncio.run(converter.encode_failure(error, failure))
    hidden = failure.SerializeToString()
    seen = asyncio.run(converter.decode_failure(failure))

    assert NAME.encode() not in hidden
    assert b"identity-already-bound" in hidden
    assert isinstance(seen, ApplicationError)
    assert (seen.message, seen.type) == (error.message, "identity-already-bound")
    assert seen.details == ({"of": NAME},)


def test_a_client_without_keys_sends_nothing_and_reads_nothing() -> None:
    with pytest.raises(AssertionError, match="send nothing"):
        asyncio.run(hiding_converter(None).encode([NAME]))
    with pytest.raises(PayloadUnreadable):
        asyncio.run(hiding_converter(None).decode([hide(NAME, keys())]))


def test_no_key_is_shown_by_the_codec() -> None:
    assert "ssss" not in repr(vars(EncryptionCodec(keys(b"s"))))

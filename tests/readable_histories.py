"""Histories as a server holds them, and as whoever has the keys reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import History
from temporalio.client import WorkflowHistory

from scheduler_worker.payload_codec import EncryptionCodec
from scheduler_worker.payload_keys import PayloadKeys


def raw_bytes(history: WorkflowHistory) -> bytes:
    """Return everything that the server holds of a run, with its id."""
    return history.workflow_id.encode() + History(events=history.events).SerializeToString()


async def readable(history: WorkflowHistory, keys: PayloadKeys) -> WorkflowHistory:
    """Return the history with all its payloads opened; the one that is given stays hidden."""
    opened = History.FromString(History(events=history.events).SerializeToString())
    codec = EncryptionCodec(keys)
    for payload in _payloads(opened):
        [plain] = await codec.decode([payload])
        payload.CopyFrom(plain)
    return WorkflowHistory(history.workflow_id, opened.events)


def encodings(history: WorkflowHistory) -> set[bytes]:
    """Return how the payloads of the history are encoded, search attributes apart."""
    return {
        payload.metadata.get("encoding", b"")
        for payload in _payloads(History(events=history.events))
        if "type" not in payload.metadata
    }


def _payloads(message: Message) -> Iterator[Payload]:
    """Walk a message down to its payloads, wherever they are: arguments, results, failures, headers, summaries."""
    if isinstance(message, Payload):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for inner in _inner(field, value):
            yield from _payloads(inner)


def _inner(field: Any, value: Any) -> list[Message]:
    if field.message_type.GetOptions().map_entry:
        return [inner for inner in value.values() if isinstance(inner, Message)]
    return list(value) if field.is_repeated else [value]

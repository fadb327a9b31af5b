"""Histories as a server holds them, and as whoever has the keys reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import History
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.client import WorkflowHistory

from scheduler_worker.payload_codec import ENCODING, EncryptionCodec
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


def plain_payloads(history: WorkflowHistory) -> set[bytes]:
    """Return what the payloads hold that are not hidden, search attributes apart."""
    return {
        payload.data
        for payload in _payloads(History(events=history.events))
        if "type" not in payload.metadata and payload.metadata.get("encoding") != ENCODING
    }


def _payloads(message: Message) -> Iterator[Payload]:
    """Return the payloads of a message, wherever they are: arguments, results, failures, headers, summaries."""
    return (found for found in _messages(message) if isinstance(found, Payload))


def _messages(message: Message) -> Iterator[Message]:
    """Walk down a message and all that is in it."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for inner in _inner(field, value):
            yield from _messages(inner)


def _inner(field: Any, value: Any) -> list[Message]:
    if field.message_type.GetOptions().map_entry:
        return [inner for inner in value.values() if isinstance(inner, Message)]
    return list(value) if field.is_repeated else [value]


def anonymous(history: WorkflowHistory) -> WorkflowHistory:
    """Return an opened history without what only says where it was recorded: host names and stack traces."""
    cleaned = History.FromString(History(events=history.events).SerializeToString())
    for message in _messages(cleaned):
        names = {field.name for field, _ in message.ListFields()}
        for name in names & {"identity", "stack_trace"}:
            setattr(message, name, "")
        if isinstance(message, TaskQueue) and "@" in message.name:
            message.name = "sticky"
        if isinstance(message, Failure) and message.HasField("encoded_attributes"):
            said = json.loads(message.encoded_attributes.data)
            message.encoded_attributes.data = json.dumps(said | {"stack_trace": ""}).encode()
    return WorkflowHistory(history.workflow_id, cleaned.events)

"""From a delivery to a workflow: a message that is known to be GitHub's starts the collection of what it names."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from attrs import frozen
from temporalio.client import Client
from temporalio.service import RPCError

from ledger_core.ports.item_source import ItemHint
from scheduler_worker.github_policy import GithubSourcePolicy
from scheduler_worker.retry_profiles import ITEM_EXECUTION_TIMEOUT
from scheduler_worker.sources.github.deliveries import PING, GithubDeliveryUnreadable, read_delivery
from scheduler_worker.starting import Start, start_once
from scheduler_worker.webhooks.collected_streams import collected_stream
from scheduler_worker.webhooks.http_messages import Answer
from scheduler_worker.webhooks.outcomes import ACCEPTED, FAILED, IGNORED, KNOWN, PONG, UNREADABLE, Outcomes
from scheduler_worker.workflow_ids import item_workflow_id
from scheduler_worker.workflows.collect_item import CollectItemWorkflow

START_PATIENCE: Final = timedelta(seconds=5)  # GitHub waits ten in all
READY_PATIENCE: Final = timedelta(seconds=2)
TEMPORAL_AWAY: Final = "temporal-unreachable"


@frozen(kw_only=True)
class Intake:
    """Where deliveries go: the sources that they may be about, and the task queue of the worker that asks GitHub."""

    client: Client
    policies: Sequence[GithubSourcePolicy]
    task_queue: str
    id_key: bytes
    outcomes: Outcomes

    async def take(self, event: str, body: bytes) -> Answer:
        """Start the collection of what a delivery names, and answer once Temporal has it.

        Holds: the same delivery again starts nothing, unless what it started has failed.
        """
        if event == PING:
            self.outcomes.tell(PONG)
            return Answer(status=HTTPStatus.OK, facts={"outcome": PONG})
        try:
            named = read_delivery(event, body)
        except GithubDeliveryUnreadable as error:
            self.outcomes.tell(UNREADABLE, error.code, github_event=event, where=error.where)
            return Answer(status=HTTPStatus.BAD_REQUEST, facts={"outcome": UNREADABLE, "reason": str(error)})
        found = named if isinstance(named, str) else collected_stream(self.policies, named)
        if isinstance(named, str) or isinstance(found, str):
            self.outcomes.tell(IGNORED, str(found), github_event=event)
            return Answer(status=HTTPStatus.ACCEPTED, facts={"outcome": IGNORED, "reason": str(found)})
        hint = ItemHint(stream=found, scope=named.repository_id, item=named.node)
        return await self._start(hint, event=event, body=body)

    async def is_ready(self) -> bool:
        """Say whether Temporal answers."""
        try:
            async with asyncio.timeout(READY_PATIENCE.total_seconds()):
                return await self.client.service_client.check_health(timeout=READY_PATIENCE)
        except (RPCError, TimeoutError):
            return False

    async def _start(self, hint: ItemHint, *, event: str, body: bytes) -> Answer:
        message_hash = hashlib.sha256(body).hexdigest()
        start = Start(
            method=CollectItemWorkflow.run,
            argument=hint,
            workflow_id=item_workflow_id(hint, message_hash=message_hash, id_key=self.id_key),
            task_queue=self.task_queue,
            execution_timeout=ITEM_EXECUTION_TIMEOUT,
        )
        told = {"github_event": event, "workflow_id": start.workflow_id}
        try:
            async with asyncio.timeout(START_PATIENCE.total_seconds()):
                is_new = await start_once(self.client, start, patience=START_PATIENCE)
        except (RPCError, TimeoutError) as error:
            problem = error.status.name if isinstance(error, RPCError) else "TIMEOUT"
            self.outcomes.tell(FAILED, TEMPORAL_AWAY, problem=problem, **told)
            return Answer(
                status=HTTPStatus.SERVICE_UNAVAILABLE,
                facts={"outcome": FAILED, "reason": TEMPORAL_AWAY},
                headers={"retry-after": "60"},
            )
        outcome = ACCEPTED if is_new else KNOWN
        self.outcomes.tell(outcome, stream=str(hint.stream), **told)
        return Answer(
            status=HTTPStatus.ACCEPTED, facts={"outcome": outcome, "workflow_id": start.workflow_id}
        )

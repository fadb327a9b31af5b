"""What `ledger status` asks of the two servers; each within its time, and neither needs the other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from ledger_core.domain.operating_facts import OperatingFacts
from ledger_core.errors import LedgerError
from scheduler_worker.bootstrap import (
    DatabaseUnreachable,
    create_directories,
    create_sources,
    database_revisions,
    opened_reader,
    read_facts,
    read_payload_keys,
)
from scheduler_worker.cli.session import current_settings, current_task_queue
from scheduler_worker.cli.status_checks import Check, State, ago, schedule_check
from scheduler_worker.payload_keys import PayloadKeys
from scheduler_worker.policy import read_policy
from scheduler_worker.requests import plan_request
from scheduler_worker.schedule_facts import differences, facts_of
from scheduler_worker.schedule_health import find_schedule_health
from scheduler_worker.schedules import collection_schedule
from scheduler_worker.temporal_client import TemporalUnreachable, connected
from scheduler_worker.waiting import check_namespace
from scheduler_worker.workflow_ids import COLLECT_SCHEDULE_ID

DATABASE_SECONDS: Final = 12.0
TEMPORAL_SECONDS: Final = 10.0
POLL_IS_FRESH: Final = timedelta(seconds=90)  # a worker asks again at least every minute
RPC_PATIENCE: Final = timedelta(seconds=5)
UNREACHABLE: Final = "unreachable"
_SILENT: Final = {RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED}

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerAnswer:
    """What the database said: how it is, and, where it could be read, the facts and the keys of messages."""

    check: Check
    facts: OperatingFacts | None = None
    keys: PayloadKeys | None = None


def ask_database(config: Path | None) -> LedgerAnswer:
    """Return what the database says within its time.

    Raises: SettingMissing, PolicyUnreadable, PolicyInvalid.
    """
    settings = current_settings(config)
    policy = read_policy(settings.config)
    url = settings.required_database_url()

    def read() -> LedgerAnswer:
        found, wanted = database_revisions(url)
        if found is None or found < wanted:  # of a newer one, the reader below says whether it is too new
            sentence = f"its schema is {found or 'not there yet'}, this program's is {wanted}"
            return LedgerAnswer(check=_problem("database", sentence, "ledger db upgrade, then db grant"))
        with opened_reader(url, policy.node_id) as reader:
            facts = read_facts(reader, create_sources(policy), create_directories(policy))
        check = Check(name="database", state=State.OK, sentence=f"reachable, schema {found}")
        keys = read_payload_keys(url, policy.node_id, settings.payload_keys)
        return LedgerAnswer(check=check, facts=facts, keys=keys)

    try:
        return _within(DATABASE_SECONDS, read)
    except TimeoutError:
        return LedgerAnswer(check=_unreachable("database", f"no answer within {DATABASE_SECONDS:.0f} s"))
    except DatabaseUnreachable as error:
        return LedgerAnswer(check=_unreachable("database", error.problem))
    except LedgerError as error:
        return LedgerAnswer(check=_problem("database", f"{error.code}: {error}", "check LEDGER_DATABASE_URL"))


async def ask_temporal(config: Path | None, keys: PayloadKeys | None, now: datetime) -> list[Check]:
    """Return the checks of the server, the worker and the schedule, within their time."""
    try:
        async with asyncio.timeout(TEMPORAL_SECONDS), connected(keys=keys) as client:
            await check_namespace(client)
            server = f"reachable, namespace {client.namespace}"
            return [
                Check(name="temporal", state=State.OK, sentence=server),
                await _worker_check(client, current_task_queue(config), now),
                await _schedule_check(client, config, keys, now),
            ]
    except TimeoutError:
        return [_unreachable("temporal", f"no answer within {TEMPORAL_SECONDS:.0f} s"), *_untold()]
    except RPCError as error:
        if error.status in _SILENT:
            return [_unreachable("temporal", "it stopped answering"), *_untold()]
        return [_problem("temporal", f"it refused: {error.message}", "check TEMPORAL_*"), *_untold()]
    except TemporalUnreachable as error:
        return [_unreachable("temporal", f"no server answers at {error.address}"), *_untold()]
    except LedgerError as error:
        return [_problem("temporal", str(error), "check TEMPORAL_*"), *_untold()]


async def _worker_check(client: Client, task_queue: str, now: datetime) -> Check:
    """Say when a worker asked for work last, for workflows and for activities both."""
    newest = []
    for kind in (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY):
        request = DescribeTaskQueueRequest(
            namespace=client.namespace, task_queue=TaskQueue(name=task_queue), task_queue_type=kind
        )
        answer = await client.workflow_service.describe_task_queue(request, timeout=RPC_PATIENCE)
        asked = [poller.last_access_time.ToDatetime(tzinfo=UTC) for poller in answer.pollers]
        newest.append(max(asked, default=None))
    known = [at for at in newest if at is not None]
    if len(known) < len(newest):
        return _problem("worker", f"nobody works on {task_queue}", "ledger worker")
    since = now - min(known)
    if since > POLL_IS_FRESH:
        return _problem(
            "worker", f"none has asked for work for {ago(since)}", "look at its log; ledger worker"
        )
    return Check(name="worker", state=State.OK, sentence="polls its task queue")


async def _schedule_check(
    client: Client, config: Path | None, keys: PayloadKeys | None, now: datetime
) -> Check:
    schedule = await find_schedule_health(client)
    if schedule is None or keys is None:
        return schedule_check(schedule, now, drift=None)
    policy = read_policy(current_settings(config).config)
    wanted = collection_schedule(
        plan_request(policy, create_sources(policy), create_directories(policy)),
        policy.schedule,
        task_queue=current_task_queue(config),
    )
    found = await client.get_schedule_handle(COLLECT_SCHEDULE_ID).describe(rpc_timeout=RPC_PATIENCE)
    drift = differences(await facts_of(client, wanted), await facts_of(client, found.schedule))
    return schedule_check(schedule, now, drift=len(drift))


def _within(seconds: float, action: Callable[[], _Answer]) -> _Answer:
    """Return what the action returns, or give up on it: a driver that waits for a frozen server can't be stopped.

    Raises: TimeoutError, and whatever the action raises.
    """
    answers: list[_Answer] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            answers.append(action())
        except Exception as error:  # noqa: BLE001 - raised again below, by whoever waits
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not answers:
        raise TimeoutError
    return answers[0]


def _problem(name: str, sentence: str, next_step: str) -> Check:
    return Check(name=name, state=State.PROBLEM, sentence=sentence, next_step=next_step)


def _unreachable(name: str, sentence: str) -> Check:
    step = "bring it up, or check " + ("LEDGER_DATABASE_URL" if name == "database" else "TEMPORAL_ADDRESS")
    return Check(name=name, state=State.PROBLEM, sentence=sentence, next_step=step, facts={UNREACHABLE: True})


def _untold() -> list[Check]:
    return [
        Check(name=name, state=State.UNKNOWN, sentence="Temporal would know")
        for name in ("worker", "schedule")
    ]

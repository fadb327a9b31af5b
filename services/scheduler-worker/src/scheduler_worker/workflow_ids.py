"""The ids of workflows: deterministic, so that the same work is never done twice side by side."""

from __future__ import annotations

import dataclasses
import hmac

from ledger_core.domain.epoch_window import EpochWindow
from ledger_core.ports.item_source import ItemHint
from scheduler_worker.identity_messages import ImportBindingsCommand, MergeUsersCommand, SplitUserCommand
from scheduler_worker.messages import (
    AdjustAllocationCommand,
    BindCommand,
    JudgeEventCommand,
    RecordPoolCommand,
    UnbindCommand,
    WaiveGapCommand,
)
from scheduler_worker.messages_of_statements import AmendCommand, SignCommand

COLLECT_SCHEDULE_ID = "ledger-collect-schedule"
PLAN_WORKFLOW_ID = "ledger-plan"  # Temporal appends the nominal time to a scheduled workflow's id


def collect_workflow_id(window: EpochWindow) -> str:
    """Return `ledger-collect-{periodStart}-{periodEnd}`."""
    return f"ledger-collect-{window.period_start.date().isoformat()}-{window.period_end.date().isoformat()}"


def finalize_workflow_id(epoch_id: int) -> str:
    """Return `ledger-finalize-{epochId}`."""
    return f"ledger-finalize-{epoch_id}"


def pool_workflow_id(command: RecordPoolCommand, id_key: bytes) -> str:
    """Return an id that the same component of the same epoch always gets."""
    return f"ledger-pool-{command.epoch_id}-{_digest(dataclasses.asdict(command), id_key)}"


def adjust_workflow_id(command: AdjustAllocationCommand, id_key: bytes) -> str:
    """Return an id that the same decision on the same user always gets; it names nobody."""
    return f"ledger-allocation-{command.epoch_id}-{_digest(dataclasses.asdict(command), id_key)}"


def judge_workflow_id(command: JudgeEventCommand, id_key: bytes) -> str:
    """Return an id that the same judgement of the same event always gets."""
    return f"ledger-event-{command.epoch_id}-{_digest(dataclasses.asdict(command), id_key)}"


def waive_workflow_id(command: WaiveGapCommand, id_key: bytes) -> str:
    """Return an id that the same waiver of the same gap always gets; it names nobody."""
    return f"ledger-gap-{command.epoch_id}-{_digest(dataclasses.asdict(command), id_key)}"


def amend_workflow_id(command: AmendCommand, id_key: bytes) -> str:
    """Return an id that the same amendment of the same statement always gets; it names nobody."""
    return f"ledger-amend-{command.epoch_id}-{_digest(dataclasses.asdict(command), id_key)}"


def sign_workflow_id(command: SignCommand, id_key: bytes) -> str:
    """Return an id that the same signature of the same statement always gets."""
    return f"ledger-sign-{command.epoch_id}-{_digest(dataclasses.asdict(command), id_key)}"


def bind_workflow_id(command: BindCommand, id_key: bytes) -> str:
    """Return an id that the same bindings always get; it names nobody."""
    return f"ledger-identity-{_digest(dataclasses.asdict(command), id_key)}"


def unbind_workflow_id(command: UnbindCommand, id_key: bytes) -> str:
    """Return an id that taking back the same binding always gets; it names nobody."""
    return f"ledger-identity-{_digest(dataclasses.asdict(command), id_key)}"


def import_workflow_id(command: ImportBindingsCommand, id_key: bytes) -> str:
    """Return an id that the same import always gets; it names nobody."""
    return f"ledger-identity-{_digest(dataclasses.asdict(command), id_key)}"


def move_workflow_id(command: MergeUsersCommand | SplitUserCommand, id_key: bytes) -> str:
    """Return an id that the same merge or split always gets; it names nobody."""
    return f"ledger-identity-{_digest(dataclasses.asdict(command), id_key)}"


def item_workflow_id(hint: ItemHint, *, message_hash: str, id_key: bytes) -> str:
    """Return an id that the same message about the same thing always gets; it names nobody."""
    return f"ledger-item-{_digest(dataclasses.asdict(hint) | {'message': message_hash}, id_key)}"


def _digest(command: dict[str, object], id_key: bytes) -> str:
    # With the node's key: without it, whoever sees an id could try names until one fits.
    text = repr(command).encode("utf-8", "backslashreplace")
    return hmac.digest(id_key, text, "sha256").hex()[:16]

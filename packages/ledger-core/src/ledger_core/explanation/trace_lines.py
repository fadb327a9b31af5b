"""How the trace of an event reads, line by line."""

from __future__ import annotations

from collections.abc import Iterator

from ledger_core.domain.instant import instant_text
from ledger_core.explanation.trace_event import EventTrace, Standing
from ledger_core.explanation.user_lines import Line, heading
from ledger_core.explanation.values import HistoryLine
from ledger_core.explanation.wording import decision_text, units_text

CANNOT_TELL = (
    "a bundle holds one epoch: how the event stands elsewhere, and who bound the account when, is not in it"
)


def trace_lines(found: EventTrace) -> Iterator[Line]:
    """Yield the trace: what became of the event, the fact, each epoch, and whose account it is."""
    fact = found.fact
    yield heading(f"{fact.event_id}: {found.outcome.value}")
    yield Line(found.why, 2)
    if found.statement_hash is not None:
        yield Line(f"statement  {found.statement_hash}", 2)
    yield heading("fact")
    yield Line(f"happened   {instant_text(fact.event_time)}", 2)
    yield Line(f"rule       {fact.rule}", 2)
    yield Line(f"account    {fact.account or 'gone'} (login {fact.login or 'unknown'})", 2)
    if fact.artifact_url is not None:
        yield Line(f"link       {fact.artifact_url}", 2)
    yield Line(f"hash       {fact.payload_hash}", 2)
    yield Line(f"read       {instant_text(fact.retrieved_at)} by {fact.producer} {fact.producer_version}", 2)
    if found.home is None:
        yield Line("window     of no epoch yet", 2)
    else:
        yield Line(f"window     {found.home.window}, that of epoch {found.home.epoch_id}", 2)
    for standing in found.standings:
        yield from _standing(standing)
    if found.history is None:
        yield Line(CANNOT_TELL)
        return
    yield heading("account")
    yield Line(f"bound to   {found.bound_to or 'nobody'} now", 2)
    yield from (Line(history_text(line), 2) for line in found.history)


def history_text(line: HistoryLine) -> str:
    """Return one bind or unbind as a sentence."""
    direction = "to" if line.change == "bound" else "from"
    account = f"{line.provider} {line.external_id}"
    return f"{account} {line.change} {direction} {line.user_id} by {decision_text(line.decision)}"


def _standing(standing: Standing) -> Iterator[Line]:
    epoch = standing.epoch
    state = "open" if epoch.is_open else "closed"
    late = "" if standing.late_from_epoch_id is None else f", late from epoch {standing.late_from_epoch_id}"
    yield heading(f"epoch {epoch.epoch_id} ({state}{late})")
    yield Line(f"counts     {'yes' if standing.included else 'no: excluded'}", 2)
    if standing.decision is not None:
        yield Line(f"judged     by {decision_text(standing.decision)}", 2)
    yield Line(f"user       {standing.user_id or 'nobody: unresolved'}", 2)
    policy = "none" if standing.policy_weight_milli is None else units_text(standing.policy_weight_milli)
    if standing.weight_override_milli is None:
        yield Line(f"weight     {policy}, by the policy", 2)
    else:
        own = units_text(standing.weight_override_milli)
        yield Line(f"weight     {own} of its own; by the policy {policy}", 2)
    yield Line(f"units      {units_text(standing.units)}", 2)
    if standing.user_final_units is not None:
        final = units_text(standing.user_final_units)
        yield Line(
            f"           but an admin set the user's units to {final}, whatever the events add up to", 2
        )
    yield Line(f"pinned by  {epoch.statement_hash or 'no statement yet'}", 2)

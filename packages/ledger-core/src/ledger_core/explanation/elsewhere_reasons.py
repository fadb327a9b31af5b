"""Reasons that only the ledger knows: whose accounts are whose, since when, and what stands elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ledger_core.domain.instant import instant_text
from ledger_core.explanation.values import Beyond, EpochSummary, HistoryLine, Reason, ReasonCode
from ledger_core.explanation.wording import events_text
from ledger_core.ports.evidence_reader import ActivityElsewhere

MAX_NAMED_EPOCHS: Final = 5  # of other windows; the explanation itself lists them all


def reasons_beyond(
    user_id: str, epoch: EpochSummary, beyond: Beyond, *, has_activity: bool
) -> Iterator[Reason]:
    """Yield what keeps events of the user's accounts from counting for the user in the epoch."""
    if not beyond.is_known:
        sentence = f"no user {user_id} is known; bind an account to make one"
        yield Reason(code=ReasonCode.USER_UNKNOWN, sentence=sentence)
    elif not beyond.accounts:
        sentence = f"no account is bound to {user_id} now"
        yield Reason(code=ReasonCode.NO_BINDING, sentence=sentence)
    yield from _changes(epoch, beyond)
    others: list[ActivityElsewhere] = []
    for row in beyond.elsewhere:
        if row.epoch_id == epoch.epoch_id:
            yield _otherwise_here(row)
        elif row.epoch_id is None:
            if row.in_window or not has_activity:
                yield _waiting(row, epoch)
        elif row.in_window:
            yield _counts_elsewhere(row, user_id)
        else:
            others.append(row)
    if others and not has_activity:
        yield _other_windows(others)


def _changes(epoch: EpochSummary, beyond: Beyond) -> Iterator[Reason]:
    """Yield bindings that came after the close, and those that are no more."""
    bound = {(account.provider, account.external_id) for account in beyond.accounts}
    newest: dict[tuple[str, str], HistoryLine] = {}
    for line in beyond.history:
        newest[line.provider, line.external_id] = line
    for identity, line in newest.items():
        at = line.decision.at
        assert at is not None
        told = f"{line.provider} {line.external_id} was {line.change}"
        why = f" by {line.decision.by}: {line.decision.reason or 'no reason given'}"
        if identity not in bound:
            sentence = f"{told} at {instant_text(at)}{why}"
            yield Reason(code=ReasonCode.UNBOUND, sentence=sentence)
        elif beyond.closed_at is not None and at > beyond.closed_at:
            closed = f"after epoch {epoch.epoch_id} closed at {instant_text(beyond.closed_at)}"
            sentence = f"{told} at {instant_text(at)}, {closed},{why}"
            yield Reason(code=ReasonCode.BOUND_AFTER_CLOSE, sentence=sentence)


def _otherwise_here(row: ActivityElsewhere) -> Reason:
    if row.user_id is not None:
        return Reason(
            code=ReasonCode.COUNTS_FOR_ANOTHER,
            sentence=f"of an account of the user's, but here for {row.user_id}: {events_text(row.events)}",
        )
    how = "of nobody" if row.included else "excluded, and of nobody"
    return Reason(
        code=ReasonCode.UNRESOLVED if row.included else ReasonCode.EXCLUDED,
        sentence=f"of an account of the user's, but here {how}: {events_text(row.events)}",
    )


def _waiting(row: ActivityElsewhere, epoch: EpochSummary) -> Reason:
    if not row.in_window:
        return Reason(
            code=ReasonCode.OTHER_WINDOW,
            sentence=f"of other windows, in no epoch yet: {events_text(row.events)}",
        )
    taker = (
        "the next collection takes them in"
        if epoch.is_open
        else "the next open epoch takes them in, marked late"
    )
    sentence = f"of this window, in no epoch yet: {events_text(row.events)}; {taker}"
    return Reason(code=ReasonCode.WAITING, sentence=sentence)


def _counts_elsewhere(row: ActivityElsewhere, user_id: str) -> Reason:
    if not row.included:
        how = "excluded"
    elif row.user_id is None:
        how = "unresolved"
    else:
        how = "counting" if row.user_id == user_id else f"counting for {row.user_id}"
    sentence = f"of this window, but late and in epoch {row.epoch_id}, {how}: {events_text(row.events)}"
    return Reason(code=ReasonCode.COUNTS_ELSEWHERE, sentence=sentence)


def _other_windows(rows: list[ActivityElsewhere]) -> Reason:
    events: dict[int, int] = {}
    for row in rows:
        assert row.epoch_id is not None
        events[row.epoch_id] = events.get(row.epoch_id, 0) + row.events
    named = [f"epoch {epoch_id} ({events[epoch_id]})" for epoch_id in list(events)[:MAX_NAMED_EPOCHS]]
    more = "" if len(events) <= MAX_NAMED_EPOCHS else f" and {len(events) - MAX_NAMED_EPOCHS} more"
    total = sum(events.values())
    return Reason(
        code=ReasonCode.OTHER_WINDOW,
        sentence=f"of other windows: {events_text(total)}, in {', '.join(named)}{more}",
    )

"""What to do next with an epoch, and why: what a close would refuse or warn of comes before the close."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ledger_core.domain.instant import instant_text
from ledger_core.domain.pool import BASE_ISSUANCE
from scheduler_worker.cli.output import counted
from scheduler_worker.cli.review_facts import Review, ReviewedStream, StreamState

_MISSING: Final = frozenset({StreamState.FAILING, StreamState.BEHIND, StreamState.NEVER})


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """A command of one line, and one sentence of why; words in capitals are to be filled in."""

    command: str
    why: str


def next_steps(review: Review) -> tuple[NextStep, ...]:
    """Return what is best done next, and after it what else can be done; of a closed epoch, nothing.

    Holds: what a close refuses comes first, then what it warns of; it is offered where neither is left but for
           accounts that are nobody's, which may stay so.
    """
    if not review.overview.epoch.is_open:
        return ()
    return _collection(review) or _pool(review) or (*_identities(review), *_close(review))


def missing_sentences(streams: Sequence[ReviewedStream], due: int) -> tuple[str, ...]:
    """Return what an epoch lacks that a close warns of: streams not collected to the end, events not curated."""
    missing = [stream for stream in streams if stream.state in _MISSING]
    found = []
    if missing:
        found.append(
            f"{missing[0].name} {missing[0].sentence}{_others(missing)}: what is missing would count in the next epoch"
        )
    if due:
        found.append(
            f"{counted(due, 'event')} of this epoch {'waits' if due == 1 else 'wait'} to be curated: closed now,"
            f" {'it' if due == 1 else 'they'} would count in the next"
        )
    return tuple(found)


def _collection(review: Review) -> tuple[NextStep, ...]:
    epoch = review.overview.epoch
    collect = f"ledger epoch collect --at {epoch.window.period_start.date()}"
    incomplete = [stream for stream in review.streams if stream.state is StreamState.INCOMPLETE]
    if incomplete:
        waive = shlex.join(("ledger", "gap", "waive", str(epoch.id), incomplete[0].name))
        return (
            NextStep(
                command=collect,
                why=f"{incomplete[0].name} is incomplete{_others(incomplete)}, and a close is refused: collect again",
            ),
            NextStep(command=f"{waive} --reason WHY", why="what its source will not count otherwise, waive"),
        )
    missing = missing_sentences(review.streams, review.due)
    return tuple(NextStep(command=collect, why=sentence) for sentence in missing[:1])


def _pool(review: Review) -> tuple[NextStep, ...]:
    if any(part.component_id == BASE_ISSUANCE for part in review.overview.components):
        return ()
    command = f"ledger pool add {review.overview.epoch.id} {BASE_ISSUANCE} CREDITS"
    return (
        NextStep(command=command, why=f"there is no {BASE_ISSUANCE} yet, without which a close is refused"),
    )


def _identities(review: Review) -> tuple[NextStep, ...]:
    count = review.overview.summary.unresolved
    if not count:
        return ()
    return (
        NextStep(
            command="ledger identity bind PROVIDER ACCOUNT USER",
            why=f"{counted(count, 'event')} of accounts that are nobody's earn nothing here: say whose they are, as"
            " bound after the close they count in the next epoch",
        ),
    )


def _close(review: Review) -> tuple[NextStep, ...]:
    epoch, pinned = review.overview.epoch, review.overview.allocation_set_hash
    if not review.is_over:
        end = instant_text(epoch.window.period_end)
        why = f"the window runs until {end}: look again then, as later work would count in the next epoch"
        return (NextStep(command=f"ledger review {epoch.id}", why=why),)
    close = f"ledger epoch finalize {epoch.id} --reviewed {pinned}"
    if review.approvals_required:
        return (
            NextStep(
                command=f"ledger statement sign-data {epoch.id}",
                why=f"{review.approvals_required} of the approvers must sign what a close writes",
            ),
            NextStep(command=f"{close} --approval SIGNATURE", why="once they have"),
        )
    if not any(review.units.values()):
        if review.overview.summary.unresolved:
            return ()  # a week of work that nobody would be paid for
        return (NextStep(command=close, why="nobody has units, so that a close pays nobody"),)
    return (NextStep(command=close, why="a close shows what is paid, asks, and is for ever"),)


def _others(streams: Sequence[ReviewedStream]) -> str:
    more = len(streams) - 1
    return f", and {counted(more, 'more stream')}" if more else ""

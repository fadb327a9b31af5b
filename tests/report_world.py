"""A ledger with weeks of life in it, friendly and hostile, on any implementation of the ports."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from ledger_core import ActivityEvent, EpochId, Ledger, StreamRef, UserId, WeightConfig
from ledger_core.domain.completeness import CompletenessCertificate, CompletenessCount
from ledger_core.domain.signature import signing_text
from ledger_core.domain.stream_reading import StreamReading
from ledger_core.testing import make_component, make_context, make_event
from ledger_core.use_cases.amend_statement import amend_statement
from ledger_core.use_cases.approve_statement import sign_statement
from ledger_core.use_cases.record_reading import record_reading
from ledger_core.use_cases.waive_gap import waive_gap
from tests.contract.story import LedgerStory, day
from tests.signers import APPROVER, approval_policy, signature_of

WEIGHTS: Final = WeightConfig(
    {
        "git:commit": 500,
        "github:issue_closed": 1000,
        "github:pr_merged": 8000,
        "github:review": 1500,
        "gitlab:note": 0,
    }
)
PEOPLE: Final = (
    "ada", "barbara", "chandra", "dorothea", "emil", "fatima", "grace", "hypatia", "ibn-sina", "joan",
    "kurt", "linus", "margaret", "noether", "ole", "pascal", "quine", "ramanujan",
)  # fmt: skip
KINDS: Final = (
    ("github", "pr_merged"),
    ("github", "review"),
    ("git", "commit"),
    ("github", "issue_closed"),
    ("gitlab", "note"),
)
EVIL_USER: Final = "<script>alert(1)</script>\" onmouseover='x'"
EVIL_LOGIN: Final = "ann\u202egro.elpmaxe\u2066</title><img src=x>"
EVIL_EVENT: Final = "github:issue_closed:</li><script>document.title='owned'</script>"
EVIL_URLS: Final = (
    "javascript:document.title='owned'",
    "JaVaScRiPt:alert(1)//https://example.org",
    "data:text/html,<script>alert(1)</script>",
    'https://example.org/" onclick="alert(1)',
    "https:/\\example.org/x",
    "//example.org/x",
    "vbscript:x",
)
STREAM: Final = StreamRef(source="github", source_ref="acme/widgets", stream="pull_requests")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportWorld:
    """The story, its closed epochs, and the open one."""

    story: LedgerStory
    closed: tuple[EpochId, ...]
    open: EpochId


def live(ledger: Ledger, *, weeks: int = 4, people: int = len(PEOPLE), busy: int = 4) -> ReportWorld:
    """Live through weeks; the last closed one has everything: late, unresolved, excluded, set, waived, amended, hostile."""
    story = LedgerStory(ledger)
    story.clock.now = day(0, week=weeks + 2)
    users = [PEOPLE[number] if number < len(PEOPLE) else f"person-{number}" for number in range(people)]
    for number, user in enumerate(users):
        for provider in ("github", "git", "gitlab"):
            story.bind(user, str(1000 + number), provider=provider)
    story.bind(EVIL_USER, "666")
    closed = []
    for week in range(weeks):
        epoch_id = story.open(week, weights=WEIGHTS)
        story.store(*_week(week, people, busy))
        is_last = week == weeks - 1
        if is_last:
            story.store(
                *_hostile(week), make_event(990_000, at=day(2, week=week - 1), account="1003", login="late")
            )
        story.curate(epoch_id)
        story.propose(epoch_id)
        if is_last:
            _decide(story, epoch_id, week, people)
        story.close(epoch_id, 10_000 + 137 * week)
        closed.append(epoch_id)
    for number, (user, units) in enumerate((("ada", 16_500), ("quine", 4_000))):
        _amend(story, closed[-1], UserId(user), units, reason=f"correction {number + 1} <b>of the split</b>")
    _sign(story, closed[-1])
    open_ = story.open(weeks, weights=WEIGHTS)
    story.store(*_week(weeks, people, 1))
    story.curate(open_)
    story.propose(open_)
    story.record(open_, make_component(9_000))
    return ReportWorld(story=story, closed=tuple(closed), open=open_)


def _amend(story: LedgerStory, epoch_id: EpochId, user: UserId, units: int, *, reason: str) -> None:
    with story.ledger.read() as view:
        newest = view.statements.versions(epoch_id)[-1].statement_hash
    amend_statement(
        story.ledger,
        epoch_id,
        set_units={user: units},
        cleared=[],
        reviewed_statement_hash=newest,
        context=make_context(reason),
        clock=story.clock,
    )


def _sign(story: LedgerStory, epoch_id: EpochId) -> None:
    with story.ledger.read() as view:
        newest = view.statements.versions(epoch_id)[-1]
    sign_statement(
        story.ledger,
        epoch_id,
        statement_hash=newest.statement_hash,
        signature=signature_of(APPROVER, signing_text(newest)),
        policy=approval_policy(),
        context=make_context(),
        clock=story.clock,
    )


def _week(week: int, people: int, busy: int) -> list[ActivityEvent]:
    """Return a week's events: whoever comes first in the list does most, and nobody works alike on two days."""
    events = []
    for person in range(people):
        count = max(0, busy * (people - person) // people + (person * 7 + week * 3) % 3)
        for number in range(count):
            source, kind = KINDS[(person + number * 2 + week) % len(KINDS)]
            made = week * 1_000_000 + person * 1_000 + number
            events.append(
                make_event(
                    made,
                    at=day((person * 3 + number * number + week) % 7, week=week, hour=6 + (number * 5) % 16),
                    account=str(1000 + person),
                    login=PEOPLE[person % len(PEOPLE)],
                    source=source,
                    event_type=kind,
                )
            )
    events += [
        make_event(
            week * 1_000_000 + 900_000 + number,
            at=day(number % 7, week=week),
            account=f"9{number}",
            login=name,
        )
        for number, name in enumerate(("stranger", "newcomer", "renovate-bot"))
    ]
    return events


def _hostile(week: int) -> list[ActivityEvent]:
    made = [
        replace(
            make_event(980_000 + number, at=day(3, week=week), account="666", login=EVIL_LOGIN),
            artifact_url=url,
        )
        for number, url in enumerate(EVIL_URLS)
    ]
    return [
        *made,
        make_event(
            at=day(3, week=week), account="666", login="x", event_type="issue_closed", event_id=EVIL_EVENT
        ),
        make_event(at=day(3, week=week), account=EVIL_USER, login=EVIL_LOGIN, event_id="github:pr:unbound"),
    ]


def _decide(story: LedgerStory, epoch_id: EpochId, week: int, people: int) -> None:
    first, second = week * 1_000_000, week * 1_000_000 + 1_000
    held = story.curated(epoch_id)
    events = {event.id: event for event in _week(week, people, 4)}
    mine = [
        events[event]
        for event in held
        if event in events and str(event).rsplit(":", 1)[1] in (str(first), str(second))
    ]
    story.judge(epoch_id, mine[0], included=False)
    if len(mine) > 1:
        story.judge(epoch_id, mine[1], weight=2_500)
    story.adjust(epoch_id, "grace", 24_000)
    story.adjust(epoch_id, "ole", 0)
    story.record(
        epoch_id,
        make_component(500, component_id="top_up", evidence_ref="https://example.org/invoice/42"),
    )
    story.record(epoch_id, make_component(7, component_id="bonus", evidence_ref=EVIL_URLS[0]))
    with story.ledger.read() as view:
        window = view.epochs.get(epoch_id).window
    for stream, independent in (("issues", 42), ("pull_requests", 41)):
        certificate = CompletenessCertificate(
            begins="2026-11-16T00:00:00Z",
            ends=None,
            pages=1,
            counts=(CompletenessCount(what=stream, route="search", seen=41, independent=independent),),
            skipped={"bot": 3, "<b>odd</b>": 1},
        )
        reading = StreamReading(
            stream=replace(STREAM, stream=stream),
            window=window,
            retrieved_at=window.period_end + timedelta(hours=1),
            certificate=certificate,
        )
        record_reading(story.ledger, reading)
    context = make_context("the search index lags <i>a day</i>")
    waive_gap(story.ledger, epoch_id, replace(STREAM, stream="issues"), context=context, clock=story.clock)

"""Writes the pages: templates that escape by themselves, one style sheet and one script within, and no network."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ledger_core.ports.evidence_reader import DailyActivity
from scheduler_worker.reports import charts, texts
from scheduler_worker.reports.epoch_facts import EpochReport, Listed
from scheduler_worker.reports.read_epoch import days_of
from scheduler_worker.reports.read_history import HistoryReport, PersonHistory

CHARTED_PEOPLE: Final = 15
CHARTED_SOURCES: Final = 7  # and the others together: as many colours as can be told apart
CHARTED_EPOCHS: Final = 104  # two years of weeks
DAILY_ROWS: Final = 400
OTHERS: Final = "all others"
_TOPS: Final = ("largest payout", "largest three", "largest ten", "Gini coefficient")
_SCALE: Final = 10**6


def epoch_page(report: EpochReport, *, has_history: bool = False) -> bytes:
    """Return the page of an epoch, in UTF-8; equal reports give equal bytes."""
    first, last = days_of(report.epoch.window)
    sources, activity = _activity_chart(report)
    return _page(
        "epoch.html.j2",
        report=report,
        has_history=has_history,
        first_day=first,
        last_day=last,
        weights=sorted(report.epoch.weight_config.items()),
        payouts_name=_payouts_name(report),
        payouts_chart=_payouts_chart(report),
        activity_sources=sources,
        activity_chart=activity,
        daily=Listed(items=report.daily[:DAILY_ROWS], left_out=max(0, len(report.daily) - DAILY_ROWS)),
    )


def history_page(report: HistoryReport, *, linked: bool) -> bytes:
    """Return the page of all epochs; with `linked` it leads to the pages of epochs beside it."""
    shown = report.epochs.items[-CHARTED_EPOCHS:]
    labels = [str(found.statement.epoch_id) for found in shown]
    shares = [
        [*map(_millionths, found.concentration.top_shares), _millionths(found.concentration.gini)]
        for found in shown
    ]
    historied = [person for person in report.people.items if person.anchor is not None]
    return _page(
        "history.html.j2",
        report=report,
        linked=linked,
        pool_chart=charts.stacked(
            labels, [("credits", [found.statement.pool_credits for found in shown])], told=texts.grouped
        )
        if shown
        else "",
        concentration_names=_TOPS,
        concentration_chart=charts.lines(
            labels,
            [(name, [row[place] for row in shares]) for place, name in enumerate(_TOPS)],
            told=lambda value: f"{value * 100 // _SCALE} %",
            top=_SCALE,
        )
        if shown
        else "",
        histories=[_history(report, person, labels) for person in historied],
        unhistoried=len(report.people.items) + report.people.left_out - len(historied),
    )


def content_security_policy(style: str, script: str) -> str:
    """Return the policy that lets the page run its own style sheet and script, and ask nobody for anything."""
    hashes = [f"'sha256-{b64encode(sha256(part.encode()).digest()).decode()}'" for part in (style, script)]
    return f"default-src 'none'; style-src {hashes[0]}; script-src {hashes[1]}; base-uri 'none'; form-action 'none'"


def _page(template: str, **values: Any) -> bytes:
    style, script = _part("report.css"), _part("report.js")
    text = (
        _environment()
        .get_template(template)
        .render(
            **values,
            policy=content_security_policy(style, script),
            style=Markup(style),  # noqa: S704 - this package's own file
            script=Markup(script),  # noqa: S704 - the same
        )
    )
    return text.encode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("scheduler_worker.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "grouped": texts.grouped,
        "signed": texts.signed,
        "units": texts.units_text,
        "percent": texts.percent,
        "day": texts.day_text,
        "time_text": texts.time_text,
        "machine_time": texts.machine_time,
        "inert": texts.inert,
        "safe_link": texts.safe_link,
    }
    return environment


@cache
def _part(name: str) -> str:
    return files("scheduler_worker.reports").joinpath("templates", name).read_text(encoding="utf-8")


def _payouts_name(report: EpochReport) -> str:
    people = len(report.people.items) + report.people.left_out
    if people <= CHARTED_PEOPLE:
        return "Credits of everybody"
    return f"Credits of the {CHARTED_PEOPLE} largest payouts, and of all others together"


def _payouts_chart(report: EpochReport) -> Markup | str:
    shown = report.people.items[:CHARTED_PEOPLE]
    if not shown:
        return ""
    bars = [(person.line.user_id, person.line.amount_credits) for person in shown]
    others = report.pool_credits - report.undistributed_credits - sum(amount for _, amount in bars)
    if len(report.people.items) > len(shown):
        bars.append((OTHERS, others))
    return charts.bars([name for name, _ in bars], [amount for _, amount in bars], told=texts.grouped)


def _activity_chart(report: EpochReport) -> tuple[list[str], Markup | str]:
    """Return the sources in the order of their colours, and the chart; nothing where no day has an event."""
    rows = [row for row in report.daily if row.day is not None]
    if not rows:
        return [], ""
    totals: dict[str, int] = {}
    for row in rows:
        totals[row.source] = totals.get(row.source, 0) + row.events
    ordered = sorted(totals, key=lambda source: (-totals[source], source))
    named = ordered if len(ordered) <= CHARTED_SOURCES + 1 else ordered[:CHARTED_SOURCES]
    names = named if len(named) == len(ordered) else [*named, OTHERS]
    window = report.epoch.window
    length = (window.period_end - timedelta(microseconds=1)).date() - window.period_start.date()
    days = [window.period_start.date() + timedelta(days=number) for number in range(length.days + 1)]
    series = [(name, _by_day(rows, days, name, named)) for name in names]
    return names, charts.stacked([texts.short_day(day) for day in days], series, told=texts.grouped)


def _by_day(rows: Sequence[DailyActivity], days: Sequence[Any], name: str, named: Sequence[str]) -> list[int]:
    counts = dict.fromkeys(days, 0)
    for row in rows:
        if row.source == name or (name == OTHERS and row.source not in named):
            counts[row.day] += row.events
    return list(counts.values())


def _history(
    report: HistoryReport, person: PersonHistory, labels: Sequence[str]
) -> tuple[PersonHistory, Markup, list[tuple[Any, int]]]:
    amounts = [amount or 0 for amount in person.credits[-CHARTED_EPOCHS:]]
    drawing = charts.stacked(labels, [("credits", amounts)], told=texts.grouped)
    rows = [
        (found.statement, amount)
        for found, amount in zip(report.epochs.items, person.credits, strict=True)
        if amount is not None
    ]
    return person, drawing, rows[-CHARTED_EPOCHS:]


def _millionths(share: str) -> int:
    return int(share.replace(".", ""))

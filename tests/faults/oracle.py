"""What ought to be paid: a second opinion, in plain Python, that shares no code with the ledger.

It is told what was committed, attempt by attempt, and works out each statement for itself: with fractions where the
ledger has integers, with sets where it has SQL. It hears of a decision once, however often its activity commits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any, Final, Protocol

BASE: Final = "base_issuance"


class Fact(Protocol):
    """What the oracle looks at of an event."""

    @property
    def id(self) -> Any: ...
    @property
    def source(self) -> str: ...
    @property
    def event_type(self) -> str: ...
    @property
    def platform_user_id(self) -> str | None: ...
    @property
    def event_time(self) -> datetime: ...
    @property
    def payload_hash(self) -> str: ...


@dataclass(slots=True, kw_only=True)
class Row:
    """How an event stands in an epoch."""

    user: str | None
    included: bool = True
    weight: int | None = None


@dataclass(slots=True, kw_only=True)
class Period:
    """An epoch as the oracle knows it."""

    number: int
    start: datetime
    end: datetime
    weights: Mapping[str, int]
    is_open: bool = True
    rows: dict[str, Row] = field(default_factory=dict)
    units: dict[str, int] = field(default_factory=dict)
    pool: dict[str, int] = field(default_factory=dict)

    def contains(self, at: datetime) -> bool:
        """Whether the instant is within."""
        return self.start <= at < self.end


class Oracle:
    """Follows what was committed, and says what follows from it."""

    def __init__(self) -> None:
        self.facts: dict[str, Fact] = {}
        self.bindings: dict[str, str] = {}
        self.periods: list[Period] = []
        self._heard: set[str] = set()

    def hears(self, key: str) -> bool:
        """Whether a decision is heard of for the first time."""
        if key in self._heard:
            return False
        self._heard.add(key)
        return True

    @property
    def open_period(self) -> Period | None:
        """The one epoch that is open."""
        return next((period for period in self.periods if period.is_open), None)

    def period(self, number: int) -> Period:
        """Return an epoch by its number, from 1 in the order of opening."""
        return self.periods[number - 1]

    def store(self, facts: Iterable[Fact]) -> None:
        """Keep the first of each id."""
        for fact in facts:
            self.facts.setdefault(str(fact.id), fact)

    def open(self, start: datetime, end: datetime, weights: Mapping[str, int]) -> None:
        """Open an epoch, unless one is open or has this window."""
        if self.open_period is None and all(period.start != start for period in self.periods):
            number = len(self.periods) + 1
            self.periods.append(Period(number=number, start=start, end=end, weights=dict(weights)))

    def refresh(self) -> None:
        """Bring the open epoch up to date."""
        period = self.open_period
        if period is None:
            return
        for event_id, fact in self.facts.items():
            held = [other for other in self.periods if event_id in other.rows]
            if not held:
                home = next((other for other in self.periods if other.contains(fact.event_time)), None)
                if home is not None:
                    period.rows[event_id] = Row(user=self._user(fact))
            elif period not in held and self._user(fact) is not None:
                rows = [other.rows[event_id] for other in held]
                if all(row.included and row.user is None for row in rows):
                    period.rows[event_id] = Row(user=self._user(fact), weight=rows[-1].weight)
        for event_id, row in period.rows.items():
            row.user = self._user(self.facts[event_id])

    def bind(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Bind accounts to users."""
        for account, user in pairs:
            assert self.bindings.get(account, user) == user, f"{account} was bound to another"
            self.bindings[account] = user

    def unbind(self, account: str) -> None:
        """Take a binding back."""
        del self.bindings[account]

    def judge(self, number: int, event_id: str, *, included: bool, weight: int | None) -> None:
        """Judge an event of an open epoch."""
        row = self._open(number).rows[event_id]
        row.included, row.weight = included, weight

    def adjust(self, number: int, user: str, units: int | None) -> None:
        """Set a user's units, or take that back."""
        period = self._open(number)
        if units is None:
            period.units.pop(user, None)
        else:
            period.units[user] = units

    def record(self, number: int, component: str, amount: int) -> None:
        """Record a part of the pool once; to hear of the same part again changes nothing, also of a closed epoch."""
        if self.period(number).pool.get(component) == amount:
            return
        period = self._open(number)
        assert component not in period.pool, f"{component} was recorded with another amount"
        period.pool[component] = amount

    def close(self, number: int) -> None:
        """Close an epoch, if it is open."""
        period = self.period(number)
        if period.is_open:
            assert BASE in period.pool, "an epoch without base issuance was closed"
            period.is_open = False

    def payouts(self, number: int) -> dict[str, tuple[int, int]]:
        """Return what each user of an epoch has: units and credits."""
        period = self.period(number)
        units: dict[str, int] = {}
        for event_id, row in period.rows.items():
            if row.included and row.user is not None:
                fact = self.facts[event_id]
                weight = period.weights.get(f"{fact.source}:{fact.event_type}", 0)
                units[row.user] = units.get(row.user, 0) + (weight if row.weight is None else row.weight)
        units |= period.units
        pool, total = sum(period.pool.values()), sum(units.values())
        if pool == 0 or total == 0:
            return {}
        exact = {user: Fraction(pool * units[user], total) for user in units}
        credits_ = {user: share.numerator // share.denominator for user, share in exact.items()}
        spare = pool - sum(credits_.values())
        for user in sorted(units, key=lambda each: (credits_[each] - exact[each], each))[:spare]:
            credits_[user] += 1
        return {user: (units[user], credits_[user]) for user in units}

    def paid(self) -> dict[str, list[int]]:
        """Return, for each event that counts for somebody, the epochs in which it does."""
        found: dict[str, list[int]] = {}
        for period in self.periods:
            for event_id, row in period.rows.items():
                if row.included and row.user is not None:
                    found.setdefault(event_id, []).append(period.number)
        return found

    def _open(self, number: int) -> Period:
        period = self.period(number)
        assert period.is_open, f"epoch {number} was written to after it had closed"
        return period

    def _user(self, fact: Fact) -> str | None:
        account = fact.platform_user_id
        return None if account is None else self.bindings.get(account)

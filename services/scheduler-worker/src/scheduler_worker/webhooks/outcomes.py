"""What became of deliveries: counted by outcome and reason, and told in the log, of strangers no more than a line a second."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from temporalio.common import MetricMeter

ACCEPTED: Final = "accepted"
KNOWN: Final = "known"  # the same message came before
IGNORED: Final = "ignored"
PONG: Final = "pong"
FAILED: Final = "failed"
UNREADABLE: Final = "unreadable"
REFUSED: Final = "refused"
QUIET_SECONDS: Final = 1.0

_delivery: ContextVar[str | None] = ContextVar("delivery", default=None)
logger = logging.getLogger(__name__)


class Outcomes:
    """Counts and tells.

    Holds: the labels are of fixed words, so that no sender makes more of them; no line has a body, a secret or
           a signature.
    """

    def __init__(self, meter: MetricMeter, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._counter = meter.create_counter(
            "ledger_webhook_deliveries", "Deliveries of webhooks, by what became of them"
        )
        self._clock = clock
        self._told_at: float | None = None
        self._untold = 0

    @contextmanager
    def of_delivery(self, delivery: str | None) -> Iterator[None]:
        """Name GitHub's id of the delivery in the lines of the block."""
        token = _delivery.set(delivery)
        try:
            yield
        finally:
            _delivery.reset(token)

    def refuse(self, reason: str) -> None:
        """Count a request that is no signed delivery, whoever sent it."""
        self._add(REFUSED, reason)
        now = self._clock()
        if self._told_at is not None and now - self._told_at < QUIET_SECONDS:
            self._untold += 1
            return
        logger.warning("delivery_refused", extra={"reason": reason, "untold_before": self._untold})
        self._told_at, self._untold = now, 0

    def tell(self, outcome: str, reason: str | None = None, **fields: str) -> None:
        """Count and tell what became of a delivery whose signature is right."""
        self._add(outcome, reason)
        level = logging.WARNING if outcome in {FAILED, UNREADABLE} else logging.INFO
        more: dict[str, str | None] = {"delivery": _delivery.get(), "reason": reason, **fields}
        told = {name: value for name, value in more.items() if value is not None}
        logger.log(level, f"delivery_{outcome}", extra=told)  # noqa: G004 - of the fixed words above

    def _add(self, outcome: str, reason: str | None) -> None:
        self._counter.add(1, {"outcome": outcome, "reason": reason or "none"})

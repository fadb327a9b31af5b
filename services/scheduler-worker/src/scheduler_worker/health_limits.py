"""From when on something needs a person: the same in `ledger status` and in deploy/alerts, which a test holds."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

STREAM_FAILING: Final = timedelta(days=1)  # retries and rate limits are over by then
STREAM_BEHIND: Final = timedelta(days=9)  # a week between two runs, and two days for the run
EPOCH_OVERDUE: Final = timedelta(days=7)  # the next epoch has ended too, and waits
SCHEDULE_OVERDUE: Final = timedelta(days=1)

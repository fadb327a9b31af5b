"""Whether Temporal answers, asked seldom however often strangers want to know."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

FRESH_SECONDS: Final = 2.0


class Readiness:
    """An answer that is asked for at most once in FRESH_SECONDS, and once for all who wait for it."""

    def __init__(
        self, ask: Callable[[], Awaitable[bool]], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._turn = asyncio.Lock()
        self._asked_at: float | None = None
        self._answer = False

    async def is_ready(self) -> bool:
        """Return the answer, which is no older than FRESH_SECONDS."""
        async with self._turn:
            if self._asked_at is None or self._clock() - self._asked_at >= FRESH_SECONDS:
                self._answer = await self._ask()
                self._asked_at = self._clock()
            return self._answer

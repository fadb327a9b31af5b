"""Heartbeats that go on while an activity waits for a source that is silent."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from temporalio import activity

BEAT_SECONDS: Final = 20  # six of them fit into the time-out


@contextmanager
def beating() -> Iterator[Callable[..., None]]:
    """Yield how to say where the activity stands; it is said again until the block ends.

    Holds: silence means a dead worker, never a slow source; a cancellation is heard of meanwhile.
    """
    details: tuple[Any, ...] = ()
    stop = threading.Event()

    def say(*news: Any) -> None:
        nonlocal details
        details = news
        activity.heartbeat(*news)

    def repeat() -> None:
        while not stop.wait(BEAT_SECONDS):
            activity.heartbeat(*details)

    thread = threading.Thread(
        target=contextvars.copy_context().run, args=(repeat,), name="heartbeat", daemon=True
    )
    thread.start()
    try:
        yield say
    finally:
        stop.set()
        thread.join()

"""Cancellation: a run that was cancelled starts nothing more."""

from __future__ import annotations

import asyncio

from temporalio import workflow


def end_if_cancelled() -> None:
    """End the run if somebody cancelled it.

    Holds: it is called between steps. A step that is waited for and ends well all the same takes the
           cancellation with it, as the SDK delivers one only once.
    Raises: asyncio.CancelledError, which Temporal takes for the end of a cancelled run.
    """
    if workflow.cancellation_reason() is not None:
        raise asyncio.CancelledError

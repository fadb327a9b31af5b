"""However often readiness is asked for, Temporal is asked seldom."""

from __future__ import annotations

import asyncio

from scheduler_worker.webhooks.readiness import FRESH_SECONDS, Readiness


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_answer_is_fresh_for_a_moment_and_then_asked_for_again() -> None:
    answers = [True, False, True]
    clock = Clock()

    async def ask() -> bool:
        return answers.pop(0)

    async def story() -> list[bool]:
        readiness = Readiness(ask, clock=clock)
        told = []
        for seconds in (0.0, FRESH_SECONDS - 0.1, 0.1, FRESH_SECONDS - 0.1, 0.1):
            clock.now += seconds
            told.append(await readiness.is_ready())
        return told

    assert asyncio.run(story()) == [True, True, False, False, True]
    assert answers == []


def test_all_who_ask_at_once_share_one_question() -> None:
    asked: list[int] = []

    async def ask() -> bool:
        asked.append(1)
        await asyncio.sleep(0)
        return True

    async def story() -> list[bool]:
        readiness = Readiness(ask)
        return await asyncio.gather(*(readiness.is_ready() for _ in range(50)))

    assert all(asyncio.run(story()))
    assert len(asked) == 1

"""The throttle on virtual time: what a lane is for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from temoctl.engine.clock import VirtualClock
from temoctl.engine.protocol import Limits
from temoctl.engine.throttle import Throttle
from temoctl.model.errors import Unavailable

pytestmark = pytest.mark.anyio


async def test_a_lane_goes_one_by_one_and_past_the_queue() -> None:
    """Calls that disturb each other don't wait behind all the others: a fleet's proofs once stood in that queue."""
    clock = VirtualClock()
    throttle = Throttle(Limits(concurrency=1), clock)
    ended: list[tuple[str, float]] = []

    async def call(name: str, lane: str = "") -> None:
        async with throttle.take(lane=lane):
            await clock.sleep(1.0)
            ended.append((name, clock.monotonic()))

    await asyncio.gather(*(call(f"plain {n}") for n in range(4)), call("test 1", "test"), call("test 2", "test"))
    assert [at for name, at in ended if name.startswith("plain")] == [1.0, 2.0, 3.0, 4.0]
    assert [at for name, at in ended if name.startswith("test")] == [1.0, 2.0]
    assert throttle.reads == 6


def _bucket(clock: VirtualClock, *, rate: float, burst: int) -> Callable[[int], Awaitable[float]]:
    """What SystemData keeps for all processes: the time up to which calls are spoken for."""
    due = float("-inf")

    async def take(count: int) -> float:
        nonlocal due
        due = max(due, clock.monotonic() - burst / rate) + count / rate
        return max(0.0, due - clock.monotonic())

    return take


async def test_two_processes_keep_one_rate_together() -> None:
    clock, limits = VirtualClock(), Limits(concurrency=99, rate=20.0, burst=20)
    take = _bucket(clock, rate=20.0, burst=20)
    started: list[float] = []

    async def call(throttle: Throttle) -> None:
        async with throttle.take():
            started.append(clock.monotonic())

    both = Throttle(limits, clock, take), Throttle(limits, clock, take)
    await asyncio.gather(*(call(one) for one in both for _ in range(100)))
    for begin in started:
        assert sum(begin <= at < begin + 1.0 for at in started) <= 40, "a burst and a second's worth"
    assert max(started) == pytest.approx(200 / 20.0 - 1.0, abs=0.6)


async def test_the_shared_rate_is_asked_for_a_handful_of_calls_at_once() -> None:
    clock, asked = VirtualClock(), []

    async def take(count: int) -> float:
        asked.append(count)
        return 0.0

    throttle = Throttle(Limits(concurrency=9, rate=1000.0, burst=20), clock, take)
    for _ in range(25):
        async with throttle.take():
            pass
    assert asked == [10, 10, 10]


async def test_without_an_answer_this_process_keeps_its_own_rate() -> None:
    clock, started = VirtualClock(), []

    async def take(count: int) -> float:
        raise Unavailable("TEMO600", "no answer")

    throttle = Throttle(Limits(concurrency=9, rate=2.0, burst=1), clock, take)
    for _ in range(3):
        async with throttle.take():
            started.append(clock.monotonic())
    assert started == [0.0, 0.5, 1.0]

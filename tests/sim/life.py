"""One process of a simulation: it lives until a chosen effect, then does nothing more, whatever its code would like.

An effect is a durable write of ours, a change in a database, or a mutating request to a vendor. Vendors go on when a
process dies: what it had sent is carried out. Knows no use case.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import Any

from temoctl.model.errors import Unavailable

_living: ContextVar[Life | None] = ContextVar("life", default=None)


@dataclass(frozen=True, slots=True)
class Doom:
    """What happens at the effect with this number: `before` or `after` it the process dies, or it is frozen before a
    durable write (`freeze`), or a durable write's answer is lost (`lost`).
    """

    at: int
    kind: str
    label: str = ""  # count only effects whose label starts with this


class Life:
    """Counts effects; `trace` says what they were."""

    def __init__(self, doom: Doom | None = None) -> None:
        self._doom = doom
        self.trace: list[str] = []
        self.died = asyncio.Event()
        self.froze = asyncio.Event()
        self.thaw = asyncio.Event()
        self._buried = False
        self._tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()

    async def alive(self) -> None:
        """Everything that touches the world asks this first."""
        if self._buried:
            raise asyncio.CancelledError
        if self.died.is_set():
            await asyncio.Event().wait()
        if self.froze.is_set() and not self.thaw.is_set():
            await self.thaw.wait()

    async def effect(self, label: str, perform: Callable[[], Awaitable[Any]], *, durable: bool = False) -> Any:
        await self.alive()
        self.trace.append(label)
        kind = self._kind(label)
        if kind == "before":
            await self._die()
        if kind == "freeze" and durable:
            self.froze.set()
            await self.thaw.wait()
        answer = await perform()
        if kind == "after":
            await self._die()
        if kind == "lost" and durable:
            raise Unavailable("TEMO690", "the connection was cut during the commit")
        return answer

    def _kind(self, label: str) -> str:
        """What happens to the effect that was just begun."""
        doom = self._doom
        if doom is None or not label.startswith(doom.label):
            return ""
        count = sum(one.startswith(doom.label) for one in self.trace)
        return doom.kind if count == doom.at else ""

    async def _die(self) -> None:
        self.died.set()
        await self.alive()

    def adopt(self, task: asyncio.Task[Any]) -> None:
        self._tasks.add(task)

    async def bury(self) -> None:
        """Take away everything the dead process still had running."""
        self._buried = True
        self.died.set()
        for _ in range(100):
            left = [task for task in self._tasks if not task.done()]
            if not left:
                return
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        raise AssertionError(f"a dead process goes on: {left}")


def task_of_life(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **given: Any) -> asyncio.Task[Any]:
    """A task factory: every task belongs to the process that started it, so that it can die with it."""
    task = asyncio.Task(work, loop=loop, **given)
    life = _living.get()
    if life is not None:
        life.adopt(task)
    return task


def outside(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """A task of nobody's: a vendor's server goes on when the process that called it dies."""
    context = copy_context()
    context.run(_living.set, None)
    return context.run(asyncio.get_running_loop().create_task, work)


async def live(life: Life, work: Callable[[], Coroutine[Any, Any, Any]]) -> asyncio.Task[Any]:
    """Start a process; the task ends with its end, its death or its freeze."""

    async def body() -> Any:
        return await work()

    context = copy_context()
    context.run(_living.set, life)
    return context.run(asyncio.get_running_loop().create_task, body())

"""SystemData for simulations: in memory or on a real PostgreSQL, with faults where a process commits.

Two kinds of commits are effects: flushes of the journal, and secrets that are put into the vault before an effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import psycopg

from temoctl.engine.clock import VirtualClock
from temoctl.engine.ids import SeededIds
from temoctl.engine.ports import Begin, Fence, Finish
from temoctl.model.secret import Secret, SecretRef
from temoctl.systemdata import migrate, open_store
from temoctl.systemdata.memory import MemoryStore
from temoctl.systemdata.memory_state import MemoryState
from temoctl.systemdata.ports import Principal, Store
from temoctl.systemdata.sealing import MasterKey
from tests.crash.faults import Faults, Life

WHO = Principal("table")


class PatientClock(VirtualClock):
    """Virtual time that stands still while somebody waits for a real database."""

    def __init__(self) -> None:
        super().__init__()
        self._held = 0
        self._parked: asyncio.AbstractEventLoop | None = None

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._held == 0:
            super()._turn(loop)
            return
        self._turn_over(loop)
        self._parked = loop

    async def during(self, work: Awaitable[Any]) -> Any:
        self._held += 1
        try:
            return await work
        finally:
            self._held -= 1
            if self._held == 0 and self._parked is not None:
                loop, self._parked = self._parked, None
                self._turn_soon(loop)


class Books(Protocol):
    """One fresh SystemData per schedule."""

    async def open(self, clock: PatientClock, ids: SeededIds) -> Store: ...


class MemoryBooks:
    async def open(self, clock: PatientClock, ids: SeededIds) -> Store:
        return MemoryStore(MemoryState(), WHO, clock=clock, ids=ids)


class PostgresBooks:
    """`dsn` logs in as the owner of a database that is wiped for every schedule."""

    def __init__(self, dsn: Secret) -> None:
        self._dsn = dsn

    async def open(self, clock: PatientClock, ids: SeededIds) -> Store:
        await clock.during(migrate(self._dsn))
        with psycopg.connect(self._dsn.reveal(), autocommit=True) as owner:
            owner.execute("TRUNCATE temoctl.tenants CASCADE")
        master = MasterKey(bytes(range(32)), "the table")
        store: Store = await clock.during(open_store(self._dsn, WHO, clock=clock, ids=ids, master_key=master))
        return store


class LifeStore:
    """One process' way to the books. What isn't journal or vault only stands still when the process does."""

    def __init__(self, store: Store, clock: PatientClock, faults: Callable[[], Faults], life: Life) -> None:
        self._store, self._clock, self._faults, self._life = store, clock, faults, life
        self.journal = LifeJournal(self)
        self.vault = LifeVault(self)

    async def commit(self, label: str, perform: Callable[[], Awaitable[Any]]) -> Any:
        return await self._faults().commit(self._life, label, lambda: self._clock.during(perform()))

    async def only(self, perform: Callable[[], Awaitable[Any]]) -> Any:
        await self._life.pass_if_alive()
        return await self._clock.during(perform())

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        async def call(*args: Any, **named: Any) -> Any:
            return await self.only(lambda: method(*args, **named))

        return call


class LifeJournal:
    def __init__(self, home: LifeStore) -> None:
        self._home = home

    async def write(self, entries: Sequence[Begin | Finish]) -> Any:
        return await self._home.commit("journal.write", lambda: self._home._store.journal.write(entries))

    async def open_intents(self, uid: str) -> Any:
        return await self._home.only(lambda: self._home._store.journal.open_intents(uid))

    async def done_steps(self, uid: str, plan: str) -> Any:
        return await self._home.only(lambda: self._home._store.journal.done_steps(uid, plan))


class LifeVault:
    def __init__(self, home: LifeStore) -> None:
        self._home = home

    async def ensure(self, fence: Fence, ref: SecretRef, fresh: Secret) -> Any:
        return await self._home.commit("vault.ensure", lambda: self._home._store.vault.ensure(fence, ref, fresh))

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._home._store.vault, name)

        async def call(*args: Any, **named: Any) -> Any:
            return await self._home.only(lambda: method(*args, **named))

        return call

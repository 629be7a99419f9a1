"""The same server without sockets, as the mongodb system sees one: for simulations, where time is virtual.

Every change is one effect, named after its command; a simulation gives its own `effect` to die around it, to lose its
answer or to let it land late.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import bson

from temoctl.engine.ports import Permit, Slots
from temoctl.model.errors import TemoError
from temoctl.sandbox.mongo.codec import OPTIONS
from temoctl.sandbox.mongo.engine import Engine, Session
from temoctl.systems.mongodb.server import Answer, Command, Declined, Endpoint, Login, Report

Effect = Callable[[str, Callable[[], Any]], Awaitable[Any]]
Before = Callable[[], Awaitable[None]]


async def at_once(name: str, apply: Callable[[], Any]) -> Any:
    """The effect of a world without faults."""
    return apply()


async def undisturbed() -> None:
    """The read of a world without faults."""


class InProcessMongo:
    """Implements `systems.mongodb.server.Server`. `before_read` may wait or fail in the place of a read."""

    def __init__(
        self,
        engine: Engine,
        login: tuple[str, str],
        *,
        slots: Slots,
        effect: Effect = at_once,
        before_read: Before = undisturbed,
    ) -> None:
        self.engine, self._slots, self._effect, self._before_read = engine, slots, effect, before_read
        self._session = self._as(*login)
        self.endpoint = Endpoint("127.0.0.1:27017")
        self.reads = self.writes = 0

    def _as(self, database: str, name: str) -> Session:
        session = self.engine.session()
        session.user = self.engine.users.find(database, name)
        return session

    async def read(self, database: str, command: Command) -> Answer:
        async with self._slots.take():
            self.reads += 1
            await self._before_read()
            return self._run(self._session, database, command)

    async def write(self, database: str, command: Command, permit: Permit) -> Answer:
        async with self._slots.take(write=True):
            permit.check()
            self.writes += 1
            name = next(iter(command))
            answer: Answer = await self._effect(name, lambda: self._answer(self._session, database, command))
            _raise_refusal(answer)
            for failed in answer.get("writeErrors", ()):
                raise Declined(int(failed["code"]), str(failed["errmsg"]))
            return answer

    def _run(self, session: Session, database: str, command: Command) -> Answer:
        answer = self._answer(session, database, command)
        _raise_refusal(answer)
        return answer

    def _answer(self, session: Session, database: str, command: Command) -> Answer:
        # through BSON and back, so that nothing is shared and nothing passes that the wire wouldn't carry
        sent = bson.decode(bson.encode({**command, "$db": database}), OPTIONS)
        return bson.decode(bson.encode(self.engine.run(session, sent)), OPTIONS)

    async def try_login(self, login: Login, collection: str, neighbours: Sequence[str]) -> Report:
        async with self._slots.take():
            self.reads += 1
            await self._before_read()
            user = self.engine.users.rows.get(("admin", login.user))
            if user is None or not self.engine.users.proves(user, login.password.reveal()):
                return Report(failed="Authentication failed.")
            session = self._as("admin", login.user)
            try:
                messages = int(self._run(session, login.database, {"count": collection})["n"])
            except TemoError as error:
                return Report(unreadable=error.summary)
            entered = [one for one in neighbours if self._allowed(session, one, {"find": collection, "limit": 1})]
            change = {"collMod": collection, "index": {"name": "temo_probe", "expireAfterSeconds": 1}}
            return Report("", "", messages, tuple(entered), self._allowed(session, login.database, change))

    def _allowed(self, session: Session, database: str, command: Command) -> bool:
        try:
            self._run(session, database, command)
        except Declined as refusal:
            return refusal.number != 13
        return True

    async def close(self) -> None:
        """Nothing is held."""


def _raise_refusal(answer: Answer) -> None:
    if not answer["ok"]:
        raise Declined(int(answer["code"]), str(answer["errmsg"]))

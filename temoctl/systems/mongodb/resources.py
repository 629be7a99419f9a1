"""The connected system: which room looks after which kind, and one picture of all of it per run.

One list of databases and one of users a run; then, for each tenant whose database is there, its registry and its
collection. Databases are looked at side by side.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from temoctl.engine.ports import Clock
from temoctl.engine.protocol import (
    Call,
    Context,
    Line,
    Outcome,
    ProbeResult,
    Proof,
    Readiness,
    Ready,
    Scope,
    Snapshot,
    System,
    Target,
    Verdict,
)
from temoctl.model.errors import Refused, TemoError, Unavailable
from temoctl.model.identity import object_name
from temoctl.model.kind import Kind
from temoctl.model.resource import Doubt, Observed, Presence
from temoctl.systems.marked import Tenants
from temoctl.systems.mongodb.collections import CollectionRoom
from temoctl.systems.mongodb.databases import DatabaseRoom
from temoctl.systems.mongodb.expiring import lines
from temoctl.systems.mongodb.kinds import KINDS, SYSTEM
from temoctl.systems.mongodb.room import Part, Registry, Room, found, unknown
from temoctl.systems.mongodb.server import DENIED, UNAVAILABLE, Declined, Server
from temoctl.systems.mongodb.settings import MongodbSettings
from temoctl.systems.mongodb.users import UserRoom

FEW = 100
"""Up to so many databases are asked for by name; for more, the list of all is shorter than the question."""
LOOPBACK = ("localhost", "127.0.0.1", "::1", "[::1]")
HISTORY_PART = "h"
"""The part of a history database's name (DESIGN: identity.object_name)."""


class MongodbSystem:
    """Implements engine.protocol.System, Waits, Probes and Expires."""

    name = SYSTEM

    def __init__(
        self,
        server: Server,
        *,
        clock: Clock,
        users: bool = True,
        n8n_host: str = "",
        n8n_port: int = 0,
        settle: float | None = None,
    ) -> None:
        self._server, self._with_users = server, users
        self._registry = Registry(server)
        self._databases = DatabaseRoom(server, self._registry, host=n8n_host, port=n8n_port)
        self._collections = CollectionRoom(server, self._registry, clock)
        self._users = UserRoom(server)
        self.kinds: Mapping[str, Kind] = (
            KINDS if settle is None else {name: replace(kind, settle=settle) for name, kind in KINDS.items()}
        )

    async def instance(self) -> str:
        """What MongoDB itself made once, when it was set up: the id of a collection that it always has.

        Where the login may not see that, the hosts have to do. A port on this machine says nothing.
        """
        try:
            command = {"listCollections": 1, "filter": {"name": "system.version"}}
            rows = await found(self._server, "admin", command)
        except Declined:
            rows = []
        if rows and rows[0].get("info", {}).get("uuid") is not None:
            return f"uuid={bytes(rows[0]['info']['uuid']).hex()}"
        hosts = {"loopback" if host in LOOPBACK else host for host in self._server.endpoint.names}
        return "hosts=" + ",".join(sorted(hosts))

    async def observe(self, scope: Scope) -> Snapshot:
        (seen, left), (users, lost) = await asyncio.gather(self._observe_databases(scope), self._observe_users(scope))
        return Snapshot({one.address: one for one in (*seen, *users)}, (*left, *lost))

    async def _observe_databases(self, scope: Scope) -> tuple[list[Observed], list[Observed]]:
        targets = [target for target in scope.targets if target.address.kind != "user"]
        owners = {*scope.owners.values(), *(target.marker.owner for target in targets)}
        wanted = {self._database_of(target) for target in targets} | {object_name(one, HISTORY_PART) for one in owners}
        if not wanted:
            return [], []
        try:
            names = await self._registry.names(wanted if len(wanted) < FEW else None)
        except TemoError as error:
            return [unknown(target.address, error) for target in targets], []
        there = sorted(wanted & set(names))
        parts = dict(zip(there, await asyncio.gather(*map(self._part, there)), strict=True))
        seen = await asyncio.gather(*(self._observed(one, parts.get(self._database_of(one))) for one in targets))
        strays = [
            await self._observed(stray, part)
            for part in parts.values()
            if isinstance(part, Part)
            for stray in part.strays(Tenants.of(SYSTEM, targets, scope.owners))
        ]
        return list(seen), [one for one in strays if one.presence is Presence.PRESENT]

    async def _part(self, name: str) -> Part | TemoError:
        try:
            return await self._registry.part(name)
        except TemoError as error:
            return error

    async def _observed(self, target: Target, part: Part | TemoError | None) -> Observed:
        try:
            if isinstance(part, TemoError):
                return unknown(target.address, part)
            room: DatabaseRoom | CollectionRoom = (
                self._databases if target.address.kind == "database" else self._collections
            )
            return await room.observed(target, part)
        except TemoError as error:
            return unknown(target.address, error)

    async def _observe_users(self, scope: Scope) -> tuple[list[Observed], list[Observed]]:
        targets = [target for target in scope.targets if target.address.kind == "user"]
        owners = {*scope.owners.values(), *(target.marker.owner for target in targets)}
        if not self._with_users or not owners:
            return [Observed.absent(target.address) for target in targets], []
        try:
            users = await self._users.look(targets, owners)
        except TemoError as error:
            return [unknown(target.address, error) for target in targets], []
        seen = [self._users.observed_in(target, users) for target in targets]
        return seen, self._users.strays(Tenants.of(SYSTEM, targets, scope.owners), users)

    def _database_of(self, target: Target) -> str:
        """The database an object is in. One whose name isn't known yet would bear the only name there can be."""
        room = self._databases if target.address.kind == "database" else self._collections
        return room.database(target) or object_name(target.marker.owner, HISTORY_PART)

    async def read(self, target: Target) -> Observed:
        try:
            if target.address.kind == "user":
                if not self._with_users:
                    return Observed.absent(target.address)
                return self._users.observed_in(target, await self._users.look([target], []))
            return await self._observed(target, await self._registry.look(self._database_of(target)))
        except TemoError as error:
            return unknown(target.address, error)

    async def find(self, target: Target, intent: str) -> Sequence[Observed]:
        """Names are ours to choose, so there is one or none."""
        seen = await self.read(target)
        if seen.presence is Presence.UNKNOWN and seen.doubt is not Doubt.FOREIGN:
            if seen.doubt is Doubt.OUTAGE:
                raise Unavailable(seen.code or UNAVAILABLE, seen.why, fix=seen.fix)
            raise Refused(seen.code or DENIED, seen.why, fix=seen.fix)
        return [seen] if seen.presence is Presence.PRESENT else []

    async def execute(self, call: Call) -> Outcome:
        return await self._room(call.target).execute(call)

    async def gone(self, target: Target) -> Proof:
        seen = await self.read(target)
        if seen.presence is Presence.ABSENT:
            return Proof(Verdict.DELETED, _EVIDENCE[target.address.kind])
        if seen.doubt is Doubt.FOREIGN:
            return Proof(Verdict.DELETED, "what is there now under that name isn't ours")
        return Proof(Verdict.UNVERIFIED, seen.why or "it is still there")

    async def ready(self, target: Target) -> Ready:
        """Everything is when the call returns, but for a retention that was made shorter."""
        return await self._collections.ready(target) if target.address.kind == "collection" else Ready(Readiness.READY)

    async def probe(self, target: Target, neighbours: Sequence[Target]) -> Sequence[ProbeResult]:
        try:
            return await self._room(target).probe(target, neighbours)
        except TemoError as error:
            return [ProbeResult(target.address, "answers", False, error.summary, error.fix)]

    async def expiring(self, target: Target, *, after: str, before: float, limit: int) -> Sequence[Line]:
        """Messages of a collection, oldest first."""
        return await lines(self._server, target, after=after, before=before, limit=limit)

    async def close(self) -> None:
        await self._server.close()

    def _room(self, target: Target) -> Room:
        rooms: Mapping[str, Room] = {"database": self._databases, "collection": self._collections, "user": self._users}
        return rooms[target.address.kind]


_EVIDENCE = {
    "database": "the list of all databases doesn't show it",
    "collection": "neither the collection nor its entry in the registry is there",
    "user": "the list of users doesn't show it",
}


def connect(settings: MongodbSettings, context: Context) -> System:
    """Wire the system to a real deployment. Talks to it not yet."""
    from temoctl.systems.mongodb.client import MongoServer

    server = MongoServer(context.secrets["uri"], slots=context.slots, timeout=settings.timeout or context.timeout)
    return MongodbSystem(
        server,
        clock=context.clock,
        users=settings.users,
        n8n_host=settings.n8n_host,
        n8n_port=settings.n8n_port,
        settle=settings.settle,
    )

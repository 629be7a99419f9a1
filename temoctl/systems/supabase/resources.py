"""The connected system: which room looks after which kind, and one picture of all of it per run.

Observing costs one transaction in each database and one listing of Storage, however many tenants there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from temoctl.engine.ports import Permit
from temoctl.engine.protocol import (
    Call,
    Context,
    Outcome,
    ProbeResult,
    Proof,
    Scope,
    Snapshot,
    System,
    Target,
    Verdict,
)
from temoctl.model.errors import Refused, TemoError, Unavailable
from temoctl.model.kind import Kind
from temoctl.model.resource import Doubt, Observed, Presence
from temoctl.systems.marked import Tenants
from temoctl.systems.supabase.archives import KIND as ARCHIVE
from temoctl.systems.supabase.archives import ArchiveRoom
from temoctl.systems.supabase.kinds import KINDS, SYSTEM
from temoctl.systems.supabase.room import Room, unknown
from temoctl.systems.supabase.schemas import SchemaRoom
from temoctl.systems.supabase.sessions import SeatRoom, SessionsRoom
from temoctl.systems.supabase.settings import SupabaseSettings
from temoctl.systems.supabase.sql import Look, Sql
from temoctl.systems.supabase.standings import StandingRoom
from temoctl.systems.supabase.storage import StorageRoom
from temoctl.systems.supabase.storage_client import StorageApi
from temoctl.systems.supabase.tables import TableRoom

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class SupabaseSystem:
    """Implements engine.protocol.System, Probes and Keeps. Everything it makes is ready when the call returns."""

    name = SYSTEM

    def __init__(
        self,
        knowledge: Sql,
        sessions: Sql,
        storage: StorageApi,
        *,
        n8n_host: str = "",
        n8n_port: int = 0,
        settle: float | None = None,
    ) -> None:
        self._knowledge, self._sessions, self._storage = knowledge, sessions, storage
        self._databases: tuple[tuple[Sql, dict[str, Room]], ...] = (
            (knowledge, {"schema": SchemaRoom(knowledge, host=n8n_host, port=n8n_port), "table": TableRoom(knowledge)}),
            (
                sessions,
                {
                    "sessions": SessionsRoom(sessions, host=n8n_host, port=n8n_port),
                    "seat": SeatRoom(sessions, host=n8n_host, port=n8n_port),
                    "standing": StandingRoom(sessions),
                },
            ),
        )
        self._rooms = {kind: room for _, rooms in self._databases for kind, room in rooms.items()}
        self._files, self._archives = StorageRoom(storage), ArchiveRoom(storage)
        self.kinds: Mapping[str, Kind] = (
            KINDS if settle is None else {name: replace(kind, settle=settle) for name, kind in KINDS.items()}
        )

    async def instance(self) -> str:
        """The two databases' own ids and Storage's host. A port on this machine says nothing about what is behind."""
        knowledge, sessions = await asyncio.gather(self._knowledge.identity(), self._sessions.identity())
        host = urlsplit(self._storage.url).hostname or ""
        return f"knowledge={knowledge} sessions={sessions} storage={'loopback' if host in LOOPBACK else host}"

    async def observe(self, scope: Scope) -> Snapshot:
        parts = [self._observe_database(sql, rooms, scope) for sql, rooms in self._databases]
        found = await asyncio.gather(*parts, self._observe_storage(scope))
        observed = {one.address: one for seen, _ in found for one in seen}
        return Snapshot(observed, tuple(stray for _, strays in found for stray in strays))

    async def _observe_database(
        self, sql: Sql, rooms: Mapping[str, Room], scope: Scope
    ) -> tuple[list[Observed], list[Observed]]:
        targets = [target for target in scope.targets if target.address.kind in rooms]
        owners = frozenset(scope.owners.values()) | {target.marker.owner for target in targets}
        if not owners:
            return [], []
        try:
            seen = await sql.look(
                _together((rooms[one.address.kind].want(one) for one in targets), Look(owners=owners))
            )
        except TemoError as error:
            return [unknown(target.address, error) for target in targets], []
        tenants = Tenants.of(SYSTEM, targets, scope.owners)
        strays = [stray for room in rooms.values() for stray in room.strays(tenants, seen)]
        return [rooms[target.address.kind].observed(target, seen) for target in targets], strays

    async def _observe_storage(self, scope: Scope) -> tuple[list[Observed], list[Observed]]:
        targets = [target for target in scope.targets if target.address.kind not in self._rooms]
        owners = sorted({*scope.owners.values(), *(one.marker.owner for one in targets)}, key=lambda one: one.uid)
        if not owners:
            return [], []
        try:
            shelf = await self._files.look([one for one in targets if one.address.kind != ARCHIVE], owners)
            heads = await self._archives.look(shelf.archives, owners)
            seen = [
                self._archives.observed(one, heads)
                if one.address.kind == ARCHIVE
                else await self._files.observed(one, shelf)
                for one in targets
            ]
            tenants = Tenants.of(SYSTEM, targets, scope.owners)
            return seen, [*await self._files.strays(tenants, shelf), *self._archives.strays(tenants, heads)]
        except TemoError as error:
            return [unknown(target.address, error) for target in targets], []

    async def read(self, target: Target) -> Observed:
        try:
            room = self._rooms.get(target.address.kind)
            if target.address.kind == ARCHIVE:
                return self._archives.observed(target, await self._archives.look_at(target))
            if room is None:
                return await self._files.observed(target, await self._files.look_at(target))
            sql = next(sql for sql, rooms in self._databases if target.address.kind in rooms)
            wanted = room.want(target)
            seen = room.observed(target, await sql.look(wanted))
            if seen.presence is not Presence.ABSENT:
                return seen
            # not under its name: whatever carries the owner's markers, in case it was renamed
            owned = Look(owners=frozenset({target.marker.owner}))
            return room.observed(target, await sql.look(_together([wanted], owned)))
        except TemoError as error:
            return unknown(target.address, error)

    async def find(self, target: Target, intent: str) -> Sequence[Observed]:
        """Names are ours to choose, so there is one or none."""
        seen = await self.read(target)
        if seen.presence is Presence.UNKNOWN and seen.doubt is not Doubt.FOREIGN:
            if seen.doubt is Doubt.OUTAGE:
                raise Unavailable(seen.code or "TEMO710", seen.why, fix=seen.fix)
            raise Refused(seen.code or "TEMO714", seen.why, fix=seen.fix)
        return [seen] if seen.presence is Presence.PRESENT else []

    async def execute(self, call: Call) -> Outcome:
        room = self._rooms.get(call.target.address.kind)
        if call.target.address.kind == ARCHIVE:
            return await self._archives.execute(call)
        return await (self._files.execute(call) if room is None else room.execute(call))

    async def kept(self, target: Target) -> str:
        """Of an archive: the key of its last line."""
        return await self._archives.kept(target)

    async def keep(self, target: Target, key: str, content: bytes, permit: Permit) -> None:
        """Of an archive: one more part."""
        await self._archives.keep(target, key, content, permit)

    async def gone(self, target: Target) -> Proof:
        seen = await self.read(target)
        if seen.presence is Presence.ABSENT:
            return Proof(Verdict.DELETED, _LOOKED[target.address.kind])
        if seen.presence is Presence.PRESENT and target.ref and seen.ref != target.ref:
            return Proof(Verdict.DELETED, _LOOKED[target.address.kind])  # the old half of a replace
        why = "it is still there" if seen.presence is Presence.PRESENT else seen.why
        return Proof(Verdict.UNVERIFIED, why)

    async def probe(self, target: Target, neighbours: Sequence[Target]) -> Sequence[ProbeResult]:
        room = self._rooms.get(target.address.kind)
        kind = self.kinds[target.address.kind]
        if room is None:
            return []
        missing = kind.probe_secrets - target.secrets.keys()
        if missing:
            fix = "run `temoctl apply` for this tenant: it makes a new password"
            return [ProbeResult(target.address, kind.label, False, "its password is not in the vault", fix)]
        return await room.probe(target, neighbours)

    async def close(self) -> None:
        await asyncio.gather(self._knowledge.close(), self._sessions.close(), self._storage.close())


_LOOKED = {
    "schema": "neither a schema nor a role of that name or marker is in the catalogue",
    "table": "no table of that name or marker is in the catalogue",
    "sessions": "neither a schema nor a role of that name is in the catalogue",
    "seat": "neither a role nor a seat of that name is in the catalogue",
    "standing": "no table of standings has a row of that tenant",
    "bucket": "the list of all buckets doesn't show it",
    "file": "the list of the bucket doesn't show it",
    "archive": "the list of the bucket shows neither its head nor a part of it",
}


def _together(wanted: Iterable[Look], start: Look) -> Look:
    all_of = [start, *wanted]
    return Look(
        schemas=frozenset().union(*(one.schemas for one in all_of)),
        roles=frozenset().union(*(one.roles for one in all_of)),
        owners=frozenset().union(*(one.owners for one in all_of)),
        seats=frozenset().union(*(one.seats for one in all_of)),
        standings=frozenset().union(*(one.standings for one in all_of)),
    )


def connect(settings: SupabaseSettings, context: Context) -> System:
    """Wire the system to real servers. Talks to none of them yet."""
    from temoctl.systems.supabase.client import PostgresSql

    timeout = settings.timeout or context.timeout

    def database(name: str, title: str) -> PostgresSql:
        return PostgresSql(context.secrets[name], title=title, slots=context.slots, timeout=timeout)

    storage = StorageApi(
        settings.storage_url,
        context.secrets["storage_key"],
        clock=context.clock,
        slots=context.slots,
        timeout=timeout,
        transport=context.transport,
    )
    return SupabaseSystem(
        database("knowledge_dsn", "the knowledge database"),
        database("sessions_dsn", "the sessions database"),
        storage,
        n8n_host=settings.n8n_host,
        n8n_port=settings.n8n_port,
        settle=settings.settle,
    )

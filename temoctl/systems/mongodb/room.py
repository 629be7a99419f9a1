"""What the rooms of this system share: the registry inside a tenant's database, and how a problem becomes "unknown".

MongoDB has no comments on databases and collections. So a collection `temoctl` in each of our databases holds one
document an object: `{_id: "collection.messages", marker: "temo:…"}`. A database exists only while something is in it;
this collection is what makes ours exist. Users carry their marker themselves, in `customData`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from temoctl.engine.protocol import Call, Outcome, ProbeResult, Target
from temoctl.model.address import Address
from temoctl.model.errors import TemoError
from temoctl.model.identity import Marker
from temoctl.model.resource import Observed
from temoctl.systems.marked import Tenants, unmarked, unread
from temoctl.systems.mongodb.server import DENIED, FOREIGN, Command, Declined, Server, foreign

REGISTRY = "temoctl"
UNTOUCHABLE = ("admin", "config", "local")


@dataclass(frozen=True, slots=True)
class Part:
    """One database as a look found it. `registry` maps `kind.name` to a marker's text."""

    name: str
    registry: Mapping[str, str] = field(default_factory=dict)

    def strays(self, tenants: Tenants) -> list[Target]:
        """What is registered here and was not asked for. A collection has the name of its resource."""
        found_ones = []
        for kind in ("database", "collection"):
            for note in self.registry.values():
                stray = tenants.stray(note, kind)
                if stray is not None:
                    address, marker = stray
                    name = self.name if kind == "database" else marker.name
                    props = {"name": name, "database": self.name}
                    found_ones.append(Target(address, marker, None, props))
        return found_ones


class Room(Protocol):
    """One kind."""

    async def execute(self, call: Call) -> Outcome: ...

    async def probe(self, target: Target, neighbours: Sequence[Target]) -> list[ProbeResult]: ...


class Registry:
    """Markers inside the tenants' databases."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def names(self, only: Iterable[str] | None = None) -> list[str]:
        """The databases there are, of some names or of any."""
        wanted: dict[str, Any] = {} if only is None else {"filter": {"name": {"$in": sorted(set(only))}}}
        answer = await self._server.read("admin", {"listDatabases": 1, "nameOnly": True, **wanted})
        return [str(one["name"]) for one in answer["databases"] if one["name"] not in UNTOUCHABLE]

    async def part(self, database: str) -> Part:
        """What is registered in a database."""
        rows = await found(self._server, database, {"find": REGISTRY, "limit": 100, "singleBatch": True})
        return Part(database, {str(row["_id"]): str(row.get("marker", "")) for row in rows})

    async def look(self, database: str) -> Part | None:
        """The database, if it is there."""
        return await self.part(database) if database and await self.names([database]) else None

    async def enter(self, call: Call, database: str, part: Part | None) -> None:
        """Write the object's marker. What is there under another's marker stays as it is."""
        tail, there = call.marker.tail, (part.registry if part is not None else {}).get(call.marker.tail)
        if there is not None:
            if not same(there, call.marker):
                raise foreign(f"an entry {tail} in the database {database}")
            return
        # only where nothing stands: two runs that come here at once leave the first one's marker
        update = {"q": {"_id": tail}, "u": {"$setOnInsert": {"marker": call.marker.text}}, "upsert": True}
        await self._server.write(database, {"update": REGISTRY, "updates": [update]}, call.permit)

    async def leave(self, call: Call, database: str) -> None:
        """Take the object's marker out."""
        gone = {"q": {"_id": call.marker.tail}, "limit": 1}
        await self._server.write(database, {"delete": REGISTRY, "deletes": [gone]}, call.permit)


async def found(server: Server, database: str, command: Command) -> list[Mapping[str, Any]]:
    """The rows of an answer that fits into one batch."""
    answer = await server.read(database, command)
    return list(answer["cursor"]["firstBatch"])


def same(note: str, marker: Marker) -> bool:
    found_marker = Marker.search(note)
    return found_marker is not None and found_marker.same_object(marker)


def unknown(address: Address, error: TemoError) -> Observed:
    return unread(address, error, denied=DENIED)


def not_ours(address: Address, what: str) -> Observed:
    return unmarked(address, what, code=FOREIGN)


async def unless(number: int, server: Server, database: str, command: Command, call: Call) -> bool:
    """Run a changing command; False when the server answers with that one error, which means "already so"."""
    try:
        await server.write(database, command, call.permit)
    except Declined as refusal:
        if refusal.number != number:
            raise
        return False
    return True

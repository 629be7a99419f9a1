"""A tenant's database: made by its registry, deleted as a whole. Knows no pymongo."""

from __future__ import annotations

from collections.abc import Sequence

from temoctl.engine.protocol import Call, Outcome, ProbeResult, Target, Verb
from temoctl.model.errors import Bug
from temoctl.model.identity import Marker
from temoctl.model.resource import Observed, Presence
from temoctl.model.value import Json, digest
from temoctl.systems.marked import text
from temoctl.systems.mongodb.room import UNTOUCHABLE, Part, Registry, not_ours, same
from temoctl.systems.mongodb.server import PROTECTED, Server, foreign


class DatabaseRoom:
    """Kind `database`. `host` and `port` are n8n's way to the server, where it differs."""

    def __init__(self, server: Server, registry: Registry, *, host: str = "", port: int = 0) -> None:
        self._server, self._registry, self._host, self._port = server, registry, host, port

    def database(self, target: Target) -> str:
        return text(target.props, "name") or target.ref or ""

    async def observed(self, target: Target, part: Part | None) -> Observed:
        if part is None:
            return Observed.absent(target.address)
        note = part.registry.get(target.marker.tail, "")
        if not same(note, target.marker):
            return not_ours(target.address, f"a database called {part.name}")
        return Observed(
            target.address,
            Presence.PRESENT,
            ref=part.name,
            props={"name": part.name},
            outputs=self._outputs(part.name),
            fingerprint=digest([part.name, note]),
            marker=Marker.search(note),
        )

    async def execute(self, call: Call) -> Outcome:
        name = self.database(call.target)
        if name in UNTOUCHABLE:
            raise Bug(PROTECTED, f"the database {name} is MongoDB's own")
        part = await self._registry.look(name)
        if call.verb is Verb.DELETE:
            return await self._delete(call, name, part)
        if part is not None and call.marker.tail not in part.registry:
            raise foreign(f"a database called {name}")
        await self._registry.enter(call, name, part)
        return Outcome(name, self._outputs(name))

    async def _delete(self, call: Call, name: str, part: Part | None) -> Outcome:
        if part is None:
            return Outcome(name)
        if not same(part.registry.get(call.marker.tail, ""), call.marker):
            raise foreign(f"a database called {name}")
        await self._server.write(name, {"dropDatabase": 1}, call.permit)
        return Outcome(name)

    async def probe(self, target: Target, neighbours: Sequence[Target]) -> list[ProbeResult]:
        return []  # proven by the login that uses it

    def _outputs(self, name: str) -> dict[str, Json]:
        return {"name": name, **self._server.endpoint.outputs(self._host, self._port)}

"""MongoDB on the sandbox's server without sockets, as a stage: database, collection and login of one tenant.

Apart from the other systems, because what is asked here of each schedule is its own: that the login works with the
password in the vault, and that the history has its rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from temoctl.engine.clock import VirtualClock
from temoctl.engine.protocol import Scope, System, Target
from temoctl.engine.throttle import Throttle
from temoctl.model.address import Address
from temoctl.model.identity import Marker, Owner, object_name
from temoctl.model.kind import Kind
from temoctl.model.resource import Desired, Presence, Recorded
from temoctl.model.secret import Secret
from temoctl.model.value import Json, ref
from temoctl.sandbox.mongo import ADMIN
from temoctl.sandbox.mongo.engine import Engine
from temoctl.sandbox.mongo.in_process import InProcessMongo
from temoctl.sandbox.mongo.listener import ROLES
from temoctl.systems.mongodb import plugin
from temoctl.systems.mongodb.resources import MongodbSystem
from tests.crash.faults import Faults, Life
from tests.crash.scenario import TENANT, Spec
from tests.crash.variants import UID

_REMOVED = ("user", "collection")
_SECRET = "mongodb/history-user"


def at(kind: str, name: str) -> Address:
    return Address(TENANT, "mongodb", kind, name)


DATABASE, COLLECTION, USER = at("database", "history"), at("collection", "messages"), at("user", "n8n")


class MongodbStage:
    """Implements stage.Stage."""

    secrets: Mapping[str, Secret] = {}
    unmarked: frozenset[str] = frozenset()
    root = ""

    def __init__(self, clock: VirtualClock, change: Callable[[Mapping[str, Kind]], Mapping[str, Kind]]) -> None:
        self._clock = clock
        self.faults = Faults((), clock)
        self.kinds = change({kind.key: kind for kind in plugin.kinds.values()})
        self.engine = Engine(clock, rounds=4096)
        self.engine.add_user(ADMIN, "p", list(ROLES))
        self._owner: Owner | None = None

    def wanted(self, spec: Spec, owner: Owner) -> Sequence[Desired]:
        self._owner = owner
        match spec:
            case Spec.NOTHING:
                return []
            case Spec.SMALL:
                return _world(owner, 30, 1)
            case Spec.CHANGED:
                return _world(owner, 7, 2)
            case Spec.FEWER:
                return [one for one in _world(owner, 30, 1) if one.address.kind not in _REMOVED]

    async def systems(self, life: Life) -> Mapping[str, System]:
        async def effect(name: str, apply: Callable[[], Json]) -> Json:
            return await self.faults.request(life, name, lambda: None, apply, freezes=False)

        async def before_read() -> None:
            await life.pass_if_alive()
            self.faults.land()

        slots = Throttle(plugin.limits, self._clock)
        server = InProcessMongo(self.engine, ("admin", ADMIN), slots=slots, effect=effect, before_read=before_read)
        return {"mongodb": MongodbSystem(server, clock=self._clock)}

    async def land(self) -> None:
        self.faults.land()

    async def things(self) -> Sequence[tuple[Address, str]]:
        """What the system itself finds of ours, by name and marker."""
        if self._owner is None:
            return []
        owner = self._owner
        await self.land()
        faults, self.faults = self.faults, Faults((), self._clock)
        targets = tuple(
            Target(one, Marker(owner, one.kind, one.name), None, {"name": "messages"} if one is COLLECTION else {})
            for one in (DATABASE, COLLECTION)
        )
        user = Target(USER, Marker(owner, USER.kind, USER.name), None, {"user": object_name(owner, "h")})
        system = (await self.systems(Life()))["mongodb"]
        snapshot = await system.observe(Scope((*targets, user), {TENANT: owner}))
        self.faults = faults
        seen = (*snapshot.observed.values(), *snapshot.strays)
        return sorted(
            (one.address, str(one.ref))
            for one in seen
            if one.presence is Presence.PRESENT and one.marker is not None and one.marker.owner.uid == UID
        )

    def broken(self, records: Mapping[Address, Recorded], secrets: Mapping[str, Secret]) -> Sequence[str]:
        """A login whose password the vault doesn't have."""
        record = records.get(USER)
        if record is None:
            return []
        user = self.engine.users.rows.get(("admin", str(record.outputs["user"])))
        if user is None or not self.engine.users.proves(user, secrets[_SECRET].reveal()):
            return [f"{USER}: its password is not what the vault has"]
        return []


def _world(owner: Owner, days: int, version: int) -> list[Desired]:
    name = object_name(owner, "h")
    home = ref(DATABASE, "name")
    password = {"$secret": _SECRET, "version": version, "generate": True}
    messages = {"database": home, "name": "messages", "retention_days": days, "validator": "message-1"}
    return [
        Desired(DATABASE, {"name": name}, "history"),
        Desired(COLLECTION, messages, "messages"),
        Desired(USER, {"database": home, "user": name, "password": password}, "login"),
    ]

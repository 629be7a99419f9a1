"""Making things the way the engine does, in few words: targets and calls for samples on any rig."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import AsyncConnection

from temoctl.engine.protocol import Call, Outcome, Scope, Snapshot, Target, Verb
from temoctl.model.address import Address
from temoctl.model.identity import Marker, Owner, object_name
from temoctl.model.resource import Observed
from temoctl.model.secret import Secret
from temoctl.model.step import FieldChange
from temoctl.sheets import file_digest
from temoctl.systems.supabase.kinds import SYSTEM
from temoctl.systems.supabase.sessions import sessions_template
from tests.conformance.bench import Freely
from tests.systems.supabase.rigs import BaseRig, PostgresRig
from tests.systems.supabase.samples import OWNER, PASSWORD, ROOT

INTENT = "0123456789ab"
PLATFORM = Owner(OWNER.installation, "p1atf0rmp1atf0rm")


def owner(number: int) -> Owner:
    return Owner(OWNER.installation, f"tenant{number:010d}")


class Acts:
    """One tenant on one rig."""

    def __init__(self, rig: BaseRig, number: int = 1, *, password: Secret = PASSWORD) -> None:
        self.rig, self.owner, self.tenant, self.password = rig, owner(number), f"t{number}", password
        self.schema = object_name(self.owner, "k")
        self.seat = object_name(self.owner, "s")
        self.sessions = object_name(PLATFORM, "sessions")

    def base_props(self) -> dict[str, Any]:
        return {"schema": self.schema, "role": self.schema, "password": self.password}

    def seat_props(self) -> dict[str, Any]:
        return {
            "sessions": self.sessions,
            "role": self.seat,
            "password": self.password,
            "tenant_uid": self.owner.uid,
        }

    def table_props(self, file: str = "kb/menu.csv", **more: Any) -> dict[str, Any]:
        props = {"schema": self.schema, "role": self.schema, "table": "products_menu", "title": "Menu"}
        return {**props, "group": "products", "options": {}, "file": file, "digest": file_digest(ROOT / file), **more}

    def target(self, kind: str, name: str, props: Mapping[str, Any], ref: str | None = None) -> Target:
        who, tenant = (PLATFORM, "platform") if kind in ("sessions", "bucket") else (self.owner, self.tenant)
        secrets = {key: value for key, value in props.items() if isinstance(value, Secret)}
        plain = {key: value for key, value in props.items() if not isinstance(value, Secret)}
        return Target(Address(tenant, SYSTEM, kind, name), Marker(who, kind, name), ref, plain, secrets)

    def call(self, verb: Verb, kind: str, name: str, props: Mapping[str, Any], **more: Any) -> Call:
        target = self.target(kind, name, props, more.pop("ref", None))
        marker = Marker(target.marker.owner, kind, name, more.pop("intent", INTENT))
        changes = tuple(FieldChange(path, None, None) for path in more.pop("changes", ()))
        permit, root = more.pop("permit", Freely()), more.pop("root", str(ROOT))
        return Call(verb, target, props, marker.intent or "", marker, permit, changes, root=root, **more)

    async def do(self, verb: Verb, kind: str, name: str, props: Mapping[str, Any], **more: Any) -> Outcome:
        return await self.rig.system.execute(self.call(verb, kind, name, props, **more))

    async def make_base(self) -> Outcome:
        return await self.do(Verb.CREATE, "schema", "knowledge", self.base_props())

    async def make_table(self, file: str = "kb/menu.csv", **more: Any) -> Outcome:
        return await self.do(Verb.CREATE, "table", "products-menu", self.table_props(file), **more)

    async def make_sessions(self) -> Outcome:
        props = {"schema": self.sessions, "template": sessions_template()[1]}
        return await self.do(Verb.CREATE, "sessions", "shared", props)

    async def make_seat(self) -> Outcome:
        return await self.do(Verb.CREATE, "seat", "sessions", self.seat_props())

    def targets(self) -> dict[str, Target]:
        return {
            "schema": self.target("schema", "knowledge", self.base_props()),
            "table": self.target("table", "products-menu", self.table_props()),
            "seat": self.target("seat", "sessions", self.seat_props()),
            "sessions": self.target(
                "sessions", "shared", {"schema": self.sessions, "template": sessions_template()[1]}
            ),
        }

    async def see(self, kind: str) -> Observed:
        return await self.rig.system.read(self.targets()[kind])

    async def observe(self, *targets: Target) -> Snapshot:
        owners = {self.tenant: self.owner, "platform": PLATFORM}
        return await self.rig.system.observe(Scope(targets, owners))


async def login(rig: PostgresRig, role: str, *, database: str = "knowledge") -> AsyncConnection[Any]:
    """A connection as one of the tenants' own roles. The caller closes it."""
    name = rig.databases.knowledge if database == "knowledge" else rig.databases.sessions
    dsn = rig.databases.server.dsn(name, user=role, password=PASSWORD).reveal()
    return await AsyncConnection.connect(dsn, autocommit=True)


async def base(rig: BaseRig, number: int = 1) -> Acts:
    """A tenant with a knowledge base of one table."""
    acts = Acts(rig, number)
    await acts.make_base()
    await acts.make_table()
    return acts

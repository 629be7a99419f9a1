"""What is there of ours in a world: every object that carries a marker, what still acts, and what only lies around.

Looks at the systems themselves, never at the record: that is what makes it a proof. Must not change anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temoctl.engine.clock import SystemClock
from temoctl.engine.protocol import Limits
from temoctl.engine.throttle import Throttle
from temoctl.model.identity import Marker, Owner
from temoctl.model.secret import Secret
from temoctl.sandbox import at_stripe, vendors
from temoctl.sandbox.folder import Folder
from temoctl.sandbox.seeding import open_vault
from temoctl.sandbox.world import World, attach

_DATABASES = ("knowledge", "sessions")
_ROLES = """
SELECT r.rolname, d.description, r.rolcanlogin FROM pg_roles r
JOIN pg_shdescription d ON d.objoid = r.oid AND d.classoid = 'pg_authid'::regclass
WHERE d.description LIKE 'temo:%' ORDER BY 1
"""
_SCHEMAS = """
SELECT n.nspname, d.description FROM pg_namespace n
JOIN pg_description d ON d.objoid = n.oid AND d.classoid = 'pg_namespace'::regclass
WHERE d.description LIKE 'temo:%' ORDER BY 1
"""
_TABLES = """
SELECT n.nspname || '.' || c.relname, d.description FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_description d ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
WHERE d.description LIKE 'temo:%' ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Thing:
    """One marked object. `what` is its kind in its system's own words, `active` whether it does something by itself."""

    tenant: str
    system: str
    marker: str
    what: str
    name: str
    active: bool = False

    @property
    def words(self) -> str:
        return f"{self.system}: {self.what} {self.name} of {self.tenant}"


@dataclass(frozen=True, slots=True)
class Remains:
    """`active` and `remainders` are words for people; `marked` is everything that carries a marker."""

    active: tuple[str, ...]
    remainders: tuple[str, ...]
    marked: tuple[Thing, ...]


async def remains(root: Path) -> Remains:
    """Look through every system of the running world."""
    world = await attach(root)
    async with open_vault(Folder(world.folder)) as store:
        tenants = {one.uid: one.tenant for one in await store.tenants()}
    found = [*await _at_n8n(world, tenants), *await _in_databases(world, tenants), *await _in_storage(world, tenants)]
    found += await _in_mongodb(world, tenants)
    found += [
        Thing(_named(tenants, marker), "stripe", marker.text, what, name, active)
        async for marker, what, name, active in at_stripe.marked(world)
    ]
    async with world.remote() as remote:
        bots = await remote.call("GET", "/bots")
    sending = [bot for bot in bots if bot["webhook"]["url"].startswith(world.urls["n8n"])]
    active = [one.words for one in found if one.active]
    active += [f"telegram: @{bot['username']} sends its messages to n8n" for bot in sending]
    lying = [one.words for one in found if not one.active]
    lying += [f"telegram: the bot @{bot['username']}, which only its owner can delete in @BotFather" for bot in bots]
    return Remains(tuple(active), tuple(lying), tuple(found))


def _named(tenants: Mapping[str, str], marker: Marker) -> str:
    return tenants.get(marker.owner.uid, f"a closed tenant ({marker.owner.uid})")


async def _at_n8n(world: World, tenants: Mapping[str, str]) -> list[Thing]:
    found = []
    async with vendors.n8n(world) as n8n:
        for what in ("workflow", "credential"):
            for one in await n8n.everything(f"{what}s"):
                marker = Marker.search(str(one["name"]))
                if marker is not None:
                    name, tenant = f"“{vendors.Named.of(one).name}”", _named(tenants, marker)
                    found.append(Thing(tenant, "n8n", marker.text, what, name, bool(one.get("active"))))
    return found


async def _in_databases(world: World, tenants: Mapping[str, str]) -> list[Thing]:
    """Roles belong to the server, which both databases of a sandbox share: they are counted once."""
    rows: list[tuple[str, tuple[Any, ...]]] = []
    for number, database in enumerate(_DATABASES):
        rows += [("schema", row) for row in await _rows(world, database, _SCHEMAS)]
        rows += [("table", row) for row in await _rows(world, database, _TABLES)]
        rows += [("role", row) for row in await _rows(world, database, _ROLES)] if number == 0 else []
    return list(_things(rows, tenants))


def _things(rows: list[tuple[str, tuple[Any, ...]]], tenants: Mapping[str, str]) -> Iterator[Thing]:
    for what, (name, comment, *login) in rows:
        marker = Marker.search(comment)
        if marker is not None:
            yield Thing(_named(tenants, marker), "supabase", marker.text, what, str(name), bool(login and login[0]))


async def _rows(world: World, database: str, question: str) -> list[tuple[Any, ...]]:
    from psycopg import AsyncConnection

    dsn = (Folder(world.folder).secrets / f"{database}-dsn").read_text()
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        return await (await connection.execute(question.encode())).fetchall()


async def _in_mongodb(world: World, tenants: Mapping[str, str]) -> list[Thing]:
    from temoctl.sandbox.mongo.marked import marked

    return [
        Thing(_named(tenants, marker), "mongodb", marker.text, what, name, active=what == "user")
        for marker, what, name in await marked(Folder(world.folder))
    ]


async def _in_storage(world: World, tenants: Mapping[str, str]) -> list[Thing]:
    from temoctl.systems.supabase.storage import marker_of
    from temoctl.systems.supabase.storage_client import StorageApi

    clock = SystemClock()
    key = Secret((Folder(world.folder).secrets / "storage-key").read_text().strip())
    api = StorageApi(world.urls["storage"], key, clock=clock, slots=Throttle(Limits(), clock))
    try:
        found = []
        for bucket in await api.buckets():
            made = _bucket_marker(bucket.id)
            if made is not None:
                found.append(Thing(_named(tenants, made), "supabase", made.text, "bucket", bucket.id))
            for file in await api.files(bucket.id, "") or []:
                marker = marker_of(file.name)
                if marker is not None:
                    found.append(Thing(_named(tenants, marker), "supabase", marker.text, "file", file.name))
        return found
    finally:
        await api.close()


def _bucket_marker(name: str) -> Marker | None:
    """A bucket can carry no marker: its name, made by `identity.object_name`, is all there is."""
    from temoctl.systems.supabase.kinds import BUCKETS

    parts = name.split("_")
    if len(parts) != 4 or parts[0] != "temo":
        return None
    return Marker(Owner(parts[1], parts[2]), "bucket", BUCKETS.get(parts[3], parts[3]))

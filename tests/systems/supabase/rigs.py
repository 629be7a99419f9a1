"""The Supabase system in three worlds: all in memory, on a real PostgreSQL, and Storage's stand-in behind both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg import sql

from temoctl.engine.clock import SystemClock, VirtualClock
from temoctl.engine.protocol import System
from temoctl.engine.throttle import Throttle
from temoctl.model.identity import object_name
from temoctl.model.resource import Observed
from temoctl.model.secret import Secret
from temoctl.systemdata.embedded import Server
from temoctl.systems.fake_http import FakeRequest, Fault, InProcess
from temoctl.systems.supabase import plugin
from temoctl.systems.supabase.client import PostgresSql
from temoctl.systems.supabase.fake import FakeStorage
from temoctl.systems.supabase.fake_sql import FakeRole, FakeSchema, FakeSql, FakeTable
from temoctl.systems.supabase.resources import SupabaseSystem
from temoctl.systems.supabase.sql import StandingRow
from temoctl.systems.supabase.storage_client import StorageApi
from tests.conformance.rig import Sample
from tests.systems.supabase.faulty import FaultySql
from tests.systems.supabase.samples import OWNER, ROOT

URL = "http://storage.test"
KEY = "sb_secret_canary-0123456789"


class BaseRig:
    """Implements tests.conformance.rig.Rig for both worlds; how a stranger edits a database is the subclass's."""

    can = frozenset({"count", "tamper", "foreign", "faults"})
    faults = frozenset({"lost", "refuse", "500-before", "500-after", "denied"})
    owner = OWNER
    root = str(ROOT)

    def __init__(self, knowledge: Any, sessions: Any, clock: Any, slots: Throttle, settle: float | None = None) -> None:
        self.clock, self.slots = clock, slots
        self.knowledge, self.sessions = FaultySql(knowledge), FaultySql(sessions)
        self.storage = FakeStorage(clock, KEY)
        api = StorageApi(URL, Secret(KEY), clock=clock, slots=slots, transport=InProcess({URL: self.storage}))
        self.system: System = SupabaseSystem(self.knowledge, self.sessions, api, settle=settle)

    @property
    def reads(self) -> int:
        http = sum(not self.storage.is_write(FakeRequest(*one, {}, {}, b"")) for one in self.storage.requests)
        return self.knowledge.reads + self.sessions.reads + http

    @property
    def writes(self) -> int:
        http = sum(self.storage.is_write(FakeRequest(*one, {}, {}, b"")) for one in self.storage.requests)
        return self.knowledge.writes + self.sessions.writes + http

    def fault(self, kind: str, *, count: int = 1, seconds: float = 0.0, writes: bool = False, skip: int = 0) -> None:
        for one in (self.knowledge, self.sessions, self.storage):
            one.faults.append(Fault(kind, count=count, seconds=seconds, writes=writes, skip=skip))

    def clear(self) -> None:
        for one in (self.knowledge, self.sessions, self.storage):
            one.faults.clear()

    async def arrange(self, sample: Sample) -> None:
        raise NotImplementedError("no kind of this system is only watched")

    async def close(self) -> None:
        await self.system.close()

    async def tamper(self, sample: Sample, observed: Observed) -> None:
        if sample.address.kind == "bucket":
            self.storage.buckets[str(observed.ref)].public = True
        elif sample.address.kind in ("file", "archive"):
            objects = self.storage.buckets[observed.props["bucket"]].objects
            objects[str(observed.ref)].content = b"somebody else's prices"
        else:
            await self.edit(sample, observed)

    async def foreign(self, sample: Sample) -> None:
        now = "2026-01-01T00:00:00.000Z"
        if sample.address.kind in ("bucket", "file", "archive"):
            from temoctl.systems.supabase.fake import FakeBucket

            self.storage.buckets["menus"] = FakeBucket("menus", False, now, now)
        else:
            await self.intrude(sample)

    async def edit(self, sample: Sample, observed: Observed) -> None:
        raise NotImplementedError

    async def intrude(self, sample: Sample) -> None:
        raise NotImplementedError


class FakeRig(BaseRig):
    """Everything in memory, in virtual time."""

    can = BaseRig.can | {"virtual"}

    async def edit(self, sample: Sample, observed: Observed) -> None:
        name = str(observed.ref)
        match sample.address.kind:
            case "schema":
                self.knowledge.inner.roles[name].can_login = False
            case "table":
                schema, table = name.split(".")
                self.knowledge.inner.schemas[schema].tables[table].updated += 1
            case "sessions":
                self.sessions.inner.schemas[name].tables["wa_sessions"].guarded = False
            case "seat":
                self.sessions.inner.schemas[observed.props["sessions"]].seats.clear()
            case "standing":
                rows = self.sessions.inner.schemas[observed.props["sessions"]].standings
                rows[OWNER.uid] = replace(rows[OWNER.uid], state="suspended")

    async def intrude(self, sample: Sample) -> None:
        props = sample.props
        match sample.address.kind:
            case "schema":
                self.knowledge.inner.schemas[props["schema"]] = FakeSchema("")
            case "table":
                home = next(iter(self.knowledge.inner.schemas.values()))
                home.tables[props["table"]] = FakeTable("")
            case "sessions":
                self.sessions.inner.schemas[props["schema"]] = FakeSchema("")
            case "seat":
                self.sessions.inner.roles[props["role"]] = FakeRole("")
            case "standing":
                next(iter(self.sessions.inner.schemas.values())).standings["somebody"] = StandingRow("suspended")


async def fake_rig() -> FakeRig:
    clock = VirtualClock()
    slots = Throttle(plugin.limits, clock)
    return FakeRig(FakeSql("knowledge", slots=slots), FakeSql("sessions", slots=slots), clock, slots)


class StorageRig(FakeRig):
    """The same, with what only an HTTP API can do."""

    faults = BaseRig.faults | {"429"}


async def storage_rig() -> StorageRig:
    clock = VirtualClock()
    slots = Throttle(plugin.limits, clock)
    return StorageRig(FakeSql("knowledge", slots=slots), FakeSql("sessions", slots=slots), clock, slots)


@dataclass(frozen=True, slots=True)
class Databases:
    """Two databases on one real server, kept for all tests of a process and wiped between them."""

    server: Server
    knowledge: str
    sessions: str

    def dsn(self, name: str) -> str:
        return self.server.dsn(name).reveal()

    def wipe(self) -> None:
        """Everything that carries a name of temoctl's: schemas first, then the server's roles."""
        for name in (self.knowledge, self.sessions):
            with psycopg.connect(self.dsn(name), autocommit=True) as connection:
                pattern = f"temo\\_{OWNER.installation}\\_%"
                find = "select nspname from pg_namespace where nspname like %s"
                for (schema,) in connection.execute(find, [pattern]).fetchall():
                    connection.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(schema)))
                find = "select rolname from pg_roles where rolname like %s"
                for (role,) in connection.execute(find, [pattern]).fetchall():
                    connection.execute(sql.SQL("drop owned by {}").format(sql.Identifier(role)))
        with psycopg.connect(self.dsn(self.sessions), autocommit=True) as connection:
            find = "select rolname from pg_roles where rolname like %s"
            for (role,) in connection.execute(find, [pattern]).fetchall():
                connection.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


class PostgresRig(BaseRig):
    """Real databases; a stranger edits them with a superuser's rights."""

    def __init__(self, databases: Databases, knowledge: Any, sessions: Any, clock: Any, slots: Throttle) -> None:
        super().__init__(knowledge, sessions, clock, slots, settle=0.05)  # a real clock, and nothing that lags
        self.databases = databases

    def run(self, database: str, statement: str, **names: str) -> list[tuple[Any, ...]]:
        name = self.databases.knowledge if database == "knowledge" else self.databases.sessions
        with psycopg.connect(self.databases.dsn(name), autocommit=True) as connection:
            identifiers = {key: sql.Identifier(*text.split(".")) for key, text in names.items()}
            cursor = connection.execute(sql.SQL(statement).format(**identifiers))
            rows = cursor.fetchall() if cursor.description else []
            connection.execute("select pg_stat_force_next_flush()")
            connection.execute("select 1")
            return rows

    async def edit(self, sample: Sample, observed: Observed) -> None:
        name = str(observed.ref)
        match sample.address.kind:
            case "schema":
                self.run("knowledge", "alter role {r} nologin", r=name)
            case "table":
                self.run("knowledge", "update {t} set _row = _row where _row = 1", t=name)
            case "sessions":
                self.run("sessions", "alter table {t} disable row level security", t=f"{name}.wa_sessions")
            case "seat":
                self.run("sessions", "delete from {t}", t=f"{observed.props['sessions']}.seats")
            case "standing":
                place = f"{observed.props['sessions']}.standings"
                self.run("sessions", "update {t} set state = 'suspended'", t=place)

    async def intrude(self, sample: Sample) -> None:
        props = sample.props
        match sample.address.kind:
            case "schema":
                self.run("knowledge", "create schema {s}", s=props["schema"])
            case "table":
                find = f"select nspname from pg_namespace where nspname like 'temo\\_{OWNER.installation}\\_%'"
                home = self.run("knowledge", find)[0][0]
                self.run("knowledge", "create table {t} (a int)", t=f"{home}.{props['table']}")
            case "sessions":
                self.run("sessions", "create schema {s}", s=props["schema"])
            case "seat":
                self.run("sessions", "create role {r}", r=props["role"])
            case "standing":
                place = f"{object_name(OWNER, 'sessions')}.standings"
                self.run("sessions", "insert into {t} (tenant_uid, state) values ('somebody', 'suspended')", t=place)


async def postgres_rig(databases: Databases) -> PostgresRig:
    databases.wipe()
    clock = SystemClock()
    slots = Throttle(plugin.limits, clock)

    def database(name: str) -> PostgresSql:
        return PostgresSql(Secret(databases.dsn(name)), title=f"the {name} database", slots=slots)

    return PostgresRig(databases, database(databases.knowledge), database(databases.sessions), clock, slots)

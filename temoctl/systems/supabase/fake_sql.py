"""A stand-in for one PostgreSQL database at the level of `sql.Sql`: in memory, deterministic, for simulations.

It passes the same tests as the real client on a real server. Every change is one effect, named after its method,
and happens as a whole or not at all; a simulation gives its own `effect` to die around it, to lose its answer or to
let it land late. State is open: tests edit it as a stranger with superuser rights would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from temoctl.engine.ports import Permit, Slots
from temoctl.model.errors import Refused
from temoctl.model.identity import Marker, Owner
from temoctl.model.secret import Secret
from temoctl.systems.supabase.sql import (
    READER_SETTINGS,
    ROW,
    SEAT_SETTINGS,
    SEATS_MAY,
    SESSION_TABLES,
    STANDINGS,
    BaseChange,
    Catalogue,
    Effect,
    Endpoint,
    Login,
    Look,
    ReaderReport,
    RoleRow,
    SchemaRow,
    SeatChange,
    SeatReport,
    SessionsChange,
    StandingChange,
    StandingRow,
    TableLoad,
    TableNote,
    TableRow,
    foreign,
    is_ours,
    refuse_foreign,
)

T = TypeVar("T")
PLACE = Endpoint("127.0.0.1", 5432, "fake", "disable")


@dataclass(slots=True)
class FakeRole:
    comment: str
    password: Secret | None = None
    can_login: bool = True
    powers: set[str] = field(default_factory=set)
    member_of: set[str] = field(default_factory=set)
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class FakeTable:
    comment: str
    columns: list[tuple[str, str]] = field(default_factory=list)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    grants: set[str] = field(default_factory=set)
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    guarded: bool = False


@dataclass(slots=True)
class FakeSchema:
    comment: str
    grants: set[str] = field(default_factory=set)
    tables: dict[str, FakeTable] = field(default_factory=dict)
    seats: dict[str, str] = field(default_factory=dict)
    standings: dict[str, StandingRow] = field(default_factory=dict)


async def at_once(name: str, apply: Callable[[], Any]) -> Any:
    """The effect of a world without faults."""
    return apply()


class FakeSql:
    """Implements `sql.Sql`. `effect` is what a change is carried out by; `name` tells two databases apart."""

    def __init__(self, name: str, *, slots: Slots, effect: Effect = at_once, endpoint: Endpoint = PLACE) -> None:
        self._name, self._slots, self._effect, self._endpoint = name, slots, effect, endpoint
        self.roles: dict[str, FakeRole] = {}
        self.schemas: dict[str, FakeSchema] = {}

    @property
    def endpoint(self) -> Endpoint:
        return self._endpoint

    async def close(self) -> None:
        """Nothing is held."""

    async def identity(self) -> str:
        async with self._slots.take():
            return f"fake.{self._name}"

    async def look(self, want: Look) -> Catalogue:
        async with self._slots.take():
            roles = {name: one for name, one in self.roles.items() if _wanted(name, one.comment, want.roles, want)}
            schemas = {
                name: one for name, one in self.schemas.items() if _wanted(name, one.comment, want.schemas, want)
            }
            tables = [
                _table_row(schema, name, table)
                for schema, home in self.schemas.items()
                for name, table in home.tables.items()
                if schema in schemas or _wanted(name, table.comment, frozenset(), want)
            ]
            seats = {name: dict(self.schemas[name].seats) for name in want.seats if name in self.schemas}
            uids = {owner.uid for owner in want.owners}
            standings = {
                (name, uid): row
                for name, home in self.schemas.items()
                for uid, row in home.standings.items()
                if uid in uids or (name, uid) in want.standings
            }
            return Catalogue(
                {name: SchemaRow(name, one.comment, frozenset(one.grants)) for name, one in schemas.items()},
                {name: _role_row(name, one) for name, one in roles.items()},
                tuple(tables),
                seats,
                standings,
            )

    async def put_base(self, change: BaseChange, permit: Permit) -> None:
        def apply() -> None:
            refuse_foreign(f"a schema called {change.schema}", self._comment(change.schema), change.marker)
            settings = {**READER_SETTINGS, "search_path": change.schema}
            self._put_role(change.role, change.password, change.marker, settings, ())
            schema = self.schemas.setdefault(change.schema, FakeSchema(change.marker.text))
            schema.grants = {one for one in schema.grants if _strange(one)} | {f"{change.role}=USAGE"}
            for table in schema.tables.values():
                if _owner(table.comment) == change.marker.owner:
                    table.grants.add(f"{change.role}=SELECT")

        await self._change("put_base", permit, apply)

    async def drop_base(self, schema: str, role: str, marker: Marker, permit: Permit) -> None:
        def apply() -> None:
            refuse_foreign(f"a schema called {schema}", self._comment(schema), marker)
            self._refuse_foreign_role(role, marker)
            self.schemas.pop(schema, None)
            self._drop_role(role)

        await self._change("drop_base", permit, apply)

    async def load_table(self, load: TableLoad, permit: Permit) -> int:
        rows = [(number, *row) for number, row in enumerate(load.rows(), 1)]
        load.unchanged()

        def apply() -> int:
            schema = self._schema(load.schema, load.marker)
            there = schema.tables.get(load.table)
            refuse_foreign(f"a table called {load.table}", there.comment if there else None, load.marker)
            for name in [name for name, one in schema.tables.items() if is_ours(one.comment, load.marker)]:
                del schema.tables[name]
            columns = [(ROW, "integer"), *load.columns]
            grants = {f"{load.role}=SELECT"}
            schema.tables[load.table] = FakeTable(load.comment, columns, rows, grants, inserted=len(rows))
            return len(rows)

        return await self._change("load_table", permit, apply)

    async def note_table(self, note: TableNote, permit: Permit) -> None:
        def apply() -> None:
            table = self._schema(note.schema, note.marker).tables.get(note.table)
            if table is None:
                raise Refused("TEMO716", f"there is no table {note.table}", fix="make the plan again")
            refuse_foreign(f"a table called {note.table}", table.comment, note.marker)
            table.comment = note.comment
            table.grants = {one for one in table.grants if _strange(one)} | {f"{note.role}=SELECT"}

        await self._change("note_table", permit, apply)

    async def drop_table(self, schema: str, table: str, marker: Marker, permit: Permit) -> None:
        def apply() -> None:
            home = self.schemas.get(schema)
            if home is None:
                return
            self._schema(schema, marker)
            there = home.tables.get(table)
            refuse_foreign(f"a table called {table}", there.comment if there else None, marker)
            for name in [name for name, one in home.tables.items() if is_ours(one.comment, marker)]:
                del home.tables[name]

        await self._change("drop_table", permit, apply)

    async def put_sessions(self, change: SessionsChange, permit: Permit) -> None:
        def apply() -> None:
            refuse_foreign(f"a schema called {change.schema}", self._comment(change.schema), change.marker)
            self._refuse_foreign_role(change.schema, change.marker)
            group = self.roles.setdefault(change.schema, FakeRole(change.marker.text))
            group.can_login = False
            schema = self.schemas.setdefault(change.schema, FakeSchema(change.comment))
            schema.comment = change.comment
            schema.grants = {one for one in schema.grants if _strange(one)} | {f"{change.schema}=USAGE"}
            schema.tables.setdefault("seats", FakeTable(""))
            for name, rights in SEATS_MAY.items():
                table = schema.tables.setdefault(name, FakeTable(""))
                table.guarded = True
                kept = {one for one in table.grants if _strange(one)}
                table.grants = kept | {f"{change.schema}={right}" for right in rights}

        await self._change("put_sessions", permit, apply)

    async def drop_sessions(self, schema: str, marker: Marker, permit: Permit) -> None:
        def apply() -> None:
            refuse_foreign(f"a schema called {schema}", self._comment(schema), marker)
            self._refuse_foreign_role(schema, marker)
            self.schemas.pop(schema, None)
            self._drop_role(schema)

        await self._change("drop_sessions", permit, apply)

    async def put_seat(self, change: SeatChange, permit: Permit) -> None:
        def apply() -> None:
            if change.sessions not in self.schemas:
                raise Refused("TEMO716", f"there is no schema {change.sessions}", fix="apply platform first")
            self._put_role(change.role, change.password, change.marker, SEAT_SETTINGS, (change.sessions,))
            self.schemas[change.sessions].seats[change.role] = change.tenant_uid

        await self._change("put_seat", permit, apply)

    async def drop_seat(self, sessions: str, role: str, tenant_uid: str, marker: Marker, permit: Permit) -> None:
        def apply() -> None:
            self._refuse_foreign_role(role, marker)
            home = self.schemas.get(sessions)
            if home is not None:
                home.seats.pop(role, None)
                for name in SESSION_TABLES:
                    table = home.tables[name]
                    table.rows = [row for row in table.rows if row[0] != tenant_uid]
            self._drop_role(role)

        await self._change("drop_seat", permit, apply)

    async def put_standing(self, change: StandingChange, permit: Permit) -> None:
        def apply() -> None:
            home = self.schemas.get(change.sessions)
            if home is None or STANDINGS not in home.tables:
                raise Refused("TEMO716", f"there are no standings in {change.sessions}", fix="apply platform first")
            home.standings[change.tenant_uid] = change.row

        await self._change("put_standing", permit, apply)

    async def drop_standing(self, sessions: str, tenant_uid: str, permit: Permit) -> None:
        def apply() -> None:
            if sessions in self.schemas:
                self.schemas[sessions].standings.pop(tenant_uid, None)

        await self._change("drop_standing", permit, apply)

    async def try_reader(self, login: Login, schema: str, neighbours: Sequence[str]) -> ReaderReport:
        async with self._slots.take():
            failed = self._login_failure(login)
            if failed:
                return ReaderReport(failed=failed)
            home = self.schemas.get(schema, FakeSchema(""))
            ours = {name: table for name, table in home.tables.items() if table.comment.startswith("temo:")}
            may_enter = f"{login.role}=USAGE" in home.grants
            readable = {
                name: len(one.rows) for name, one in ours.items() if may_enter and f"{login.role}=SELECT" in one.grants
            }
            entered = [one for one in neighbours if self._may(login.role, self.schemas.get(one), "USAGE")]
            writes = self._may(login.role, home, "CREATE") or any(
                f"{login.role}=DELETE" in one.grants for one in ours.values()
            )
            unreadable = tuple(sorted(ours.keys() - readable.keys()))
            return ReaderReport("", unreadable, readable, tuple(entered), writes)

    async def try_seat(self, login: Login, sessions: str, tenant_uid: str) -> SeatReport:
        async with self._slots.take():
            failed = self._login_failure(login)
            if failed:
                return SeatReport(failed=failed)
            home = self.schemas.get(sessions)
            if home is None or not {login.role, sessions} & {one.split("=")[0] for one in home.grants}:
                return SeatReport(unreadable=f"permission denied for schema {sessions}")
            table = home.tables["wa_sessions"]
            uid = home.seats.get(login.role)
            seen = [row for row in table.rows if not table.guarded or row[0] == uid]
            strangers = sum(row[0] != tenant_uid for row in seen)
            return SeatReport("", "", len(seen), strangers, forges=not table.guarded)

    # --- what changes have in common

    async def _change(self, name: str, permit: Permit, apply: Callable[[], T]) -> T:
        async with self._slots.take(write=True):
            permit.check()
            done: T = await self._effect(name, apply)
            return done

    def _comment(self, schema: str) -> str | None:
        return self.schemas[schema].comment if schema in self.schemas else None

    def _schema(self, name: str, marker: Marker) -> FakeSchema:
        schema = self.schemas.get(name)
        if schema is None:
            raise Refused("TEMO716", f"there is no schema {name}", fix="make the plan again")
        if _owner(schema.comment) != marker.owner:
            raise foreign(f"a schema called {name}")
        return schema

    def _refuse_foreign_role(self, role: str, marker: Marker) -> None:
        there = self.roles.get(role)
        refuse_foreign(f"a database role called {role}", there.comment if there else None, marker)

    def _put_role(
        self, name: str, password: Secret, marker: Marker, settings: Mapping[str, str], groups: Sequence[str]
    ) -> None:
        self._refuse_foreign_role(name, marker)
        role = self.roles.setdefault(name, FakeRole(marker.text))
        role.password, role.can_login = password, True
        role.powers.clear()
        role.member_of = set(groups)
        role.settings |= settings

    def _drop_role(self, name: str) -> None:
        self.roles.pop(name, None)
        for schema in self.schemas.values():
            for grants in (schema.grants, *(table.grants for table in schema.tables.values())):
                grants -= {one for one in grants if one.startswith(f"{name}=")}
        for role in self.roles.values():
            role.member_of.discard(name)

    def _login_failure(self, login: Login) -> str:
        role = self.roles.get(login.role)
        if role is None or role.password != login.password:
            return f'password authentication failed for user "{login.role}"'
        return "" if role.can_login else f'role "{login.role}" is not permitted to log in'

    def _may(self, role: str, schema: FakeSchema | None, right: str) -> bool:
        return schema is not None and bool({f"{role}={right}", f"PUBLIC={right}"} & schema.grants)


def _owner(comment: str) -> Owner | None:
    marker = Marker.search(comment)
    return marker.owner if marker is not None else None


def _wanted(name: str, comment: str, names: frozenset[str], want: Look) -> bool:
    return name in names or _owner(comment) in want.owners


def _strange(grant: str) -> bool:
    """A grant to somebody who is neither everybody nor a role of temoctl: theirs to give and to take."""
    return not grant.startswith(("PUBLIC=", "temo_"))


def _role_row(name: str, role: FakeRole) -> RoleRow:
    settings = tuple(f"{key}={value}" for key, value in role.settings.items())
    return RoleRow(
        name, role.comment, role.can_login, tuple(sorted(role.powers)), tuple(sorted(role.member_of)), settings
    )


def _table_row(schema: str, name: str, table: FakeTable) -> TableRow:
    return TableRow(
        schema,
        name,
        table.comment,
        tuple(table.columns),
        frozenset(table.grants),
        table.inserted,
        table.updated,
        table.deleted,
        hollow=not table.rows,
        guarded=table.guarded,
    )

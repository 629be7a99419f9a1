"""What the rooms ask of a database and what it answers, as values. Must not import psycopg.

Two things implement `Sql`: `client.PostgresSql` (a real server) and `fake_sql.FakeSql` (in memory, for the crash
table). Every changing method is ONE transaction: it happens as a whole or not at all. All of them are harmless to
repeat, and refuse to touch what carries no marker of ours (Conflict TEMO711).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from temoctl.engine.ports import Permit
from temoctl.model.errors import Conflict
from temoctl.model.identity import Marker, Owner
from temoctl.model.secret import Secret

ROW = "_row"
"""A table's own first column: the row's number in the file. Slugs never start with an underscore."""

READER_SETTINGS: Mapping[str, str] = {
    "default_transaction_read_only": "on",
    "statement_timeout": "15s",
    "idle_in_transaction_session_timeout": "60s",
}
SEAT_SETTINGS: Mapping[str, str] = {
    "statement_timeout": "15s",
    "idle_in_transaction_session_timeout": "60s",
}
SESSION_TABLES = ("wa_sessions", "wa_buffer_messages", "sessions_statuses")
SEAT_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")
STANDINGS = "standings"
SEATS_MAY: Mapping[str, Sequence[str]] = {**dict.fromkeys(SESSION_TABLES, SEAT_RIGHTS), STANDINGS: ("SELECT",)}
"""What tenants' logins may do in each table of the sessions; their rows are theirs alone in all of them."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a database is, as others (n8n) need it. `suffix` is what a pooler wants after every user name."""

    host: str
    port: int
    database: str
    ssl: str
    suffix: str = ""

    def outputs(self, host: str = "", port: int = 0) -> dict[str, Any]:
        place = {"host": host or self.host, "port": port or self.port}
        return {**place, "database": self.database, "ssl": self.ssl}


@dataclass(frozen=True, slots=True)
class RoleRow:
    """`powers` are attributes no tenant's role should have (SUPERUSER …); `member_of` the roles it belongs to."""

    name: str
    comment: str
    can_login: bool
    powers: tuple[str, ...] = ()
    member_of: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()  # "statement_timeout=15s"


@dataclass(frozen=True, slots=True)
class SchemaRow:
    """`grants` are "grantee=RIGHT", without the owner's own; PUBLIC is a grantee like others."""

    name: str
    comment: str
    grants: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TableRow:
    """`inserted`, `updated` and `deleted` are the server's counters: rows touched since the table was made."""

    schema: str
    name: str
    comment: str
    columns: tuple[tuple[str, str], ...] = ()
    grants: frozenset[str] = frozenset()
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    hollow: bool = False  # no page is in use
    plain: bool = True  # a table, not a view or a partition
    guarded: bool = False  # row-level security is on and has a policy


@dataclass(frozen=True, slots=True)
class StandingRow:
    """Whether a tenant is served. Times are texts of whole seconds in UTC, "" for none; `source` is who wrote it."""

    state: str
    why: str = ""
    until: str = ""
    since: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """What to read, in one go: things by name, and everything marked as belonging to one of `owners`.

    `seats` names sessions schemas whose seats are wanted; `standings` are (sessions schema, tenant uid). Owners'
    standings are read in whatever sessions there are.
    """

    schemas: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    owners: frozenset[Owner] = frozenset()
    seats: frozenset[str] = frozenset()
    standings: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What there is. `seats` maps a sessions schema to {role: tenant uid}, `standings` (schema, tenant uid) to rows."""

    schemas: Mapping[str, SchemaRow] = field(default_factory=dict)
    roles: Mapping[str, RoleRow] = field(default_factory=dict)
    tables: tuple[TableRow, ...] = ()
    seats: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    standings: Mapping[tuple[str, str], StandingRow] = field(default_factory=dict)

    def named(self) -> list[tuple[str, str]]:
        """(name, comment) of every role and schema; a schema comes after the role of its name."""
        roles = [(role.name, role.comment) for role in self.roles.values()]
        return sorted(roles) + sorted((schema.name, schema.comment) for schema in self.schemas.values())


@dataclass(frozen=True, slots=True)
class BaseChange:
    """Make (or put right) a tenant's schema and its reading role. `marker` carries the intent of a creation."""

    schema: str
    role: str
    password: Secret
    marker: Marker


@dataclass(frozen=True, slots=True)
class TableLoad:
    """Put a table in place. `rows` are read in batches, outside of the event loop; `unchanged` is asked at the end.

    `columns` are (name, SQL type), without `_row`; `comment` is the whole comment, marker first.
    """

    schema: str
    role: str
    table: str
    marker: Marker
    comment: str
    version: str
    columns: tuple[tuple[str, str], ...]
    rows: Callable[[], Iterator[Sequence[Any]]]
    unchanged: Callable[[], None]


@dataclass(frozen=True, slots=True)
class TableNote:
    """Change what is said of a table and who may read it; its rows stay."""

    schema: str
    role: str
    table: str
    marker: Marker
    comment: str


@dataclass(frozen=True, slots=True)
class SessionsChange:
    """Run the sessions template. The group role has the schema's name; seats are its members."""

    schema: str
    marker: Marker
    comment: str
    script: str


@dataclass(frozen=True, slots=True)
class SeatChange:
    """Make (or put right) one tenant's login to the shared sessions."""

    sessions: str
    role: str
    password: Secret
    tenant_uid: str
    marker: Marker


@dataclass(frozen=True, slots=True)
class StandingChange:
    """Write whether one tenant is served."""

    sessions: str
    tenant_uid: str
    row: StandingRow


@dataclass(frozen=True, slots=True)
class Login:
    """A tenant's own login, for probes."""

    role: str
    password: Secret


@dataclass(frozen=True, slots=True)
class ReaderReport:
    """What a reading role can do: `failed` is why it couldn't log in; `rows` counts by table.

    `entered` are neighbours' schemas it was NOT refused at; `writes` is True when it could have changed something.
    """

    failed: str = ""
    unreadable: tuple[str, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    entered: tuple[str, ...] = ()
    writes: bool = False


@dataclass(frozen=True, slots=True)
class SeatReport:
    """What a seat can do. `strangers` counts rows of other tenants it saw; `forges` is True when it could write one."""

    failed: str = ""
    unreadable: str = ""
    rows: int = 0
    strangers: int = 0
    forges: bool = False


class Sql(Protocol):
    """One database."""

    @property
    def endpoint(self) -> Endpoint: ...

    async def identity(self) -> str: ...

    async def look(self, want: Look) -> Catalogue: ...

    async def put_base(self, change: BaseChange, permit: Permit) -> None: ...

    async def drop_base(self, schema: str, role: str, marker: Marker, permit: Permit) -> None: ...

    async def load_table(self, load: TableLoad, permit: Permit) -> int:
        """Returns the number of rows."""
        ...

    async def note_table(self, note: TableNote, permit: Permit) -> None: ...

    async def drop_table(self, schema: str, table: str, marker: Marker, permit: Permit) -> None:
        """Drops the table of that name and any of the schema that carries the marker under another name."""
        ...

    async def put_sessions(self, change: SessionsChange, permit: Permit) -> None: ...

    async def drop_sessions(self, schema: str, marker: Marker, permit: Permit) -> None: ...

    async def put_seat(self, change: SeatChange, permit: Permit) -> None: ...

    async def drop_seat(self, sessions: str, role: str, tenant_uid: str, marker: Marker, permit: Permit) -> None: ...

    async def put_standing(self, change: StandingChange, permit: Permit) -> None: ...

    async def drop_standing(self, sessions: str, tenant_uid: str, permit: Permit) -> None: ...

    async def try_reader(self, login: Login, schema: str, neighbours: Sequence[str]) -> ReaderReport: ...

    async def try_seat(self, login: Login, sessions: str, tenant_uid: str) -> SeatReport: ...

    async def close(self) -> None: ...


Effect = Callable[[str, Callable[[], Any]], Awaitable[Any]]
"""How `FakeSql` has an effect: `await effect("put_base", apply)`. Tests die around it, lose it, or let it wait."""


def is_ours(comment: str, marker: Marker) -> bool:
    """Whether a comment marks this very object of this very owner, whoever of our runs made it."""
    found = Marker.search(comment)
    return found is not None and comment.startswith(found.text) and found.same_object(marker)


def refuse_foreign(what: str, comment: str | None, marker: Marker) -> None:
    """Raise Conflict unless the thing is absent (None) or ours."""
    if comment is not None and not is_ours(comment, marker):
        raise foreign(what)


def foreign(what: str) -> Conflict:
    return Conflict(
        "TEMO711",
        f"{what} exists already and isn't ours",
        detail="It carries no marker of this tenant, so temoctl neither changes nor deletes it.",
        fix="find out who made it; rename or remove it by hand, then run the same command again",
    )

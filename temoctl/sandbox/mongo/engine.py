"""The server without its sockets: one command in, one answer out. Time is injected.

A command says which of its fields it knows: any other is refused, as is every command that isn't in the table. Once
a minute of the injected time, before the next command, what has expired is deleted, as MongoDB's monitor does.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bson import Int64

from temoctl.engine.ports import Clock
from temoctl.sandbox.mongo import rights
from temoctl.sandbox.mongo.holdings import Holdings
from temoctl.sandbox.mongo.replies import CommandFailed
from temoctl.sandbox.mongo.users import ITERATIONS, Login, Role, User, Users, roles_of

SWEEP = 60.0
"""Seconds between two looks at what has expired."""
_ANYWHERE = frozenset({"$db", "lsid", "$clusterTime", "$readPreference", "comment", "maxTimeMS"})
_CONCERNS = frozenset({"readConcern", "writeConcern"})
_TRANSACTION = ("txnNumber", "autocommit", "startTransaction")
_WRONG_SHAPE = (TypeError, ValueError, LookupError, AttributeError, OverflowError, RecursionError)
_ALL: tuple[Role, ...] = (("root", "admin"),)


@dataclass(slots=True)
class Session:
    """One connection: who it is, and a login under way."""

    number: int
    user: User | None = None
    login: Login | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One command as its handler gets it."""

    engine: Engine
    session: Session
    database: str
    name: str
    command: Mapping[str, Any]

    @property
    def collection(self) -> str:
        given = self.command[self.name]
        if not isinstance(given, str):
            raise CommandFailed("BadValue", f"collection name has invalid type {type(given).__name__}")
        return given

    @property
    def namespace(self) -> str:
        return f"{self.database}.{self.collection}"

    @property
    def roles(self) -> tuple[Role, ...]:
        """Those of whoever asks; without access control everybody may do everything."""
        if not self.engine.access_control:
            return _ALL
        user = self.session.user
        fresh = self.engine.users.rows.get((user.database, user.name)) if user is not None else None
        return tuple(fresh.roles) if fresh is not None else ()

    def require(self, action: str, database: str | None = None) -> None:
        where = self.database if database is None else database
        rights.require(self.roles, action, where, self.name)


Handler = Callable[[Request], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Command:
    """`open` commands need no login; `fields` are those known beside the general ones, None for any at all."""

    handler: Handler
    fields: frozenset[str] | None
    open: bool = False
    write: bool = False


@dataclass(slots=True)
class Cursor:
    """What is left of an answer. Only its own user may go on."""

    namespace: str
    rows: list[Mapping[str, Any]]
    owner: tuple[str, str] | None


class Engine:
    """One server. `access_control` off is a server without users: whoever comes may do everything."""

    def __init__(self, clock: Clock, *, access_control: bool = True, rounds: int = ITERATIONS) -> None:
        self.clock, self.access_control = clock, access_control
        self.holdings, self.users = Holdings(), Users(rounds)
        self.cursors: dict[int, Cursor] = {}
        self._numbers, self._cursor_numbers = itertools.count(1), itertools.count(1)
        self._swept = clock.now()

    def add_user(self, name: str, password: str, roles: list[Any], database: str = "admin") -> None:
        """A first user, as whoever sets up a server makes one."""
        self.users.add(User(database, name, self.users.verifier(password), roles_of(roles, database)))

    def session(self) -> Session:
        return Session(next(self._numbers))

    def now(self) -> datetime.datetime:
        """The injected time as BSON keeps it: UTC in milliseconds."""
        at = datetime.datetime.fromtimestamp(self.clock.now(), datetime.UTC).replace(tzinfo=None)
        return at.replace(microsecond=at.microsecond // 1000 * 1000)

    def run(self, session: Session, command: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one command; a refusal is an answer too."""
        self.sweep()
        try:
            return {**self._run(session, command), "ok": 1.0}
        except CommandFailed as refusal:
            return refusal.reply()
        except _WRONG_SHAPE as error:
            # a field of a type that no client sends; whatever it was, the server goes on and doesn't say yes
            words = f"a field of '{next(iter(command), '')}' is of a wrong type ({type(error).__name__})"
            return CommandFailed("TypeMismatch", words).reply()

    def sweep(self) -> None:
        now = self.clock.now()
        if now - self._swept >= SWEEP:
            self._swept = now
            self.holdings.expire(self.now())

    def _run(self, session: Session, command: Mapping[str, Any]) -> dict[str, Any]:
        name = next(iter(command), "")
        known = commands().get(name)
        if known is None:
            raise CommandFailed("CommandNotFound", f"no such command: '{name}'")
        database = command.get("$db")
        if not isinstance(database, str):
            raise CommandFailed("Location40415", "OP_MSG requests require a $db argument")
        if self.access_control and not known.open and session.user is None:
            raise CommandFailed("Unauthorized", f"Command {name} requires authentication")
        self._check_fields(name, known, command)
        return known.handler(Request(self, session, database, name, command))

    def _check_fields(self, name: str, known: Command, command: Mapping[str, Any]) -> None:
        if any(given in command for given in _TRANSACTION):
            words = "Transaction numbers are only allowed on a replica set member or mongos"
            raise CommandFailed("IllegalOperation", words)
        fields = known.fields
        for given in command if fields is not None else ():
            if given not in (fields or ()) and given not in _ANYWHERE | _CONCERNS | {name}:
                raise CommandFailed("Location40415", f"BSON field '{name}.{given}' is an unknown field.")
        concern = command.get("writeConcern") or {}
        if concern.get("w", 1) not in (0, 1, "majority"):
            raise CommandFailed("BadValue", "cannot use 'w' > 1 when a host is not replicated")
        level = (command.get("readConcern") or {}).get("level", "local")
        if level not in ("local", "available", "majority"):
            raise CommandFailed("NotImplemented", f"read concern {level} needs a replica set")

    def keep(self, request: Request, namespace: str, rows: list[Mapping[str, Any]]) -> Int64:
        """A cursor over what is left; 0 when nothing is."""
        if not rows:
            return Int64(0)
        number = next(self._cursor_numbers)
        user = request.session.user
        self.cursors[number] = Cursor(namespace, rows, (user.database, user.name) if user else None)
        return Int64(number)

    def dump(self) -> dict[str, Any]:
        """Everything held, in values that can be pickled."""
        return {"holdings": self.holdings.dump(), "users": dict(self.users.rows)}

    def restore(self, kept: Mapping[str, Any]) -> None:
        self.holdings.restore(kept["holdings"])
        self.users.rows.update(kept["users"])


def commands() -> Mapping[str, Command]:
    """The whole table: what isn't here is refused."""
    from temoctl.sandbox.mongo import accounts, crud, ddl, talk

    global _TABLE  # noqa: PLW0603 - made once, on first use: the parts import this module
    if not _TABLE:
        _TABLE = {**talk.COMMANDS, **ddl.COMMANDS, **crud.COMMANDS, **accounts.COMMANDS}
    return _TABLE


_TABLE: Mapping[str, Command] = {}

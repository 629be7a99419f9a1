"""One database and its connections: short transactions, and what a failure proves. Must not know what is stored.

    before COMMIT was sent: connection lost, lock not free, timeout     Retryable      (rolled back: nothing happened)
    while COMMIT was under way: connection lost                         UnknownOutcome (it may have happened)
    right missing                                                       Refused TEMO714
    something else depends on it                                        Refused TEMO715
    anything else the server says                                       Refused TEMO716
    a read that got no answer                                           Unavailable

No prepared statements, no session state: it works through a transaction-mode pooler. Connections are kept for the
next transaction and replaced when the server dropped them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from temoctl.engine.ports import Permit, Slots
from temoctl.model.errors import Refused, Retryable, TemoError, Unavailable, UnknownOutcome, UserError
from temoctl.model.secret import Secret
from temoctl.systems.supabase.sql import Endpoint

if TYPE_CHECKING:
    from psycopg.abc import Query

T = TypeVar("T")
Connection = AsyncConnection[Any]
Work = Callable[[Connection], Awaitable[T]]

LOOPBACK = ("localhost", "127.0.0.1", "::1", "")
IDLE = 8
LOCK_WAIT = "5s"
SILENCE = "15s"
"""How long a client may say nothing within a transaction: one that was frozen must not keep its locks from others."""
_BUSY = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.TooManyConnections,
    psycopg.errors.CannotConnectNow,
    psycopg.errors.IdleInTransactionSessionTimeout,
)
_KEEPALIVE: Mapping[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}


def endpoint(dsn: Secret) -> Endpoint:
    """Read a DSN. Raises UserError (TEMO719) when it isn't one."""
    parts = _parts(dsn)
    host = str(parts.get("host") or "localhost").split(",")[0]
    mode = str(parts.get("sslmode") or "prefer")
    local = host in LOOPBACK or host.startswith("/")
    ssl = "disable" if mode == "disable" or (local and mode in ("prefer", "allow")) else "require"
    user = str(parts.get("user") or "")
    suffix = user[user.index(".") :] if "." in user and host.endswith(".pooler.supabase.com") else ""
    port = int(str(parts.get("port") or "5432").split(",")[0])
    return Endpoint(host, port, str(parts.get("dbname") or user or "postgres"), ssl, suffix)


def _parts(dsn: Secret) -> dict[str, Any]:
    try:
        parts = conninfo_to_dict(dsn.reveal())
        int(str(parts.get("port") or "5432").split(",")[0])
    except (psycopg.ProgrammingError, ValueError):
        raise UserError(
            "TEMO719",
            "a database address can't be read",
            detail="Its text isn't shown, because it holds a password.",
            fix="write it as postgresql://user:password@host:5432/database",
        ) from None
    return parts


class Database:
    """Connections and transactions of one database. `title` is business words ("the knowledge database")."""

    def __init__(self, dsn: Secret, *, title: str, slots: Slots, timeout: float) -> None:
        self._dsn, self._title, self._slots, self._timeout = dsn, title, slots, timeout
        self._idle: list[Connection] = []
        self.endpoint = endpoint(dsn)

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop().close()

    async def read(self, work: Work[T]) -> T:
        """A transaction that changes nothing. Raises Unavailable, or Refused where a right is missing."""
        async with self._slots.take():
            try:
                connection = await self._begin(sql.SQL("BEGIN READ ONLY"))
                try:
                    await self._limit(connection, self._timeout)
                    result = await work(connection)
                    await connection.execute("COMMIT")
                except BaseException:
                    await _abandon(connection)
                    raise
            except psycopg.Error as error:
                raise self._judge_read(error) from None
            await self._keep(connection)
            return result

    async def change(self, permit: Permit, work: Work[T], *, timeout: float | None = None) -> T:
        """A transaction that changes something, as a whole or not at all."""
        async with self._slots.take(write=True):
            permit.check()
            try:
                connection = await self._begin(sql.SQL("BEGIN"))
            except psycopg.Error as error:
                raise self._judge(error) from None
            try:
                await self._limit(connection, timeout or self._timeout)
                result = await work(connection)
                permit.check()
            except psycopg.Error as error:
                await _abandon(connection)
                raise self._judge(error) from None
            except BaseException:
                await _abandon(connection)
                raise
            await self._commit(connection)
            return result

    async def _commit(self, connection: Connection) -> None:
        try:
            await connection.execute("COMMIT")
        except psycopg.Error as error:
            lost = connection.broken or connection.closed
            await _abandon(connection)
            if lost:
                raise UnknownOutcome("TEMO712", f"{self._title} gave no answer to a change") from None
            raise self._judge(error) from None
        except BaseException:
            await _abandon(connection)
            raise
        await self._keep(connection)

    async def connect(self, *, user: str = "", password: Secret | None = None) -> Connection:
        """A connection of its own, as somebody else when asked. The caller closes it."""
        login = {"user": f"{user}{self.endpoint.suffix}", "password": password.reveal()} if user and password else {}
        info = make_conninfo(
            self._dsn.reveal(),
            connect_timeout=max(2, int(self._timeout)),
            application_name="temoctl",
            **_KEEPALIVE,
            **login,
        )
        return await AsyncConnection.connect(info, autocommit=True, prepare_threshold=None)

    async def _begin(self, begin: Query) -> Connection:
        """A connection inside a transaction. A kept one that the server dropped is replaced: nothing was sent yet."""
        while self._idle:
            connection = self._idle.pop()
            try:
                await connection.execute(begin)
            except psycopg.Error:
                await connection.close()
                continue
            return connection
        connection = await self.connect()
        try:
            await connection.execute(begin)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _limit(self, connection: Connection, timeout: float) -> None:
        statement = sql.SQL(
            "SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = {}; "
            "SET LOCAL idle_in_transaction_session_timeout = {}"
        )
        limits = (sql.Literal(int(timeout * 1000)), sql.Literal(LOCK_WAIT), sql.Literal(SILENCE))
        await connection.execute(statement.format(*limits))

    async def _keep(self, connection: Connection) -> None:
        if len(self._idle) < IDLE and not connection.closed:
            self._idle.append(connection)
        else:
            await connection.close()

    def _judge_read(self, error: psycopg.Error) -> TemoError:
        judged = self._judge(error)
        if isinstance(judged, Retryable):
            return Unavailable("TEMO710", judged.summary, detail=judged.detail, fix=judged.fix)
        return judged

    def _judge(self, error: psycopg.Error) -> TemoError:
        """What a failure before COMMIT means: nothing happened, and whether repeating helps."""
        said = _said(error)
        denied = (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidAuthorizationSpecification)
        if isinstance(error, denied) or "password authentication failed" in said:
            fix = "check the login named in platform.yaml and what it may do (see the README of the supabase system)"
            return Refused("TEMO714", f"{self._title} refuses: {said}", fix=fix)
        if isinstance(error, _BUSY):
            return Retryable("TEMO713", f"{self._title} is busy: {said}", fix="run the same command again")
        if isinstance(error, psycopg.errors.DependentObjectsStillExist):
            fix = "remove what is listed, if it may go, and run the same command again"
            return Refused("TEMO715", "something else still depends on it", detail=_detail(error) or said, fix=fix)
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            return Retryable("TEMO713", f"{self._title} can't be reached: {said}", fix="check it, then try again")
        return Refused("TEMO716", f"{self._title} refuses: {said}", detail=_detail(error), fix="see the detail")


def _said(error: psycopg.Error) -> str:
    """The server's first line. Never the statement, which may hold a secret."""
    text = error.diag.message_primary or str(error) or type(error).__name__
    return text.strip().splitlines()[0][:200]


def _detail(error: psycopg.Error) -> str:
    return (error.diag.message_detail or "").strip()[:1000]


async def _abandon(connection: Connection) -> None:
    """End a transaction whose work failed by closing its connection: the server rolls back."""
    await connection.close()

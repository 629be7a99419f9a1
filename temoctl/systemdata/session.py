"""Transactions on the database on behalf of one principal, repeated where repeating helps.

Every transaction takes the service's role and names the principal for itself, so that nothing depends on the state of
a session: it works through a transaction-mode pooler. Everything done here must be harmless to repeat, because the
answer to a COMMIT can be lost. Must not know what is read or written.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg import AsyncConnection, errors, sql
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from temoctl.engine.ports import Clock
from temoctl.model.errors import Bug, Refused, Unavailable
from temoctl.model.secret import Secret
from temoctl.systemdata import refusals
from temoctl.systemdata.migrations import unreachable
from temoctl.systemdata.ports import Principal

Result = TypeVar("Result")
Connected = AsyncConnection[DictRow]
Work = Callable[[Connected], Awaitable[Result]]

PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds between attempts while the database is away: with `PATIENCE` each, a restart takes less than their sum."""
PATIENCE = 3.0
"""Seconds to wait for a connection of the pool: all may be in use, or dead."""


class Session:
    """The pool, the principal, and how a transaction begins."""

    def __init__(
        self, pool: AsyncConnectionPool[Connected], principal: Principal, clock: Clock, *, read_only: bool
    ) -> None:
        self.principal = principal
        self._pool = pool
        self._clock = clock
        self._read_only = read_only
        self._begin = _begin(principal, "temoctl_reader" if read_only else "temoctl_service", read_only=read_only)
        self._begin_operational = _begin(principal, "temoctl_reader" if read_only else "temoctl_service")

    @classmethod
    async def open(
        cls, dsn: Secret | str, principal: Principal, clock: Clock, *, read_only: bool, size: int
    ) -> Session:
        pool: AsyncConnectionPool[Connected] = AsyncConnectionPool(
            dsn.reveal() if isinstance(dsn, Secret) else dsn,
            min_size=1,
            max_size=size,
            timeout=PATIENCE,
            max_idle=60.0,
            reconnect_timeout=0.0,
            open=False,
            name="systemdata",
            kwargs={"autocommit": True, "prepare_threshold": None, "row_factory": dict_row, "connect_timeout": 10},
        )
        try:
            await pool.open(wait=True, timeout=15.0)
        except PoolTimeout as problem:
            await pool.close()
            raise unreachable(problem) from None
        return cls(pool, principal, clock, read_only=read_only)

    async def close(self) -> None:
        await self._pool.close()

    async def rows(self, query: LiteralString, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[DictRow]:
        """One statement in its own transaction."""

        async def work(connection: Connected) -> list[DictRow]:
            return await fetch(connection, query, values)

        return await self.transact(work)

    async def transact(self, work: Work[Result], *, operational: bool = False) -> Result:
        """Run `work` in one transaction. `operational` writes are allowed to a store that only reads."""
        for pause in (*PAUSES, None):
            try:
                return await self._once(work, operational=operational)
            except (errors.SerializationFailure, errors.DeadlockDetected) as problem:
                if pause is None:
                    raise busy() from problem
                await self._clock.sleep(pause)
            except errors.LockNotAvailable as problem:
                raise busy() from problem
            except errors.ReadOnlySqlTransaction:
                raise refusals.read_only() from None
            except errors.InsufficientPrivilege as problem:
                if self._read_only:
                    raise refusals.read_only() from None
                raise _not_yours(problem) from None
            except (
                psycopg.OperationalError,
                psycopg.InterfaceError,
                errors.IdleInTransactionSessionTimeout,
            ) as problem:
                if pause is None:
                    raise unreachable(problem) from None
                await self._clock.sleep(pause)
                await self._refresh()
            except psycopg.Error as problem:
                raise Bug(
                    "TEMO902", "SystemData refused a statement", detail=f"SQLSTATE {problem.sqlstate or 'unknown'}"
                ) from problem
        raise AssertionError("the last attempt returns or raises")

    async def _once(self, work: Work[Result], *, operational: bool) -> Result:
        async with self._pool.connection() as connection:
            await connection.execute(self._begin_operational if operational else self._begin)
            try:
                answer = await work(connection)
            except BaseException:
                # Also on cancellation: the connection goes back to the pool without our half transaction.
                if not connection.closed and not connection.broken:
                    await connection.execute("ROLLBACK")
                raise
            await connection.execute("COMMIT")
            return answer

    async def _refresh(self) -> None:
        """Throw out the connections that died with the server."""
        try:
            await self._pool.check()
        except psycopg.OperationalError:
            return  # still away: the next attempt finds out


async def fetch(
    connection: Connected, query: LiteralString, values: Sequence[Any] | Mapping[str, Any] = ()
) -> list[DictRow]:
    """All rows of a query; none for a statement that gives none."""
    cursor = await connection.execute(query, values)
    return await cursor.fetchall() if cursor.description else []


def busy() -> Unavailable:
    return Unavailable(
        "TEMO635",
        "SystemData's database is too busy: another transaction holds what is needed",
        fix="Try again in a moment.",
    )


def _not_yours(problem: errors.InsufficientPrivilege) -> Refused:
    return Refused(
        "TEMO604",
        "the database doesn't allow this to you",
        detail=problem.diag.message_primary or "",
        fix="Managers change their own tenants only; ask an administrator for the rest.",
    )


def _begin(principal: Principal, role: str, *, read_only: bool = False) -> sql.Composed:
    """The start of a transaction, sent as one message. All of it ends with the transaction."""
    settings = {
        "role": role,
        "temoctl.principal": principal.name,
        "temoctl.role": principal.role.value,
        "lock_timeout": "15s",
        "statement_timeout": "60s",
        # Less than others wait for a lock: a process that was frozen in here must not keep it from them.
        "idle_in_transaction_session_timeout": "10s",
        "search_path": "pg_catalog",
    }
    chosen = sql.SQL(", ").join(
        sql.SQL("set_config({}, {}, true)").format(sql.Literal(name), sql.Literal(value))
        for name, value in settings.items()
    )
    mode = sql.SQL("BEGIN READ ONLY" if read_only else "BEGIN")
    return sql.SQL("; SELECT ").join([mode, chosen])

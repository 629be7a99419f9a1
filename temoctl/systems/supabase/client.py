"""A real PostgreSQL database behind the `Sql` protocol: one method, one transaction. No logic of its own."""

from __future__ import annotations

from collections.abc import Sequence

from temoctl.engine.ports import Permit, Slots
from temoctl.model.identity import Marker
from temoctl.model.secret import Secret
from temoctl.systems.supabase import bases, catalogue, loading, logins
from temoctl.systems.supabase.connection import Database
from temoctl.systems.supabase.sql import (
    BaseChange,
    Catalogue,
    Endpoint,
    Login,
    Look,
    ReaderReport,
    SeatChange,
    SeatReport,
    SessionsChange,
    StandingChange,
    TableLoad,
    TableNote,
)

LOAD_TIMEOUT = 600.0
"""Seconds one statement of a table's load may take, where other statements get the configured timeout."""


class PostgresSql:
    """Implements `sql.Sql` over psycopg."""

    def __init__(self, dsn: Secret, *, title: str, slots: Slots, timeout: float = 20.0) -> None:
        self._slots = slots
        self._database = Database(dsn, title=title, slots=slots, timeout=timeout)

    @property
    def endpoint(self) -> Endpoint:
        return self._database.endpoint

    async def identity(self) -> str:
        return await self._database.read(catalogue.identity)

    async def look(self, want: Look) -> Catalogue:
        return await self._database.read(lambda connection: catalogue.look(connection, want))

    async def put_base(self, change: BaseChange, permit: Permit) -> None:
        await self._database.change(permit, lambda connection: bases.put_base(connection, change))

    async def drop_base(self, schema: str, role: str, marker: Marker, permit: Permit) -> None:
        await self._database.change(permit, lambda connection: bases.drop_base(connection, schema, role, marker))

    async def load_table(self, load: TableLoad, permit: Permit) -> int:
        return await self._database.change(
            permit, lambda connection: loading.load_table(connection, load), timeout=LOAD_TIMEOUT
        )

    async def note_table(self, note: TableNote, permit: Permit) -> None:
        await self._database.change(permit, lambda connection: loading.note_table(connection, note))

    async def drop_table(self, schema: str, table: str, marker: Marker, permit: Permit) -> None:
        await self._database.change(permit, lambda connection: loading.drop_table(connection, schema, table, marker))

    async def put_sessions(self, change: SessionsChange, permit: Permit) -> None:
        await self._database.change(permit, lambda connection: bases.put_sessions(connection, change))

    async def drop_sessions(self, schema: str, marker: Marker, permit: Permit) -> None:
        await self._database.change(permit, lambda connection: bases.drop_sessions(connection, schema, marker))

    async def put_seat(self, change: SeatChange, permit: Permit) -> None:
        await self._database.change(permit, lambda connection: bases.put_seat(connection, change))

    async def drop_seat(self, sessions: str, role: str, tenant_uid: str, marker: Marker, permit: Permit) -> None:
        await self._database.change(
            permit, lambda connection: bases.drop_seat(connection, sessions, role, tenant_uid, marker)
        )

    async def put_standing(self, change: StandingChange, permit: Permit) -> None:
        await self._database.change(permit, lambda connection: bases.put_standing(connection, change))

    async def drop_standing(self, sessions: str, tenant_uid: str, permit: Permit) -> None:
        await self._database.change(permit, lambda connection: bases.drop_standing(connection, sessions, tenant_uid))

    async def try_reader(self, login: Login, schema: str, neighbours: Sequence[str]) -> ReaderReport:
        async with self._slots.take():
            return await logins.try_reader(self._database, login, schema, neighbours)

    async def try_seat(self, login: Login, sessions: str, tenant_uid: str) -> SeatReport:
        async with self._slots.take():
            return await logins.try_seat(self._database, login, sessions, tenant_uid)

    async def close(self) -> None:
        await self._database.close()

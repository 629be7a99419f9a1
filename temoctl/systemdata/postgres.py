"""The store on PostgreSQL: the rooms put together, and how one is opened. Must not hold a statement of its own
beyond those of opening."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import errors

from temoctl.engine.ports import Clock, Ids
from temoctl.model.secret import Secret
from temoctl.systemdata import integrity, keyring_rows, migrations, refusals, sealing
from temoctl.systemdata.pg_audit import Audits
from temoctl.systemdata.pg_inbox import PostgresInbox
from temoctl.systemdata.pg_integrity import Integrity
from temoctl.systemdata.pg_journal import PostgresJournal
from temoctl.systemdata.pg_leases import Leases
from temoctl.systemdata.pg_runs import Runs
from temoctl.systemdata.pg_tenants import Tenants
from temoctl.systemdata.ports import Finding, Principal
from temoctl.systemdata.sealing import MasterKey
from temoctl.systemdata.session import Connected, Session, fetch
from temoctl.systemdata.vault import PostgresVault


class PostgresStore(Tenants, Leases, Runs, Audits, Integrity):
    """One principal's store. Open it with `open`, close it with `close`."""

    def __init__(
        self, session: Session, master: MasterKey, ids: Ids, *, tag: str, plan_key: bytes, hash_key: bytes
    ) -> None:
        self._session = session
        self._tag = tag
        self._plan_key = plan_key
        self._hash_key = hash_key
        self._master = master
        self.journal = PostgresJournal(session)
        self.vault = PostgresVault(session, master)
        self.inbox = PostgresInbox(session, ids)

    @classmethod
    async def open(
        cls,
        dsn: Secret | str,
        principal: Principal,
        *,
        clock: Clock,
        ids: Ids,
        master_key: MasterKey,
        read_only: bool = False,
        connections: int = 10,
    ) -> PostgresStore:
        """Connect, check that database, program and master key belong together."""
        session = await Session.open(dsn, principal, clock, read_only=read_only, size=connections)

        async def work(connection: Connected) -> tuple[str, bytes, bytes]:
            await _check_version(connection)
            hash_key = await keyring_rows.admit(connection, session, master_key, read_only=read_only)
            row = (await fetch(connection, "SELECT tag, plan_key FROM temoctl.installation"))[0]
            return str(row["tag"]), bytes(row["plan_key"]), hash_key

        try:
            tag, plan_key, hash_key = await session.transact(work)
        except BaseException:
            await session.close()
            raise
        return cls(session, master_key, ids, tag=tag, plan_key=plan_key, hash_key=hash_key)

    def keyed_hash(self, purpose: str, text: str) -> str:
        return sealing.keyed_hash(self._hash_key, purpose, text)

    async def installation(self) -> str:
        return self._tag

    async def plan_key(self) -> bytes:
        return self._plan_key

    async def check(self) -> Sequence[Finding]:
        return integrity.examine(await self.census(await self.vault.unreadable()))

    async def rotate_master_key(self, new: MasterKey) -> int:
        """Seal everything with another master key (admin only); see `keyring_rows.rotate`."""
        if not self._operator:
            raise refusals.operators_only("change the master key")
        return await keyring_rows.rotate(self._session, self._master, new)

    async def close(self) -> None:
        await self._session.close()


async def _check_version(connection: Connected) -> None:
    try:
        found = await fetch(connection, "SELECT version, name, checksum FROM temoctl.migrations ORDER BY version")
    except (errors.UndefinedTable, errors.InvalidSchemaName, errors.InvalidParameterValue):
        raise refusals.not_set_up() from None
    applied = [(row["version"], row["name"], row["checksum"]) for row in found]
    if migrations.pending(migrations.known(), applied):
        raise refusals.not_set_up()

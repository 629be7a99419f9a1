"""Brings a database to the schema of this program: numbered SQL files, applied in order, each once.

Safe when several processes start at once (one transaction under an advisory lock of that transaction), through a
transaction-mode pooler, and against a database that a newer program has changed. Must not know what is in the files.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import errors

from temoctl import assets
from temoctl.engine.ids import RandomIds
from temoctl.model.errors import Bug, Refused, Unavailable
from temoctl.model.identity import INSTALLATION_LENGTH
from temoctl.model.secret import Secret
from temoctl.systemdata.sealing import fresh_key

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import TupleRow

    from temoctl.engine.ports import Ids

LOCK = 7_362_541_108_336_211
ATTEMPTS = 8

PREPARE = """
CREATE SCHEMA IF NOT EXISTS temoctl;
CREATE TABLE IF NOT EXISTS temoctl.migrations (
  version integer PRIMARY KEY,
  tenant_uid text CHECK (tenant_uid IS NULL),
  manager text NOT NULL DEFAULT '' CHECK (manager = ''),
  name text NOT NULL,
  checksum text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);
"""


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def known(folder: Path | None = None) -> tuple[Migration, ...]:
    """The migrations that ship with this program, in order."""
    found = []
    for path in sorted((folder or assets.templates() / "supabase" / "migrations").glob("*.sql")):
        named = re.fullmatch(r"(\d{4})_([a-z0-9_]+)\.sql", path.name)
        if named is None:
            raise Bug("TEMO901", f"{path.name} is not named like a migration (0001_words.sql)")
        found.append(Migration(int(named[1]), named[2], path.read_text(encoding="utf-8").replace("\r\n", "\n")))
    if [one.version for one in found] != list(range(1, len(found) + 1)):
        raise Bug("TEMO901", "migrations are not numbered 1, 2, 3 …")
    return tuple(found)


async def migrate(dsn: Secret | str, *, ids: Ids | None = None, folder: Path | None = None) -> int:
    """Apply what is missing; returns how many were applied."""
    wanted = known(folder)
    text = dsn.reveal() if isinstance(dsn, Secret) else dsn
    try:
        connection = await psycopg.AsyncConnection.connect(
            text, autocommit=True, prepare_threshold=None, connect_timeout=15
        )
    except psycopg.OperationalError as problem:
        raise unreachable(problem) from None
    async with connection:
        if pending(wanted, await _applied(connection)) == ():
            return 0
        for attempt in range(ATTEMPTS):
            try:
                return await _apply(connection, wanted, ids or RandomIds())
            except (errors.InternalError_, errors.UniqueViolation, errors.DeadlockDetected):
                # Roles belong to the whole server: another database of it was being migrated at the same moment.
                if attempt == ATTEMPTS - 1:
                    raise
                await asyncio.sleep(0.05 * (attempt + 1))
            except errors.InsufficientPrivilege as problem:
                raise Refused(
                    "TEMO634",
                    "the database login may not set up SystemData",
                    detail=str(problem.diag.message_primary),
                    fix="Use the database's owner with the right to create roles, or let an administrator create the "
                    "roles temoctl_service and temoctl_reader and grant them to that login.",
                ) from None
    raise AssertionError("the last attempt returns or raises")


def unreachable(problem: psycopg.Error) -> Unavailable:
    """A database that doesn't answer. The driver's text names host and user, never the password."""
    return Unavailable(
        "TEMO633",
        "SystemData's database can't be reached",
        detail=str(problem).strip(),
        fix="Check `systemdata:` in platform.yaml and that the database runs; `temoctl doctor` looks at both.",
    )


def pending(wanted: Sequence[Migration], applied: Sequence[tuple[int, str, str]]) -> tuple[Migration, ...]:
    """What is still to be applied. Refuses a database that is newer, or whose history is another one."""
    if len(applied) > len(wanted):
        raise Refused(
            "TEMO630",
            f"the database is newer than this temoctl (it is at step {applied[-1][0]}, this program knows "
            f"{len(wanted)})",
            fix="Install the newest temoctl; an older one could damage what the newer one wrote.",
        )
    for (version, name, checksum), known_one in zip(applied, wanted, strict=False):
        if (version, checksum) != (known_one.version, known_one.checksum):
            raise Refused(
                "TEMO631",
                f"the database was set up by another version of step {version} ({name})",
                fix="Use the temoctl that made this database, or ask the maintainers how to bring it over.",
            )
    return tuple(wanted[len(applied) :])


async def _applied(connection: AsyncConnection[TupleRow]) -> list[tuple[int, str, str]]:
    try:
        found = await connection.execute("SELECT version, name, checksum FROM temoctl.migrations ORDER BY version")
        return [(int(row[0]), str(row[1]), str(row[2])) for row in await found.fetchall()]
    except (errors.UndefinedTable, errors.InvalidSchemaName):
        return []


async def _apply(connection: AsyncConnection[TupleRow], wanted: Sequence[Migration], ids: Ids) -> int:
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        await connection.execute(PREPARE)
        missing = pending(wanted, await _applied(connection))
        new = bool(missing) and missing[0].version == 1
        for one in missing:
            await connection.execute(one.text.encode())
            await connection.execute(
                "INSERT INTO temoctl.migrations (version, name, checksum) VALUES (%s, %s, %s)",
                [one.version, one.name, one.checksum],
            )
        if new:
            await connection.execute(
                "INSERT INTO temoctl.installation (tag, plan_key) VALUES (%s, %s)",
                [ids.token(INSTALLATION_LENGTH), fresh_key()],
            )
    return len(missing)

"""SystemData: the one database that knows who owns what. PostgreSQL, embedded or by DSN; in memory for simulations.

Knows the model and the engine's ports; must not know any vendor, the spec, or how things are shown.
Everything here imports late, so that commands which need no database don't pay for its driver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from temoctl.engine.ports import Clock, Ids
    from temoctl.model.secret import Secret
    from temoctl.systemdata.master_key import MasterKey
    from temoctl.systemdata.ports import Principal
    from temoctl.systemdata.postgres import PostgresStore


async def migrate(dsn: Secret | str) -> int:
    """Bring a database to this program's version; returns how many steps were applied. Safe to run at any time."""
    from temoctl.systemdata.migrations import migrate as apply

    return await apply(dsn)


async def open_store(
    dsn: Secret | str,
    principal: Principal,
    *,
    clock: Clock,
    ids: Ids,
    master_key: MasterKey,
    read_only: bool = False,
    learn: Callable[[Secret], None] | None = None,
) -> PostgresStore:
    """Open the store as that principal. The database must have been migrated. Close it with `await store.close()`.

    `learn` hears of every secret that passes, so that none is ever shown by accident.
    """
    from temoctl.systemdata.postgres import PostgresStore

    store = await PostgresStore.open(dsn, principal, clock=clock, ids=ids, master_key=master_key, read_only=read_only)
    if learn is not None:
        store.vault.learn = learn
    return store

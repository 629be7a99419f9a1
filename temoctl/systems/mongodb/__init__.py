"""MongoDB: the history of each tenant's conversations, one database a tenant, forgotten after the time it was given.

Importing this package must stay cheap: pymongo is loaded when a system is connected and used.
"""

from __future__ import annotations

from typing import Any

from temoctl.engine.protocol import Context, Limits, Plugin, System
from temoctl.systems.mongodb.kinds import KINDS, SYSTEM
from temoctl.systems.mongodb.settings import MongodbSettings

__all__ = ["plugin"]


async def _connect(settings: Any, context: Context) -> System:
    from temoctl.systems.mongodb.resources import connect

    return connect(settings, context)


plugin = Plugin(
    name=SYSTEM,
    kinds=KINDS,
    settings=MongodbSettings,
    connect=_connect,
    limits=Limits(concurrency=16),
    describe="MongoDB: the history of conversations, each tenant's in a database of its own",
    remains=(("MongoDB's backups", "backups and the operations log keep deleted messages until they expire"),),
)

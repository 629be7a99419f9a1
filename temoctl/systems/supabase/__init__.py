"""Supabase/PostgreSQL: each tenant's knowledge base and seat in the shared conversations, and its source files.

Importing this package must stay cheap: psycopg and the Storage client are loaded when a system is connected and used.
"""

from __future__ import annotations

from typing import Any

from temoctl.engine.protocol import Context, Limits, Plugin, System
from temoctl.systems.supabase.kinds import KINDS, SYSTEM
from temoctl.systems.supabase.settings import SupabaseSettings

__all__ = ["plugin"]


async def _connect(settings: Any, context: Context) -> System:
    from temoctl.systems.supabase.resources import connect

    return connect(settings, context)


plugin = Plugin(
    name=SYSTEM,
    kinds=KINDS,
    settings=SupabaseSettings,
    connect=_connect,
    limits=Limits(concurrency=8),
    describe="PostgreSQL databases for knowledge bases and conversations, and Supabase Storage for source files",
    remains=(
        ("database backups", "backups and point-in-time recovery keep deleted rows until they expire"),
        (
            "right to connect",
            "the databases stay closed to PUBLIC, and existing logins keep their own right to connect",
        ),
    ),
)

"""SystemData opened: by DSN, or the embedded default on this machine. Must not know what is kept in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

from temoctl.app.credentials import Credentials
from temoctl.app.home import home
from temoctl.app.redaction import known_secrets
from temoctl.engine.ports import Clock, Ids
from temoctl.model.diagnostic import Diagnostic
from temoctl.model.errors import Problems
from temoctl.model.secret import Secret
from temoctl.spec import Project
from temoctl.spec.platform_spec import PlatformSpec
from temoctl.systemdata.loopback import is_loopback
from temoctl.systemdata.ports import Principal, Store

_DATABASE = "systemdata"
SANDBOX = "sandbox"
"""The profile whose platform file `temoctl sandbox start` writes."""


async def open_systemdata(
    project: Project,
    platform: PlatformSpec,
    principal: Principal,
    credentials: Credentials,
    *,
    clock: Clock,
    ids: Ids,
    stack: AsyncExitStack,
    read_only: bool = False,
) -> Store:
    """The store of this platform file, migrated and ready, closed with the stack."""
    from temoctl.systemdata import master_key, migrate, open_store

    dsn = await _dsn(platform, credentials)
    await migrate(dsn)
    # The sandbox's secrets end with its folder: their key lies there, and is never the one of real tenants.
    sandbox = project.profile == SANDBOX
    key = master_key.load(platform.folder, environ={}) if sandbox else master_key.load(home())
    store = await open_store(
        dsn, principal, clock=clock, ids=ids, master_key=key, read_only=read_only, learn=known_secrets.learn
    )
    stack.push_async_callback(store.close)
    return store


async def _dsn(platform: PlatformSpec, credentials: Credentials) -> Secret:
    source = platform.systemdata.dsn
    if source is not None:
        dsn = await credentials.resolve(source, platform.where("systemdata.dsn"), "systemdata: dsn")
        if dsn is None:
            raise Problems(platform.document.source.with_snippets(credentials.problems))
        return dsn
    _refuse_far_endpoints(platform)
    from temoctl.systemdata.embedded import EmbeddedPostgres

    server = await EmbeddedPostgres(home() / "systemdata").start()
    await server.ensure_database(_DATABASE)
    return server.dsn(_DATABASE)


def _refuse_far_endpoints(platform: PlatformSpec) -> None:
    """DECISIONS 7: a second computer with its own empty SystemData would create everything a second time."""
    if platform.systemdata.alone:
        return
    problems = [
        Diagnostic(
            "TEMO109",
            "SystemData on this computer alone can't go with a system elsewhere",
            where=platform.where(path),
            span="not on this computer",
            detail="Somebody else who applies from another computer would start from an empty state.",
            fix="give `systemdata.dsn`, a PostgreSQL that everybody reaches; or write `systemdata: {alone: true}` "
            "when nobody else will ever apply",
        )
        for path, url in _urls(platform.systems, "systems")
        if not is_loopback(url)
    ]
    if problems:
        raise Problems(platform.document.source.with_snippets(problems))


def _urls(node: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _urls(value, f"{path}.{key}")
    elif isinstance(node, str) and re.match(r"[a-z]+://", node):
        yield path, node

"""What is left is looked for in the systems themselves: also what nobody has on record."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg import AsyncConnection, sql

from temoctl.model.identity import Marker, Owner, object_name
from temoctl.sandbox import vendors, world
from temoctl.sandbox.folder import Folder
from temoctl.sandbox.remains import remains

pytestmark = pytest.mark.anyio

OWNER = Owner("0123456789", "abcdefghjkmnpqrs")


async def test_untracked_objects_of_every_system_are_seen(running: tuple[Path, world.World]) -> None:
    root, up = running
    before = await remains(root)
    assert not before.active and not before.marked
    role, marker = object_name(OWNER, "k"), Marker(OWNER, "schema", "knowledge")
    folder = Folder.of(root)
    dsn = (folder.secrets / "knowledge-dsn").read_text()
    async with vendors.n8n(up) as n8n, await AsyncConnection.connect(dsn, autocommit=True) as connection:
        lost = {"name": f"Lost [{Marker(OWNER, 'credential', 'telegram').text}]", "type": "telegramApi"}
        made = await n8n.call(
            "POST", "/credentials", json={**lost, "data": {"accessToken": "1:x", "baseUrl": up.urls["telegram"]}}
        )
        await connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        try:
            said = sql.SQL("COMMENT ON ROLE {} IS {}").format(sql.Identifier(role), sql.Literal(marker.text))
            await connection.execute(said)
            found = await remains(root)
        finally:
            await connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
            await n8n.call("DELETE", f"/credentials/{made['id']}")
    assert {(one.system, one.what) for one in found.marked} == {("n8n", "credential"), ("supabase", "role")}
    assert [words for words in found.active if role in words] and all(
        "a closed tenant" in one.words for one in found.marked
    )
    assert not (await remains(root)).marked

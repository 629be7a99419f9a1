"""What is there of ours in a sandbox's MongoDB: everything that carries a marker. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from temoctl.model.identity import Marker
from temoctl.sandbox.folder import Folder

Found = tuple[Marker, str, str]
"""marker, what it is, its name"""


async def marked(folder: Folder) -> list[Found]:
    """Entries in the registries of all databases, and users."""
    from pymongo import AsyncMongoClient

    async with AsyncMongoClient[dict[str, Any]]((folder.secrets / "mongodb-uri").read_text().strip()) as client:
        users = (await client.admin.command({"usersInfo": 1}))["users"]
        notes = [("user", str(one["user"]), str((one.get("customData") or {}).get("temoctl", ""))) for one in users]
        for name in await client.list_database_names():
            if name != "admin":
                entries = await client[name]["temoctl"].find().to_list()
                notes += [(str(one["_id"]).partition(".")[0], name, str(one.get("marker", ""))) for one in entries]
    return list(_ours(notes))


def _ours(notes: list[tuple[str, str, str]]) -> Iterator[Found]:
    for what, name, note in notes:
        marker = Marker.search(note)
        if marker is not None:
            yield marker, what, name

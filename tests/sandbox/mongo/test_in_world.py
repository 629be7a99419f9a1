"""The MongoDB of a sandbox: found by what is written down, kept over a stop, counted, made to misbehave."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from pymongo.errors import AutoReconnect, OperationFailure

from temoctl.model.errors import UserError
from temoctl.sandbox import faults, world
from temoctl.sandbox.folder import Folder, read_json
from temoctl.sandbox.processes import Known
from temoctl.sandbox.remains import remains
from temoctl.systems.fake_http import Fault
from tests.sandbox.mongo.conftest import Client

# pymongo forgets the socket of a connection that it was about to open when it was told to end
pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")]


@asynccontextmanager
async def connected(root: Path) -> AsyncIterator[Client]:
    uri = (Folder.of(root).secrets / "mongodb-uri").read_text()
    async with Client(uri, serverSelectionTimeoutMS=5000) as client:
        yield client


async def refused(root: Path, system: str, fault: Fault) -> str:
    with pytest.raises(UserError) as caught:
        await faults.add(root, system, fault)
    return f"{caught.value} {caught.value.detail}"


async def test_it_is_part_of_the_world(project: Path) -> None:
    await world.start(project)
    part = next(one for one in (await world.status(project)).parts if one.name == "mongodb")
    assert part.alive
    assert part.url.startswith("mongodb://127.0.0.1:")
    folder = Folder.of(project)
    section: dict[str, Any] = yaml.safe_load(folder.platform.read_text())["systems"]["mongodb"]
    assert section["uri"] == {"file": "secrets/mongodb-uri"}
    marker = "temo:0123456789.abcdefghjkmnpqrs.database.history"
    async with connected(project) as client:
        await client.h.temoctl.insert_one({"_id": "database.history", "marker": marker})
        await client.h.messages.create_index("at", expireAfterSeconds=3600)
        await client.admin.command({"createUser": "u", "pwd": "p", "roles": [{"role": "readWrite", "db": "h"}]})
    assert marker in [one.marker for one in (await remains(project)).marked]
    counted = (await faults.counts(project))["mongodb"]
    assert counted["writes"] == 3

    await world.stop(project)
    await world.start(project)
    async with connected(project) as client:
        assert (await client.h.temoctl.find_one({}) or {})["marker"] == marker
        assert (await client.h.messages.index_information())["at_1"]["expireAfterSeconds"] == 3600
        uri = (Folder.of(project).secrets / "mongodb-uri").read_text()
        host = uri.rpartition("@")[2]
    async with Client(f"mongodb://u:p@{host}") as tenant:  # users are kept too
        assert await tenant.h.temoctl.count_documents({}) == 1

    await faults.add(project, "mongodb", Fault("lost", writes=True))
    async with connected(project) as client:
        with pytest.raises(AutoReconnect):
            await client.h.command({"insert": "c", "documents": [{"_id": 1}]})
        assert await client.h.c.count_documents({}) == 1
        await faults.add(project, "mongodb", Fault("denied", match="find /h"))
        with pytest.raises(OperationFailure, match="not authorized"):
            await client.h.c.find_one()
        assert await client.h.c.find_one() == {"_id": 1}
    for kind in ("429", "stale"):
        assert "can't misbehave like that" in await refused(project, "mongodb", Fault(kind))


async def test_after_a_crash_it_is_the_same_server_with_nothing_in_it(project: Path) -> None:
    await world.start(project)
    before = await identity(project)
    async with connected(project) as client:
        await client.h.c.insert_one({})
    process = Known.read(read_json(Folder.of(project).serving))
    assert process is not None
    psutil.Process(process.pid).kill()
    await world.start(project)
    async with connected(project) as client:
        assert await client.list_database_names() == ["admin"]
    assert await identity(project) == before


async def identity(root: Path) -> Any:
    async with connected(root) as client:
        (version,) = await (await client.admin.list_collections(filter={"name": "system.version"})).to_list()
        return version["info"]["uuid"]

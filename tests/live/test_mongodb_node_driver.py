"""The MongoDB driver inside n8n talks to the sandbox's server, as n8n's MongoDB node uses it.

Both of its copies: the one the node itself loads and the one n8n's chat memory does. The script does what the node's
operations do, with the options that the node gives.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from temoctl.engine.clock import SystemClock
from temoctl.sandbox.mongo.listener import MongoListener, stand_in
from temoctl.sandbox.real_n8n_install import Installed, install

pytestmark = [pytest.mark.live, pytest.mark.anyio]

COPIES = ("n8n-nodes-base/node_modules/mongodb", "mongodb")
SCRIPT = Path(__file__).with_name("mongodb_node_driver.cjs")
PASSWORD = "canary-tenant-0123456789"


@pytest.fixture(scope="session")
async def n8n_files(anyio_backend: str) -> Installed:
    return await install(say=print)


@pytest.fixture
async def mongodb() -> AsyncIterator[tuple[MongoListener, int]]:
    listener = stand_in(SystemClock(), "canary-admin-0123456789")
    listener.engine.add_user("tenant", PASSWORD, [{"role": "readWrite", "db": "t1"}])
    listening = socket.create_server(("127.0.0.1", 0))
    await listener.start(listening)
    yield listener, int(listening.getsockname()[1])
    await listener.stop()


async def told(n8n: Installed, copy: str, uri: str) -> dict[str, Any]:
    """What the script saw, step by step."""
    module = n8n.n8n.parents[2] / copy
    process = await asyncio.create_subprocess_exec(
        *(str(n8n.node), str(SCRIPT), str(module), uri), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    said, complaint = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, complaint.decode()
    seen: dict[str, Any] = json.loads(said)
    return seen


@pytest.mark.parametrize("copy", COPIES)
async def test_the_driver_does_what_the_node_does(
    n8n_files: Installed, mongodb: tuple[MongoListener, int], copy: str
) -> None:
    listener, port = mongodb
    seen = await told(n8n_files, copy, f"mongodb://tenant:{PASSWORD}@127.0.0.1:{port}")
    assert re.fullmatch(r"6\.\d+\.\d+", seen["version"])
    assert seen["databases"] == ["t1"]
    assert seen["inserted"] == 3
    assert seen["bulk"] == {"matched": 1, "upserted": 1}
    assert seen["found"] == [
        {"text": "c", "at": "2026-11-22T12:00:02.000Z"},
        {"text": "b", "at": "2026-11-22T12:00:01.000Z"},
    ]
    assert seen["aggregated"] == [{"_id": "telegram:1", "messages": 3}]
    assert seen["replaced"] == {"session": "telegram:9", "text": "z"}
    assert seen["deleted"] == 2
    assert seen["refused"] == {"twice": 11000, "neighbour": 13, "unknown": 59, "rules": 13}
    assert not [line for line in listener.requests if line[1] not in ("/t1", "/t2", "/admin")]


@pytest.mark.parametrize("copy", COPIES)
async def test_a_wrong_password_is_told(n8n_files: Installed, mongodb: tuple[MongoListener, int], copy: str) -> None:
    _, port = mongodb
    seen = await told(n8n_files, copy, f"mongodb://tenant:wrong@127.0.0.1:{port}/?serverSelectionTimeoutMS=2000")
    assert seen["failed"] == 18

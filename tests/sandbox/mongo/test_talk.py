"""Handshake, login, sessions, and what isn't a command."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import bson
import pytest
from pymongo.errors import OperationFailure

from tests.sandbox.mongo.conftest import Client, Trial
from tests.sandbox.mongo.listing import states

pytestmark = pytest.mark.anyio


async def refused(work: Any) -> int:
    """The code a server refuses something with."""
    with pytest.raises(OperationFailure) as caught:
        await work
    return int(caught.value.code or 0)


@states(
    "`hello` says: writable, 16 MiB a document, 48,000,000 bytes a message, 100,000 writes, wire version 21 or more"
)
async def test_hello(mongo: Trial) -> None:
    said = await mongo.admin.admin.command({"hello": 1})
    assert said["isWritablePrimary"] is True
    assert (said["maxBsonObjectSize"], said["maxWriteBatchSize"]) == (16 * 1024 * 1024, 100_000)
    assert said["maxMessageSizeBytes"] == 48_000_000
    assert said["maxWireVersion"] >= 21


@states("`isMaster` and `ismaster` too, also as OP_QUERY, which drivers open with before they know the server")
async def test_old_handshake(mongo: Trial) -> None:
    assert (await mongo.admin.admin.command({"isMaster": 1}))["ismaster"] is True
    await mongo.admin.admin.command({"ping": 1})
    host, port = next(iter(mongo.admin.nodes))
    reader, writer = await asyncio.open_connection(host, port)
    document = bson.encode({"ismaster": 1, "helloOk": True})
    body = struct.pack("<i", 0) + b"admin.$cmd\0" + struct.pack("<ii", 0, -1) + document
    writer.write(struct.pack("<iiii", 16 + len(body), 7, 0, 2004) + body)
    length, _, to, opcode = struct.unpack("<iiii", await reader.readexactly(16))
    answer = bson.decode((await reader.readexactly(length - 16))[20:])
    writer.close()
    await writer.wait_closed()
    assert (to, opcode) == (7, 1)
    assert answer["ismaster"] is True
    assert answer["helloOk"] is True


@states("SCRAM-SHA-256 (`saslStart`, `saslContinue`, and within `hello`): the right password gets in")
async def test_login(mongo: Trial) -> None:
    name, client = await mongo.user()
    said = await client.admin.command({"connectionStatus": 1})
    assert said["authInfo"]["authenticatedUsers"] == [{"user": name, "db": "admin"}]
    named = mongo.as_user(name, "p-" + name, authMechanism="SCRAM-SHA-256")
    assert (await named.admin.command({"connectionStatus": 1}))["authInfo"]["authenticatedUsers"]


@states("a wrong password and an unknown user are refused alike (18)")
async def test_wrong_login(mongo: Trial) -> None:
    name, _ = await mongo.user()
    for user, password in ((name, "wrong"), ("nobody-" + name, "wrong")):
        client = mongo.as_user(user, password, authMechanism="SCRAM-SHA-256")
        assert await refused(client.admin.command({"connectionStatus": 1})) == 18


@states("passwords and names with letters of any alphabet, and with `=`, `,`, `@` and `:`")
async def test_any_password(mongo: Trial) -> None:
    name = mongo.name() + "=,ü"
    await mongo.admin.admin.command({"createUser": name, "pwd": "пароль:@/=,", "roles": []})
    client = mongo.as_user(name, "пароль:@/=,", authMechanism="SCRAM-SHA-256")
    assert (await client.admin.command({"connectionStatus": 1}))["authInfo"]["authenticatedUsers"]


@states("without a login only the handshake is answered; all else is refused (13)")
async def test_no_login(mongo: Trial) -> None:
    host, port = next(iter(mongo.admin.nodes)) if mongo.admin.nodes else (None, None)
    if host is None:
        await mongo.admin.admin.command({"ping": 1})
        host, port = next(iter(mongo.admin.nodes))
    reader, writer = await asyncio.open_connection(host, port)
    document = bson.encode({"find": "x", "$db": "x"})
    writer.write(struct.pack("<iiii", 21 + len(document), 1, 0, 2013) + struct.pack("<IB", 0, 0) + document)
    length, *_ = struct.unpack("<iiii", await reader.readexactly(16))
    answer = bson.decode((await reader.readexactly(length - 16))[5:])
    writer.close()
    await writer.wait_closed()
    assert (answer["ok"], answer["code"]) == (0, 13)


@states("`logout` ends a login; `ping` answers; `buildInfo` and `buildinfo` give a version of 7.0 or more")
async def test_small_commands(mongo: Trial) -> None:
    assert (await mongo.admin.admin.command({"ping": 1}))["ok"] == 1
    for name in ("buildInfo", "buildinfo"):
        assert (await mongo.admin.admin.command({name: 1}))["versionArray"][0] >= 7
    _, client = await mongo.user()
    assert (await client.admin.command({"logout": 1}))["ok"] == 1


@states("ids of sessions are accepted with every command; `endSessions` too. They hold no state")
async def test_sessions(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    async with mongo.admin.start_session() as session:
        await db.c.insert_one({"a": 1}, session=session)
        assert await db.c.count_documents({}, session=session) == 1
        ended = session.session_id
    assert (await mongo.admin.admin.command({"endSessions": [ended]}))["ok"] == 1


@states("a command that is none is refused (59), and so is a field that a command doesn't have (40415)")
async def test_unknown(mongo: Trial) -> None:
    assert await refused(mongo.admin.admin.command({"temoctlInvented": 1})) == 59
    assert await refused(mongo.admin[mongo.name()].command({"find": "c", "invented": 1})) == 40415


@states("writes that nobody wants an answer to (w: 0) are done all the same")
async def test_unacknowledged(mongo: Trial) -> None:
    client: Client = mongo.client(w=0)
    name = mongo.name()
    await client[name].c.insert_one({"_id": 1})
    for _ in range(100):  # another connection may be faster than the one nobody answers on
        if await mongo.admin[name].c.count_documents({}):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it was never written")

"""What a real server does and this one refuses, by name and never with `ok: 1`."""

from __future__ import annotations

import bson
import pytest
from pymongo.errors import OperationFailure

from tests.sandbox.mongo.conftest import Trial
from tests.sandbox.mongo.listing import states
from tests.sandbox.mongo.test_talk import refused

pytestmark = pytest.mark.anyio

BEYOND = 238
"""NotImplemented."""


@states("transactions and retryable writes, as every standalone server does (20); so clients don't try")
async def test_transactions(ours: Trial) -> None:
    db = ours.admin[ours.name()]
    command = {"insert": "c", "documents": [{}], "txnNumber": 1}
    assert await refused(db.command(command)) == 20


@states("logins other than SCRAM-SHA-256 (334)")
async def test_mechanisms(ours: Trial) -> None:
    name, _ = await ours.user()
    client = ours.as_user(name, "p-" + name, authMechanism="SCRAM-SHA-1")
    assert await refused(client.admin.command({"connectionStatus": 1})) == 334


@states(
    "commands of its own life: serverStatus, replSetGetStatus, getParameter, createRole, renameCollection, "
    "explain … (59)"
)
async def test_commands(ours: Trial) -> None:
    for name in (
        *("serverStatus", "replSetGetStatus", "getParameter", "setParameter", "createRole", "rolesInfo"),
        *("grantRolesToUser", "renameCollection", "explain", "dbStats", "collStats", "validate", "compact"),
        *("commitTransaction", "bulkWrite", "mapReduce", "createSearchIndexes", "currentOp", "shutdown"),
    ):
        assert await refused(ours.admin.admin.command({name: 1})) == 59


@states("capped, time series and clustered collections, views, collations (40415)")
async def test_collections(ours: Trial) -> None:
    db = ours.admin[ours.name()]
    for option in (
        {"capped": True, "size": 4096},
        {"viewOn": "x"},
        {"timeseries": {}},
        {"collation": {"locale": "de"}},
    ):
        assert await refused(db.command({"create": "c", **option})) == 40415


@states("text, hashed and geographical indexes, partial, sparse, hidden and wildcard ones")
async def test_indexes(ours: Trial) -> None:
    db = ours.admin[ours.name()]
    for way in ("text", "hashed", "2dsphere"):
        assert await refused(db.c.create_index([("a", way)])) == BEYOND
    for option in ({"sparse": True}, {"partialFilterExpression": {"a": 1}}, {"hidden": True}):
        assert await refused(db.c.create_index("a", **option)) == BEYOND


@states("validators that are no `$jsonSchema`, and those that only warn")
async def test_validators(ours: Trial) -> None:
    db = ours.admin[ours.name()]
    assert await refused(db.create_collection("c", validator={"a": {"$gt": 1}})) == BEYOND
    assert await refused(db.create_collection("c", validationAction="warn")) == BEYOND


@states("pipeline stages beyond those above (`$lookup`, `$out`, `$merge`, `$facet`, `$changeStream` …)")
async def test_stages(ours: Trial) -> None:
    db = ours.admin[ours.name()]
    for stage in ("$lookup", "$out", "$merge", "$facet", "$changeStream", "$indexStats", "$sample"):
        assert await refused(db.command({"aggregate": "c", "pipeline": [{stage: {}}], "cursor": {}})) == BEYOND


@states("`hint` and `collation` (238 or 40415), `$where`, `$text`, geographical operators (2)")
async def test_options(ours: Trial) -> None:
    db = ours.admin[ours.name()]
    await db.c.insert_one({})
    for options in ({"hint": "_id_"}, {"collation": {"locale": "de"}}):
        assert await refused(db.command({"find": "c", **options})) == 40415
        statement = {"q": {}, "u": {"$set": {"a": 1}}, **options}
        with pytest.raises(OperationFailure):
            said = await db.command({"update": "c", "updates": [statement]})
            assert said["writeErrors"][0]["code"] == BEYOND
            raise OperationFailure("as it should be")
    for operator in ("$where", "$text", "$near", "$geoWithin"):
        assert await refused(db.command({"find": "c", "filter": {operator: "x"}})) == 2


@states("comparing decimals with other numbers (2); decimals among themselves it can")
async def test_mixed_numbers(ours: Trial) -> None:
    db = ours.admin[ours.name()]
    await db.c.insert_one({"d": bson.Decimal128("2.5")})
    assert await refused(db.c.find_one({"d": {"$gt": 2}})) == 2


@states("documents in `admin`, `config` and `local` (20): it keeps none there")
async def test_system_databases(ours: Trial) -> None:
    for name in ("admin", "config", "local"):
        assert await refused(ours.admin[name].command({"insert": "c", "documents": [{}]})) in (13, 20)


@states("`usersInfo` with credentials or privileges; more than one node's write concern (2)")
async def test_rest(ours: Trial) -> None:
    assert await refused(ours.admin.admin.command({"usersInfo": 1, "showCredentials": True})) == BEYOND
    concern = {"insert": "c", "documents": [{}], "writeConcern": {"w": 3}}
    assert await refused(ours.admin[ours.name()].command(concern)) == 2

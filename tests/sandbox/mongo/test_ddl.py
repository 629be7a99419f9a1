"""Databases, collections and indexes."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError

from tests.sandbox.mongo.conftest import Trial
from tests.sandbox.mongo.listing import states
from tests.sandbox.mongo.test_talk import refused

pytestmark = pytest.mark.anyio

SCHEMA: dict[str, Any] = {"$jsonSchema": {"required": ["b", "a"], "properties": {"a": {"bsonType": "string"}}}}


async def listed(mongo: Trial, query: dict[str, Any]) -> list[str]:
    said = await mongo.admin.admin.command({"listDatabases": 1, "nameOnly": True, "filter": query})
    return [one["name"] for one in said["databases"]]


@states("a database is in `listDatabases` (with `filter` and `nameOnly`) once something is in it")
async def test_list_databases(mongo: Trial) -> None:
    name = mongo.name()
    assert await listed(mongo, {"name": name}) == []
    await mongo.admin[name].c.insert_one({})
    assert await listed(mongo, {"name": name}) == [name]
    assert await listed(mongo, {"name": {"$in": [name, "none"]}}) == [name]
    assert name in await mongo.admin.list_database_names()


@states("`dropDatabase` removes it with all that is in it; once more is no error")
async def test_drop_database(mongo: Trial) -> None:
    name = mongo.name()
    await mongo.admin[name].c.insert_one({})
    for _ in range(2):
        await mongo.admin.drop_database(name)
        assert await listed(mongo, {"name": name}) == []
    assert await mongo.admin[name].c.count_documents({}) == 0


@states("`dropDatabase` leaves users alone, those of that database too")
async def test_drop_database_leaves_users(mongo: Trial) -> None:
    name = mongo.name()
    await mongo.admin[name].command({"createUser": "u", "pwd": "p", "roles": ["readWrite"]})
    await mongo.admin[name].c.insert_one({})
    await mongo.admin.drop_database(name)
    assert len((await mongo.admin[name].command({"usersInfo": "u"}))["users"]) == 1
    await mongo.admin[name].command({"dropUser": "u"})


@states("`admin` can't be dropped (13 or 20)")
async def test_admin_stays(mongo: Trial) -> None:
    assert await refused(mongo.admin.admin.command({"dropDatabase": 1})) in (13, 20)


@states("bad names of databases and collections are refused (73)")
async def test_bad_names(mongo: Trial) -> None:
    assert await refused(mongo.admin[mongo.name()].command({"create": "a$b"})) == 73
    long = "x" * 64
    assert await refused(mongo.admin[long].command({"create": "c"})) == 73


@states("two databases whose names differ in case only are refused (13297)")
async def test_names_by_case(mongo: Trial) -> None:
    name = mongo.name()
    await mongo.admin[name].c.insert_one({})
    assert await refused(mongo.admin[name.upper()].command({"create": "c"})) == 13297


@states(
    "`create` with a validator; `listCollections` (with `filter`, `nameOnly`) gives it back in its order, and a uuid"
)
async def test_create(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.create_collection("c", validator=SCHEMA)
    (found,) = await (await db.list_collections(filter={"name": "c"})).to_list()
    assert found["options"]["validator"] == SCHEMA
    assert list(found["options"]["validator"]["$jsonSchema"]) == ["required", "properties"]
    assert found["options"].get("validationLevel", "strict") == "strict"
    assert found["options"].get("validationAction", "error") == "error"
    assert len(bytes(found["info"]["uuid"])) == 16
    assert await db.list_collection_names() == ["c"]


@states("`create` of one that is there with other options is refused (48)")
async def test_create_again(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.command({"create": "c"})
    assert await refused(db.command({"create": "c", "validator": SCHEMA})) == 48


@states("`drop` removes a collection; once more is no error")
async def test_drop(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.c.insert_one({})
    for _ in range(2):
        await db.command({"drop": "c"})
        assert await db.list_collection_names() == []


@states(
    "`collMod` exchanges the validator, for writes from then on; an empty one takes it away; level `off` lets all pass"
)
async def test_coll_mod_validator(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.c.insert_one({"_id": 1, "a": 5})
    await db.command({"collMod": "c", "validator": SCHEMA})
    assert await refused(db.c.insert_one({"_id": 2, "a": 5})) == 121
    assert await db.c.count_documents({}) == 1
    await db.command({"collMod": "c", "validationLevel": "off"})
    await db.c.insert_one({"_id": 2, "a": 5})
    await db.command({"collMod": "c", "validator": {}, "validationLevel": "strict"})
    await db.c.insert_one({"_id": 3, "a": 5})
    assert await refused(db.command({"collMod": "none", "validator": SCHEMA})) == 26


@states("level `moderate` lets documents that never fitted be changed")
async def test_moderate(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.c.insert_many([{"_id": 1, "a": 5}, {"_id": 2, "a": "x", "b": 1}])
    await db.command({"collMod": "c", "validator": SCHEMA, "validationLevel": "moderate"})
    await db.c.update_one({"_id": 1}, {"$set": {"z": 1}})
    assert await refused(db.c.update_one({"_id": 2}, {"$set": {"a": 5}})) == 121


@states("`createIndexes` makes the collection if need be; `listIndexes` shows name, keys in order and options")
async def test_create_indexes(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.c.create_index([("s", ASCENDING), ("at", DESCENDING)], name="recent")
    await db.c.create_index("k", unique=True)
    found = await db.c.index_information()
    assert found["recent"]["key"] == [("s", 1), ("at", -1)]
    assert found["k_1"]["unique"] is True
    assert set(found) == {"_id_", "recent", "k_1"}


@states("an index that is there already is no error and no change")
async def test_create_index_again(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    for _ in range(2):
        await db.c.create_index("k", name="k", unique=True)
    said = await db.command({"createIndexes": "c", "indexes": [{"key": {"k": 1}, "name": "k", "unique": True}]})
    assert said["numIndexesBefore"] == said["numIndexesAfter"] == 2


@states(
    "the same keys under another name (85), the same name for other keys (86), other options (85 or 86) are refused"
)
async def test_index_conflicts(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.c.create_index("k", name="k")
    assert await refused(db.c.create_index("k", name="other")) == 85
    assert await refused(db.c.create_index("j", name="k")) == 86
    assert await refused(db.c.create_index("k", name="k", unique=True)) in (85, 86)


@states("several indexes of one command are made together or not at all")
async def test_indexes_together(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.c.create_index("k", name="k")
    indexes = [{"key": {"a": 1}, "name": "a"}, {"key": {"b": 1}, "name": "k"}]
    assert await refused(db.command({"createIndexes": "c", "indexes": indexes})) == 86
    assert set(await db.c.index_information()) == {"_id_", "k"}


@states("a unique index refuses a second document (11000) and says which; it can't be built where two are there")
async def test_unique(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.c.create_index([("s", 1), ("t", 1)], unique=True)
    await db.c.insert_one({"s": "a", "t": 1})
    await db.c.insert_one({"s": "a", "t": 2})
    with pytest.raises(DuplicateKeyError) as caught:
        await db.c.insert_one({"s": "a", "t": 1})
    assert caught.value.details is not None
    assert caught.value.details["keyPattern"] == {"s": 1, "t": 1}
    with pytest.raises(DuplicateKeyError):
        await db.c.update_one({"t": 2}, {"$set": {"t": 1}})
    await db.d.insert_many([{"k": 1}, {"k": 1}])
    assert await refused(db.d.create_index("k", unique=True)) == 11000


@states("`dropIndexes` by name, by keys, or all; `_id` stays (72), one that isn't there is refused (27)")
async def test_drop_indexes(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    for key in ("a", "b", "c", "d"):
        await db.c.create_index(key)
    await db.command({"dropIndexes": "c", "index": "a_1"})
    await db.command({"dropIndexes": "c", "index": {"b": 1}})
    assert set(await db.c.index_information()) == {"_id_", "c_1", "d_1"}
    await db.command({"dropIndexes": "c", "index": ["c_1"]})
    assert await refused(db.command({"dropIndexes": "c", "index": "_id_"})) == 72
    assert await refused(db.command({"dropIndexes": "c", "index": "none"})) == 27
    await db.command({"dropIndexes": "c", "index": "*"})
    assert set(await db.c.index_information()) == {"_id_"}


@states("`listIndexes` of a collection that isn't there is refused (26)")
async def test_no_collection(mongo: Trial) -> None:
    assert await refused(mongo.admin[mongo.name()].command({"listIndexes": "none"})) == 26

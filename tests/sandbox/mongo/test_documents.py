"""Writing, reading, changing and deleting documents."""

from __future__ import annotations

import datetime
import re
import uuid
from typing import Any

import bson
import pytest
from bson.binary import UuidRepresentation
from pymongo import InsertOne, ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError, CursorNotFound

from tests.sandbox.mongo.conftest import Trial
from tests.sandbox.mongo.listing import states
from tests.sandbox.mongo.test_talk import refused

pytestmark = pytest.mark.anyio

AT = datetime.datetime(2026, 11, 22, 12, 30, 15, 123000)
SCHEMA: dict[str, Any] = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": ["name"],
        "additionalProperties": False,
        "properties": {
            "_id": {},
            "name": {"bsonType": "string", "minLength": 1, "maxLength": 5, "pattern": "^[a-z]+$"},
            "kind": {"enum": ["a", "b"]},
            "n": {"bsonType": ["int", "long"], "minimum": 1, "maximum": 9},
            "at": {"bsonType": "date"},
            "tags": {"bsonType": "array", "minItems": 1, "maxItems": 2, "items": {"type": "string"}},
            "in": {"bsonType": "object", "required": ["x"]},
        },
    }
}
BAD = (
    {},
    {"name": 1},
    {"name": ""},
    {"name": "toolong"},
    {"name": "A"},
    {"name": "a", "kind": "c"},
    {"name": "a", "n": 0},
    {"name": "a", "n": 10},
    {"name": "a", "n": 1.5},
    {"name": "a", "at": "2026-11-22"},
    {"name": "a", "tags": []},
    {"name": "a", "tags": ["x", "y", "z"]},
    {"name": "a", "tags": [1]},
    {"name": "a", "in": {}},
    {"name": "a", "other": 1},
)


@states(
    "`insert` and `find` give back every type as it was: dates to the millisecond, 64-bit and decimal numbers, "
    "binary, nested"
)
async def test_types(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    document = {
        "_id": bson.ObjectId(),
        "date": AT,
        "long": bson.Int64(5),
        "big": 2**40,
        "int": 5,
        "double": 1.5,
        "decimal": bson.Decimal128("1.10"),
        "binary": b"\0\xff",
        "uuid": bson.Binary.from_uuid(uuid.uuid4(), UuidRepresentation.STANDARD),
        "regex": bson.Regex("^a", "i"),
        "null": None,
        "bool": True,
        "text": "Привіт 👋",
        "nested": {"list": [1, {"x": [None, "y"]}], "empty": {}},
    }
    await db.c.insert_one(dict(document))
    (found,) = await db.c.find().to_list()
    assert found == document
    assert list(found) == list(document)
    assert type(found["long"]) is bson.Int64


@states("a document without `_id` gets one, and it stands first")
async def test_id(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.command({"insert": "c", "documents": [{"a": 1}, {"a": 2, "_id": "mine"}]})
    found = await db.c.find().sort({"a": 1}).to_list()
    assert isinstance(found[0]["_id"], bson.ObjectId)
    assert [next(iter(one)) for one in found] == ["_id", "_id"]


@states(
    "of several writes an ordered list ends at the first that fails, an unordered one goes on; each failure has "
    "its index"
)
async def test_ordered(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    for ordered, done in ((True, ["a"]), (False, ["a", "c"])):
        name = "o" if ordered else "u"
        with pytest.raises(BulkWriteError) as caught:
            await db[name].insert_many([{"_id": "a"}, {"_id": "a"}, {"_id": "c"}], ordered=ordered)
        assert [one["index"] for one in caught.value.details["writeErrors"]] == [1]
        assert sorted(await db[name].distinct("_id")) == done


@states("bulk writes, as n8n's node sends them (`update` with several statements)")
async def test_bulk(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    done = await db.c.bulk_write(
        [
            InsertOne({"_id": 1}),
            UpdateOne({"_id": 1}, {"$set": {"x": 1}}),
            UpdateOne({"_id": 2}, {"$set": {"x": 2}}, True),
        ]
    )
    assert (done.inserted_count, done.modified_count, done.upserted_count) == (1, 1, 1)


@states(
    "`$jsonSchema` holds on inserting, changing, replacing, upserting and `findAndModify` (121); what was there "
    "stays as it was"
)
async def test_schema(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.create_collection("c", validator=SCHEMA)
    good = {"_id": 1, "name": "abc", "kind": "a", "n": 3, "at": AT, "tags": ["x"], "in": {"x": 1}}
    await db.c.insert_one(good)
    for bad in BAD:
        assert await refused(db.c.insert_one(dict(bad))) == 121
        assert await refused(db.c.replace_one({"_id": 1}, dict(bad))) == 121
    assert await refused(db.c.update_one({"_id": 1}, {"$set": {"n": 99}})) == 121
    assert await refused(db.c.update_many({}, {"$unset": {"name": ""}})) == 121
    assert await refused(db.c.update_one({"_id": 2}, {"$set": {"n": 1}}, upsert=True)) == 121
    assert await refused(db.c.find_one_and_update({"_id": 1}, {"$set": {"kind": "z"}})) == 121
    assert await db.c.find().to_list() == [good]


@states(
    "schemas: bsonType, type, enum, required, properties, additionalProperties, items, minLength …; others are "
    "refused (9 or 2)"
)
async def test_unknown_schema(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    for schema in ({"invented": 1}, {"properties": {"a": {"format": "email"}}}, {"bsonType": "invented"}):
        assert await refused(db.create_collection("c", validator={"$jsonSchema": schema})) in (2, 9)
    await db.create_collection("c", validator={"$jsonSchema": {"title": "x", "description": "y"}})


@states(
    "a document beyond 16 MiB is refused, also when a change would make it so large (10334, 17419); it stays as it was"
)
async def test_largest(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    mebi = "x" * (1024 * 1024)
    await db.c.insert_one({"_id": 1, "parts": [mebi] * 15})
    push = {"$push": {"parts": {"$each": [mebi, mebi]}}}
    assert await refused(db.c.update_one({"_id": 1}, push)) in (10334, 17419)
    (found,) = await db.c.find({}, {"parts": 1}).to_list()
    assert len(found["parts"]) == 15


@states(
    "`find`: equality, ranges, `$in`, `$nin`, `$ne`, `$and`, `$or`, `$nor`, `$not`, `$exists`, `$type`, "
    "`$regex`, `$size`, `$all`, `$elemMatch`, `$expr`, dotted paths"
)
async def test_queries(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.c.insert_many(
        [
            {"_id": 1, "n": 1, "s": "apple", "t": ["x", "y"], "in": {"k": 1}, "at": AT, "d": bson.Decimal128("2.5")},
            {"_id": 2, "n": 2, "s": "banana", "t": [], "in": {"k": 2}, "l": [{"a": 1, "b": 2}]},
            {"_id": 3, "n": 3, "s": "Cherry", "z": None},
        ]
    )
    cases: list[tuple[dict[str, Any], list[int]]] = [
        ({"n": 2}, [2]),
        ({"n": {"$gt": 1, "$lte": 3}}, [2, 3]),
        ({"n": {"$in": [1, 3]}}, [1, 3]),
        ({"n": {"$nin": [1, 3]}}, [2]),
        ({"s": {"$ne": "apple"}}, [2, 3]),
        ({"$or": [{"n": 1}, {"s": "Cherry"}]}, [1, 3]),
        ({"$and": [{"n": {"$gte": 2}}, {"n": {"$lt": 3}}]}, [2]),
        ({"$nor": [{"n": 1}, {"n": 2}]}, [3]),
        ({"n": {"$not": {"$gt": 1}}}, [1]),
        ({"t": {"$exists": True}}, [1, 2]),
        ({"at": {"$type": "date"}}, [1]),
        ({"at": {"$lt": AT + datetime.timedelta(days=1)}}, [1]),
        ({"s": {"$regex": "^c", "$options": "i"}}, [3]),
        ({"s": re.compile("an")}, [2]),
        ({"t": "x"}, [1]),
        ({"t": {"$size": 0}}, [2]),
        ({"t": {"$all": ["x", "y"]}}, [1]),
        ({"l": {"$elemMatch": {"a": 1, "b": 2}}}, [2]),
        ({"in.k": 2}, [2]),
        ({"$expr": {"$eq": ["$n", "$in.k"]}}, [1, 2]),
        ({"z": None, "n": 3}, [3]),
        ({"d": {"$gt": bson.Decimal128("2")}}, [1]),
    ]
    for query, wanted in cases:
        assert sorted([one["_id"] async for one in db.c.find(query)]) == wanted, query


@states("`sort` (several keys), `skip`, `limit`, projection of fields in and out")
async def test_sort(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.c.insert_many([{"_id": n, "a": n % 2, "b": {"x": n, "y": n}} for n in range(6)])
    found = await db.c.find({}, {"_id": 1}).sort({"a": 1, "_id": -1}).skip(1).limit(3).to_list()
    assert found == [{"_id": 2}, {"_id": 0}, {"_id": 5}]
    assert await db.c.find({"_id": 3}, {"b.x": 0}).to_list() == [{"_id": 3, "a": 1, "b": {"y": 3}}]
    assert await db.c.find({"_id": 3}, {"_id": 0, "a": 1}).to_list() == [{"a": 1}]
    assert await db.c.find_one({"_id": 99}) is None


@states("an operator that is none is refused: in a query (2), in a change (9)")
async def test_unknown_operators(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.c.insert_one({"_id": 1})
    assert await refused(db.c.find_one({"a": {"$invented": 1}})) == 2
    assert await refused(db.c.find_one({"$invented": 1})) == 2
    assert await refused(db.c.update_one({}, {"$invented": {"a": 1}})) == 9


@states(
    "`update`: `$set`, `$unset`, `$inc`, `$min`, `$max`, `$rename`, `$push` (`$each`, `$slice`), `$addToSet`, "
    "`$pull`, `$pullAll`, `$pop`"
)
async def test_operators(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    start = {"_id": 1, "a": 1, "b": 2, "m": 5, "t": ["x", "y"], "r": 1}
    cases: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"$set": {"in.k": 1}}, {"in": {"k": 1}}),
        ({"$unset": {"b": ""}}, {"b": None}),
        ({"$inc": {"a": 2}}, {"a": 3}),
        ({"$min": {"m": 3}}, {"m": 3}),
        ({"$max": {"m": 9}}, {"m": 9}),
        ({"$rename": {"r": "q"}}, {"r": None, "q": 1}),
        ({"$push": {"t": {"$each": ["z"], "$slice": -2}}}, {"t": ["y", "z"]}),
        ({"$addToSet": {"t": "x"}}, {"t": ["x", "y"]}),
        ({"$pull": {"t": "x"}}, {"t": ["y"]}),
        ({"$pullAll": {"t": ["x", "y"]}}, {"t": []}),
        ({"$pop": {"t": 1}}, {"t": ["x"]}),
    ]
    for update, after in cases:
        await db.c.replace_one({"_id": 1}, start, upsert=True)
        await db.c.update_one({"_id": 1}, update)
        found = await db.c.find_one({"_id": 1}) or {}
        assert {key: found.get(key) for key in after} == after, update


@states("`$currentDate` and `$$NOW` give the server's time; a change can be a list of stages")
async def test_server_time(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    before = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) - datetime.timedelta(seconds=60)
    await db.c.insert_one({"_id": 1, "n": 2})
    await db.c.update_one({"_id": 1}, {"$currentDate": {"at": True}, "$set": {"x": 1}})
    await db.c.update_one({"_id": 1}, [{"$set": {"also": "$$NOW", "copy": "$n"}}])
    found = await db.c.find_one({"_id": 1}) or {}
    assert found["at"] > before
    assert found["also"] >= found["at"]
    assert (found["x"], found["copy"]) == (1, 2)


@states(
    "one or many; what is found and what was changed are counted; a whole document can be replaced, but only "
    "one at a time (9)"
)
async def test_counts(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.c.insert_many([{"_id": n, "a": n} for n in range(4)])
    done = await db.c.update_many({"_id": {"$lt": 3}}, {"$set": {"a": 0}})
    assert (done.matched_count, done.modified_count) == (3, 2)
    done = await db.c.update_one({}, {"$set": {"b": 1}})
    assert (done.matched_count, done.modified_count) == (1, 1)
    await db.c.replace_one({"_id": 3}, {"z": 1})
    assert await db.c.find_one({"_id": 3}) == {"_id": 3, "z": 1}
    many = {"update": "c", "updates": [{"q": {}, "u": {"x": 1}, "multi": True}]}
    assert (await db.command(many))["writeErrors"][0]["code"] == 9


@states("upserts take over what the query says is equal, and `$setOnInsert`")
async def test_upsert(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    for _ in range(2):
        await db.c.update_one({"k": "x"}, {"$set": {"a": 1}, "$setOnInsert": {"b": 2}}, upsert=True)
    found = await db.c.find({}, {"_id": 0}).to_list()
    assert found == [{"k": "x", "a": 1, "b": 2}]
    done = await db.c.replace_one({"_id": "mine"}, {"a": 9}, upsert=True)
    assert done.upserted_id == "mine"


@states("`_id` can't be changed (66)")
async def test_id_stays(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.c.insert_one({"_id": 1})
    assert await refused(db.c.update_one({"_id": 1}, {"$set": {"_id": 2}})) == 66
    assert await refused(db.c.replace_one({"_id": 1}, {"_id": 2})) == 66
    assert await db.c.distinct("_id") == [1]


@states("`delete` of one or many")
async def test_delete(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.c.insert_many([{"_id": n, "a": n % 2} for n in range(5)])
    assert (await db.c.delete_one({"a": 0})).deleted_count == 1
    assert (await db.c.delete_many({"a": 0})).deleted_count == 2
    assert (await db.c.delete_many({"a": 7})).deleted_count == 0


@states("`findAndModify` (`findandmodify`): change, replace, remove, before or after, with sort, projection and upsert")
async def test_find_and_modify(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.c.insert_many([{"_id": n, "a": n} for n in range(3)])
    assert await db.c.find_one_and_update({}, {"$inc": {"a": 10}}, sort={"_id": -1}) == {"_id": 2, "a": 2}
    after = ReturnDocument.AFTER
    found = await db.c.find_one_and_update({"_id": 1}, {"$set": {"b": 1}}, {"a": 0}, return_document=after)
    assert found == {"_id": 1, "b": 1}
    assert await db.c.find_one_and_replace({"_id": 0}, {"z": 1}, return_document=after) == {"_id": 0, "z": 1}
    assert await db.c.find_one_and_delete({"_id": 0}) == {"_id": 0, "z": 1}
    assert await db.c.find_one_and_delete({"_id": 0}) is None
    made = await db.c.find_one_and_update({"_id": 7}, {"$set": {"a": 7}}, upsert=True, return_document=after)
    assert made == {"_id": 7, "a": 7}
    said = await db.command({"findandmodify": "c", "query": {"_id": 7}, "remove": True})
    assert said["lastErrorObject"]["n"] == 1


@states("`count` (with query, skip, limit) and `distinct`")
async def test_count(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.c.insert_many([{"a": n % 3} for n in range(9)])
    assert (await db.command({"count": "c"}))["n"] == 9
    assert (await db.command({"count": "c", "query": {"a": 1}}))["n"] == 3
    assert (await db.command({"count": "c", "skip": 7, "limit": 5}))["n"] == 2
    assert (await db.command({"count": "none"}))["n"] == 0
    assert sorted(await db.c.distinct("a", {"a": {"$gt": 0}})) == [1, 2]


@states(
    "`aggregate`: `$match`, `$sort`, `$skip`, `$limit`, `$group` with sums, extremes and averages, `$unwind`, "
    "`$project`, `$set`, `$addFields`, `$unset`, `$replaceRoot`, `$count`"
)
async def test_aggregate(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.c.insert_many([{"_id": n, "k": "ab"[n % 2], "n": n, "t": ["x"] * n, "in": {"q": n}} for n in range(4)])

    async def run(*stages: dict[str, Any]) -> list[dict[str, Any]]:
        return list(await (await db.c.aggregate(list(stages))).to_list())

    group = {"_id": "$k", "sum": {"$sum": "$n"}, "most": {"$max": "$n"}, "mean": {"$avg": "$n"}, "rows": {"$sum": 1}}
    assert await run({"$match": {"n": {"$gte": 1}}}, {"$group": group}, {"$sort": {"_id": 1}}) == [
        {"_id": "a", "sum": 2, "most": 2, "mean": 2.0, "rows": 1},
        {"_id": "b", "sum": 4, "most": 3, "mean": 2.0, "rows": 2},
    ]
    assert await run({"$unwind": "$t"}, {"$count": "rows"}) == [{"rows": 6}]
    sliced = await run(
        {"$sort": {"n": -1}}, {"$skip": 1}, {"$limit": 1}, {"$project": {"n": 1, "double": {"$add": ["$n", "$n"]}}}
    )
    assert sliced == [{"_id": 2, "n": 2, "double": 4}]
    shown = await run(
        {"$match": {"_id": 1}}, {"$set": {"x": 1}}, {"$addFields": {"y": 2}}, {"$unset": ["t", "in", "k"]}
    )
    assert shown == [{"_id": 1, "n": 1, "x": 1, "y": 2}]
    assert await run({"$match": {"_id": 1}}, {"$replaceRoot": {"newRoot": "$in"}}) == [{"q": 1}]


@states("long answers come in batches (`getMore`), and can be given up (`killCursors`, 43 after that)")
async def test_cursors(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.c.insert_many([{"_id": n} for n in range(250)])
    assert len(await db.c.find().batch_size(100).to_list()) == 250
    assert len(await (await db.c.aggregate([], batchSize=7)).to_list()) == 250
    first = (await db.command({"find": "c", "batchSize": 2}))["cursor"]
    assert len(first["firstBatch"]) == 2
    more = (await db.command({"getMore": first["id"], "collection": "c", "batchSize": 3}))["cursor"]
    assert [one["_id"] for one in more["nextBatch"]] == [2, 3, 4]
    said = await db.command({"killCursors": "c", "cursors": [first["id"]]})
    assert said["cursorsKilled"] == [first["id"]]
    with pytest.raises(CursorNotFound):
        await db.command({"getMore": first["id"], "collection": "c"})

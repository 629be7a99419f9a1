"""TTL indexes: listed, changed, and really emptying."""

from __future__ import annotations

import datetime

import pytest

from tests.sandbox.mongo.conftest import Trial
from tests.sandbox.mongo.listing import states
from tests.sandbox.mongo.test_talk import refused

pytestmark = pytest.mark.anyio


def ago(seconds: float) -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds)


@states(
    "`expireAfterSeconds` is listed with its index, and changed by `collMod` by name or by keys, which tells "
    "old and new"
)
async def test_change(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.c.create_index("at", name="ttl", expireAfterSeconds=3600)
    assert (await db.c.index_information())["ttl"]["expireAfterSeconds"] == 3600
    said = await db.command({"collMod": "c", "index": {"name": "ttl", "expireAfterSeconds": 7200}})
    assert (said["expireAfterSeconds_old"], said["expireAfterSeconds_new"]) == (3600, 7200)
    said = await db.command({"collMod": "c", "index": {"keyPattern": {"at": 1}, "expireAfterSeconds": 1800}})
    assert (said["expireAfterSeconds_old"], said["expireAfterSeconds_new"]) == (7200, 1800)
    assert (await db.c.index_information())["ttl"]["expireAfterSeconds"] == 1800


@states("`createIndexes` can't change it (85 or 86)")
async def test_not_by_create(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.c.create_index("at", name="ttl", expireAfterSeconds=3600)
    assert await refused(db.c.create_index("at", name="ttl", expireAfterSeconds=60)) in (85, 86)


@states("an index without an expiry gets one by `collMod`; one that isn't there is refused (27)")
async def test_turned_into(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.c.create_index("at", name="plain")
    await db.command({"collMod": "c", "index": {"name": "plain", "expireAfterSeconds": 60}})
    assert (await db.c.index_information())["plain"]["expireAfterSeconds"] == 60
    assert await refused(db.command({"collMod": "c", "index": {"name": "none", "expireAfterSeconds": 60}})) == 27


@states("refused: an expiry of several fields (67), of `_id` (197), of seconds below zero or beyond 2,147,483,647 (67)")
async def test_impossible(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    assert await refused(db.c.create_index([("a", 1), ("b", 1)], expireAfterSeconds=60)) == 67
    assert await refused(db.c.create_index("_id", name="x", expireAfterSeconds=60)) == 197
    for seconds in (-1, 2**31):
        assert await refused(db.c.create_index("at", expireAfterSeconds=seconds)) == 67


@states("documents go within a minute or so of their time, the others stay")
async def test_expires(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.c.create_index("at", expireAfterSeconds=3600)
    await db.c.insert_many([{"_id": "old", "at": ago(3590)}, {"_id": "new", "at": ago(0)}])
    assert await db.c.count_documents({}) == 2
    await mongo.pass_time(15)
    assert await db.c.distinct("_id") == ["new"]


@states("a shorter expiry reaches what is there already; a longer one keeps it")
async def test_shorter(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.c.create_index("at", name="ttl", expireAfterSeconds=86400)
    await db.c.insert_many([{"_id": days, "at": ago(days * 3600)} for days in range(1, 6)])
    await mongo.pass_time(0)
    assert await db.c.count_documents({}) == 5
    await db.command({"collMod": "c", "index": {"name": "ttl", "expireAfterSeconds": int(2.5 * 3600)}})
    await mongo.pass_time(0)
    assert sorted(await db.c.distinct("_id")) == [1, 2]


@states("of an array of dates the earliest counts; what has no date never goes")
async def test_which_date(mongo: Trial) -> None:
    db = mongo.admin[mongo.name()]
    await db.c.create_index("at", expireAfterSeconds=60)
    await db.c.insert_many(
        [{"_id": "array", "at": [ago(-600), ago(600)]}, {"_id": "text", "at": "2020-01-01"}, {"_id": "none"}]
    )
    await mongo.pass_time(0)
    assert sorted(await db.c.distinct("_id")) == ["none", "text"]

"""Users, roles, and who is refused where."""

from __future__ import annotations

import pytest

from tests.sandbox.mongo.conftest import Trial
from tests.sandbox.mongo.listing import states
from tests.sandbox.mongo.test_talk import refused

pytestmark = pytest.mark.anyio


@states("`createUser` with `customData`; `usersInfo` shows user, database, roles and `customData`, never a password")
async def test_create(mongo: Trial) -> None:
    home = mongo.name()
    name, _ = await mongo.user(("readWrite", home), customData={"temoctl": "mark"})
    (shown,) = (await mongo.admin.admin.command({"usersInfo": name}))["users"]
    assert (shown["user"], shown["db"]) == (name, "admin")
    assert shown["roles"] == [{"role": "readWrite", "db": home}]
    assert shown["customData"] == {"temoctl": "mark"}
    assert "credentials" not in shown
    again = {"createUser": name, "pwd": "x", "roles": []}
    assert await refused(mongo.admin.admin.command(again)) == 51003


@states("`usersInfo`: one, several, all of a database (with `filter`, also on `customData`), all of all databases")
async def test_users_info(mongo: Trial) -> None:
    one, _ = await mongo.user(customData={"temoctl": "mark-one"})
    two, _ = await mongo.user(customData={"temoctl": "mark-two"})
    admin = mongo.admin.admin

    async def names(which: object, **more: object) -> list[str]:
        return sorted(row["user"] for row in (await admin.command({"usersInfo": which, **more}))["users"])

    assert await names({"user": one, "db": "admin"}) == [one]
    assert await names([{"user": one, "db": "admin"}, {"user": two, "db": "admin"}]) == sorted([one, two])
    assert await names("nobody-" + one) == []
    assert {one, two} <= set(await names(1))
    assert {one, two} <= set(await names({"forAllDBs": True}))
    assert await names(1, filter={"user": {"$in": [two, "nobody"]}}) == [two]
    either = [{"user": one}, {"customData.temoctl": {"$regex": "^mark-two$"}}]
    assert await names(1, filter={"$or": either, "user": {"$in": [one, two]}}) == sorted([one, two])


@states("`updateUser` replaces the roles as a whole; a new password works at once and the old one no more")
async def test_update(mongo: Trial) -> None:
    home = mongo.name()
    name, _ = await mongo.user(("readWrite", home), ("read", "elsewhere"), customData={"temoctl": "mark"})
    roles = [{"role": "read", "db": home}]
    await mongo.admin.admin.command({"updateUser": name, "pwd": "new", "roles": roles})
    (shown,) = (await mongo.admin.admin.command({"usersInfo": name}))["users"]
    assert shown["roles"] == roles
    assert shown["customData"] == {"temoctl": "mark"}
    fresh = mongo.as_user(name, "new", authMechanism="SCRAM-SHA-256")
    assert await fresh[home].c.count_documents({}) == 0
    stale = mongo.as_user(name, "p-" + name, authMechanism="SCRAM-SHA-256")
    assert await refused(stale[home].c.count_documents({})) == 18
    assert await refused(mongo.admin.admin.command({"updateUser": "nobody-" + name, "pwd": "x"})) == 11


@states(
    "`dropUser`: whoever it was can do nothing any more, also where still logged in; none of that name is refused (11)"
)
async def test_drop(mongo: Trial) -> None:
    home = mongo.name()
    name, client = await mongo.user(("readWrite", home))
    await client[home].c.insert_one({})
    await mongo.admin.admin.command({"dropUser": name})
    assert await refused(client[home].c.insert_one({})) in (13, 18)
    assert await refused(mongo.admin.admin.command({"dropUser": name})) == 11


@states("`dropAllUsersFromDatabase` removes those of that database")
async def test_drop_all(mongo: Trial) -> None:
    home = mongo.name()
    for user in ("a", "b"):
        await mongo.admin[home].command({"createUser": user, "pwd": "p", "roles": []})
    assert (await mongo.admin[home].command({"dropAllUsersFromDatabase": 1}))["n"] == 2
    assert (await mongo.admin[home].command({"usersInfo": 1}))["users"] == []


@states("a role that doesn't exist is refused (31)")
async def test_unknown_role(mongo: Trial) -> None:
    for role in ({"role": "invented", "db": "x"}, {"role": "readWriteAnyDatabase", "db": "x"}):
        command = {"createUser": mongo.name(), "pwd": "p", "roles": [role]}
        assert await refused(mongo.admin.admin.command(command)) == 31


@states("`readWrite` of one database: all documents there, and nothing at a neighbour's (13)")
async def test_neighbours(mongo: Trial) -> None:
    mine, theirs = mongo.name(), mongo.name()
    await mongo.admin[theirs].c.insert_one({"secret": 1})
    _, client = await mongo.user(("readWrite", mine))
    await client[mine].c.insert_one({"_id": 1})
    await client[mine].c.update_one({"_id": 1}, {"$set": {"a": 1}})
    assert await client[mine].c.count_documents({}) == 1
    await client[mine].c.delete_one({"_id": 1})
    other = client[theirs]
    for work in (
        other.c.find_one(),
        other.c.insert_one({}),
        other.c.update_one({}, {"$set": {"a": 1}}),
        other.c.delete_many({}),
        other.command({"count": "c"}),
        other.command({"aggregate": "c", "pipeline": [], "cursor": {}}),
        other.command({"distinct": "c", "key": "secret"}),
        other.command({"findAndModify": "c", "remove": True}),
        other.list_collection_names(),
        other.command({"listIndexes": "c"}),
        other.command({"drop": "c"}),
        other.command({"dropDatabase": 1}),
    ):
        assert await refused(work) == 13
    assert await mongo.admin[theirs].c.count_documents({}) == 1


@states("`readWrite` can't change rules: no `collMod`, no `dropDatabase`, no users (13)")
async def test_no_rules(mongo: Trial) -> None:
    mine = mongo.name()
    name, client = await mongo.user(("readWrite", mine))
    await client[mine].c.create_index("at", name="ttl", expireAfterSeconds=60)
    index = {"name": "ttl", "expireAfterSeconds": 1}
    assert await refused(client[mine].command({"collMod": "c", "index": index})) == 13
    assert await refused(client[mine].command({"collMod": "c", "index": {**index, "name": "none"}})) == 13
    assert await refused(client[mine].command({"dropDatabase": 1})) == 13
    assert await refused(client.admin.command({"createUser": name + "x", "pwd": "p", "roles": []})) == 13
    assert await refused(client.admin.command({"updateUser": name, "roles": [{"role": "root", "db": "admin"}]})) == 13
    assert await refused(client.admin.command({"usersInfo": 1})) == 13


@states(
    "`read` reads and writes nothing; `dbAdmin` changes rules and reads no document; `userAdmin` and `dbOwner` "
    "as their names say"
)
async def test_other_roles(mongo: Trial) -> None:
    home = mongo.name()
    await mongo.admin[home].c.insert_one({})
    _, reader = await mongo.user(("read", home))
    assert await reader[home].c.count_documents({}) == 1
    assert await refused(reader[home].c.insert_one({})) == 13
    _, keeper = await mongo.user(("dbAdmin", home))
    await keeper[home].command({"collMod": "c", "validationLevel": "strict"})
    assert await refused(keeper[home].c.find_one()) == 13
    _, porter = await mongo.user(("userAdmin", home))
    await porter[home].command({"createUser": "made", "pwd": "p", "roles": ["read"]})
    assert await refused(porter[home].c.find_one()) == 13
    await porter[home].command({"dropUser": "made"})
    _, owner = await mongo.user(("dbOwner", home))
    await owner[home].c.insert_one({})
    await owner[home].command({"dropDatabase": 1})


@states(
    "temoctl's own three roles (`readWriteAnyDatabase`, `dbAdminAnyDatabase`, `userAdminAnyDatabase`) do all "
    "that it needs"
)
async def test_own_roles(mongo: Trial) -> None:
    home = mongo.name()
    roles = ("readWriteAnyDatabase", "dbAdminAnyDatabase", "userAdminAnyDatabase")
    _, client = await mongo.user(*((role, "admin") for role in roles))
    await client[home].c.insert_one({})
    await client[home].c.create_index("at", name="ttl", expireAfterSeconds=60)
    await client[home].command({"collMod": "c", "index": {"name": "ttl", "expireAfterSeconds": 90}})
    user = mongo.name()
    await client.admin.command({"createUser": user, "pwd": "p", "roles": [{"role": "readWrite", "db": home}]})
    assert (await client.admin.command({"usersInfo": 1, "filter": {"user": user}}))["users"]
    await client.admin.command({"dropUser": user})
    assert home in await client.list_database_names()
    (version,) = await (await client.admin.list_collections(filter={"name": "system.version"})).to_list()
    assert len(bytes(version["info"]["uuid"])) == 16
    await client.drop_database(home)


@states(
    "`listDatabases` shows a tenant's login its own database only; everybody may look at themselves "
    "(`usersInfo`, `connectionStatus`)"
)
async def test_what_a_tenant_sees(mongo: Trial) -> None:
    mine, theirs = mongo.name(), mongo.name()
    for name in (mine, theirs):
        await mongo.admin[name].c.insert_one({})
    user, client = await mongo.user(("readWrite", mine))
    assert await client.list_database_names() == [mine]
    (me,) = (await client.admin.command({"usersInfo": user}))["users"]
    assert me["user"] == user
    said = await client.admin.command({"connectionStatus": 1})
    assert said["authInfo"]["authenticatedUserRoles"] == [{"role": "readWrite", "db": mine}]


@states("another login can't go on with one's cursor (13)")
async def test_foreign_cursor(mongo: Trial) -> None:
    home = mongo.name()
    await mongo.admin[home].c.insert_many([{"_id": n} for n in range(10)])
    cursor = (await mongo.admin[home].command({"find": "c", "batchSize": 2}))["cursor"]
    _, client = await mongo.user(("read", home))
    assert await refused(client[home].command({"getMore": cursor["id"], "collection": "c"})) == 13

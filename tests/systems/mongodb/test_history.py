"""What is particular about the history: what a shorter retention costs, hand edits, proofs, and who may be deleted."""

from __future__ import annotations

import datetime
import gc
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from temoctl.engine.clock import SystemClock, VirtualClock
from temoctl.engine.protocol import ProbeResult, Target, Verb
from temoctl.engine.throttle import Throttle
from temoctl.model.address import Address
from temoctl.model.errors import Bug, Conflict, Refused, Retryable, Unavailable, UserError
from temoctl.model.identity import Marker, object_name
from temoctl.model.resource import Observed, Presence
from temoctl.model.secret import Secret
from temoctl.model.value import Props
from temoctl.systems.mongodb import plugin
from temoctl.systems.mongodb.client import MongoServer, endpoint
from temoctl.systems.mongodb.resources import MongodbSystem
from tests.conformance.bench import Bench, Freely
from tests.conformance.rig import Sample
from tests.systems.mongodb.rig import (
    COLLECTION,
    DATABASE,
    NAME,
    NEIGHBOUR,
    PYMONGO_FORGETS,
    SAMPLES,
    USER,
    USER_PASSWORD,
    InProcessRig,
    SocketRig,
    socket_rig,
)

pytestmark = [pytest.mark.anyio, PYMONGO_FORGETS]
DAY = 86400


def bench(rig: InProcessRig | SocketRig, sample: Sample) -> Bench:
    return Bench(rig, {one.address: one for one in SAMPLES}, sample)


@pytest.fixture
def rig() -> InProcessRig:
    return InProcessRig(VirtualClock())


@pytest.fixture
async def over_socket() -> AsyncIterator[SocketRig]:
    rig = await socket_rig()
    yield rig
    await rig.close()


async def made(rig: InProcessRig | SocketRig, sample: Sample) -> Bench:
    table = bench(rig, sample)
    await table.make_needs()
    await table.create()
    return table


def message(rig: InProcessRig | SocketRig, number: int, days_ago: float) -> None:
    at = datetime.datetime.fromtimestamp(rig.clock.now() - days_ago * DAY, datetime.UTC)
    row = {"session": "telegram:1", "trace": f"t{number}", "role": "user", "text": "x", "channel": "telegram", "at": at}
    rig.hands.do(NAME, insert="messages", documents=[row])


async def seen(table: Bench, **props: Any) -> Observed:
    return await table.observe(props={**table.sample.props, **props})


# --- retention


async def test_a_shorter_retention_says_how_many_messages_would_go(rig: InProcessRig) -> None:
    table = await made(rig, COLLECTION)
    for number, days in enumerate((1, 6.9, 7.1, 10, 29)):
        message(rig, number, days)
    assert (await seen(table)).losses == {}
    assert (await seen(table, retention_days=60)).losses == {}
    assert (await seen(table, retention_days=7)).losses == {
        "retention_days": "3 messages older than 7 days will be deleted"
    }
    assert (await seen(table, retention_days=28)).losses == {
        "retention_days": "1 message older than 28 days will be deleted"
    }
    again = await table.system.read(table.target(props={**COLLECTION.props, "retention_days": 7}))
    assert again.losses == {"retention_days": "3 messages older than 7 days will be deleted"}


async def test_a_changed_retention_is_changed_in_place_and_holds(rig: InProcessRig) -> None:
    table = await made(rig, COLLECTION)
    for number, days in enumerate((1, 10, 29)):
        message(rig, number, days)
    before = rig.hands.do(NAME, listIndexes="messages")["cursor"]["firstBatch"]
    await table.system.execute(table.call(Verb.UPDATE, props={**COLLECTION.props, "retention_days": 7}, ref="x"))
    after = rig.hands.do(NAME, listIndexes="messages")["cursor"]["firstBatch"]
    assert [one["name"] for one in after] == [one["name"] for one in before]
    rig.clock.advance(61)
    assert rig.hands.do(NAME, count="messages")["n"] == 1
    assert (await seen(table, retention_days=7)).props["retention_days"] == 7


async def test_what_is_kept_too_long_turns_the_proof_red(rig: InProcessRig) -> None:
    table = await made(rig, COLLECTION)
    message(rig, 1, 5)
    (result,) = await probed(rig, table)
    assert result.ok
    rig.hands.do(NAME, dropIndexes="messages", index="temo_expiry")
    message(rig, 2, 40)
    (result,) = await probed(rig, table)
    assert not result.ok
    assert "older than 30 days" in result.why
    assert "TTL monitor" in result.fix


async def probed(rig: Any, table: Bench, *neighbours: Target) -> list[ProbeResult]:
    target = table.target()
    secrets = {"password": Secret(USER_PASSWORD)}
    full = Target(target.address, target.marker, target.ref, target.props, secrets)
    return list(await rig.system.probe(full, neighbours))


@pytest.mark.parametrize("days", [0, -1, 24_856, "7", None, 1.5])
async def test_days_that_can_not_be_counted_are_refused_before_anything_is_made(rig: InProcessRig, days: Any) -> None:
    table = bench(rig, COLLECTION)
    await table.make_needs()
    writes = rig.writes
    with pytest.raises(Refused, match="TEMO748"):
        await table.create(props={**COLLECTION.props, "retention_days": days})
    assert rig.writes == writes


# --- the form


async def test_a_message_twice_or_of_another_form_is_refused_by_the_server(rig: InProcessRig) -> None:
    await made(rig, COLLECTION)
    message(rig, 1, 0)
    row = {"session": "s", "trace": "t", "role": "user", "text": "x", "channel": "c", "at": datetime.datetime.now()}
    session = rig.engine.session()
    session.user = rig.engine.users.find("admin", "stranger")
    for wrong in ({"role": "system"}, {"text": "x" * 32_769}, {"text": 5}, {"at": "today"}, {"more": 1}, {"trace": ""}):
        said = rig.engine.run(session, {"insert": "messages", "documents": [{**row, **wrong}], "$db": NAME})
        assert said["writeErrors"][0]["code"] == 121, wrong
    again = {**row, "session": "telegram:1", "trace": "t1"}
    said = rig.engine.run(session, {"insert": "messages", "documents": [again], "$db": NAME})
    assert said["writeErrors"][0]["code"] == 11000


@pytest.mark.parametrize(
    ("edit", "field", "words"),
    [
        ({"dropIndexes": "messages", "index": "temo_once"}, "structure", "the index temo_once is missing"),
        ({"dropIndexes": "messages", "index": "temo_expiry"}, "structure", "the index temo_expiry is missing"),
        ({"collMod": "messages", "validator": {}}, "validator", "changed by hand"),
        ({"collMod": "messages", "validationLevel": "off"}, "validator", "changed by hand"),
        ({"drop": "messages"}, "structure", "the collection is missing"),
        (
            {"collMod": "messages", "index": {"name": "temo_recent", "expireAfterSeconds": 1}},
            "structure",
            "temo_recent is not ours",
        ),
    ],
)
async def test_what_was_changed_by_hand_shows_and_is_put_right(
    rig: InProcessRig, edit: dict[str, Any], field: str, words: str
) -> None:
    table = await made(rig, COLLECTION)
    if "index" in edit and isinstance(edit["index"], dict):
        rig.hands.do(NAME, dropIndexes="messages", index="temo_recent")
        rig.hands.do(NAME, createIndexes="messages", indexes=[{"name": "temo_recent", "key": {"session": 1}}])
    rig.hands.do(NAME, **edit)
    observed = await seen(table)
    assert words in str(observed.props[field])
    await table.system.execute(table.call(Verb.UPDATE, ref=observed.ref))
    table.assert_same(await seen(table), COLLECTION.props)


async def test_an_index_of_somebody_else_on_other_fields_stays(rig: InProcessRig) -> None:
    table = await made(rig, COLLECTION)
    rig.hands.do(NAME, createIndexes="messages", indexes=[{"name": "theirs", "key": {"channel": 1}}])
    table.assert_same(await seen(table), COLLECTION.props)
    await table.system.execute(table.call(Verb.UPDATE, props={**COLLECTION.props, "retention_days": 7}, ref="x"))
    names = {one["name"] for one in rig.hands.do(NAME, listIndexes="messages")["cursor"]["firstBatch"]}
    assert "theirs" in names


# --- proofs


async def with_neighbour(rig: InProcessRig | SocketRig) -> tuple[Bench, Target]:
    table = await made(rig, USER)
    await made(rig, COLLECTION)
    theirs = object_name(NEIGHBOUR, "h")
    rig.hands.do(theirs, insert="messages", documents=[{"_id": 1}])
    where = Address("other", "mongodb", "user", "n8n")
    return table, Target(where, Marker(NEIGHBOUR, "user", "n8n"), None, {"database": theirs, "user": theirs})


@pytest.mark.parametrize("kind", ["in process", "over a socket"])
async def test_the_login_reads_its_own_and_is_refused_elsewhere(
    rig: InProcessRig, over_socket: SocketRig, kind: str
) -> None:
    world: Any = rig if kind == "in process" else over_socket
    table, neighbour = await with_neighbour(world)
    message(world, 1, 0)
    results = await probed(world, table, neighbour)
    assert [(one.ok, one.why) for one in results] == [(True, "1 messages"), (True, "1 tried"), (True, "")]
    admin = {"role": "dbAdmin", "db": NAME}
    roles = [{"role": "readWrite", "db": NAME}, {"role": "read", "db": neighbour.props["database"]}, admin]
    world.hands.do("admin", updateUser=NAME, roles=roles)
    results = await probed(world, table, neighbour)
    assert [one.ok for one in results] == [True, False, False]
    assert neighbour.props["database"] in results[1].why
    world.hands.do("admin", updateUser=NAME, roles=[])
    (result,) = await probed(world, table, neighbour)
    assert not result.ok
    world.hands.do("admin", updateUser=NAME, pwd="another")
    (result,) = await probed(world, table, neighbour)
    assert "Authentication failed" in result.why
    assert USER_PASSWORD not in repr(result)


# --- guards


@pytest.mark.parametrize("name", ["admin", "config", "local"])
@pytest.mark.parametrize("verb", list(Verb))
async def test_mongodbs_own_databases_are_never_touched(rig: InProcessRig, name: str, verb: Verb) -> None:
    table = bench(rig, DATABASE)
    with pytest.raises(Bug, match="TEMO747"):
        await rig.system.execute(table.call(verb, props={"name": name}, ref=name))
    assert rig.writes == 0


async def test_a_database_whose_mark_was_taken_off_is_not_deleted(rig: InProcessRig) -> None:
    table = await made(rig, DATABASE)
    rig.hands.tamper(DATABASE)
    with pytest.raises(Conflict, match="TEMO743"):
        await table.delete(NAME)
    assert (await table.observe()).presence is Presence.UNKNOWN
    rig.hands.do(NAME, delete="temoctl", deletes=[{"q": {}, "limit": 0}])
    with pytest.raises(Conflict, match="TEMO743"):
        await table.delete(NAME)
    assert rig.engine.holdings.databases[NAME]


async def test_deleting_a_database_leaves_no_message_and_the_login_goes_by_itself(rig: InProcessRig) -> None:
    table = await made(rig, USER)
    await made(rig, COLLECTION)
    message(rig, 1, 0)
    await table.delete(NAME)
    assert ("admin", NAME) not in rig.engine.users.rows
    await bench(rig, DATABASE).delete(NAME)
    assert NAME not in rig.engine.holdings.databases


# --- servers


async def test_without_users_none_is_made_or_looked_at(rig: InProcessRig) -> None:
    rig.system = MongodbSystem(rig.server, clock=rig.clock, users=False)
    await made(rig, COLLECTION)
    table = bench(rig, USER)
    table.knows(DATABASE.address, {"name": NAME})
    rig.fault("denied", count=0)
    assert (await table.observe()).presence is Presence.ABSENT
    assert not [key for key in rig.engine.users.rows if key[1] == NAME]


async def test_the_instance_is_the_servers_own_wherever_it_stands(rig: InProcessRig) -> None:
    first = await rig.system.instance()
    assert first.startswith("uuid=")
    assert await rig.system.instance() == first
    assert await InProcessRig(VirtualClock()).system.instance() != first
    rig.fault("denied", count=-1)
    assert await rig.system.instance() == "hosts=loopback"


@pytest.mark.parametrize(
    ("uri", "outputs"),
    [
        ("mongodb://u:p@db.test", ("mongodb", "db.test:27017", "db.test", 27017, False)),
        ("mongodb://u:p@a:1,b:2/?tls=true", ("mongodb", "a:1,b:2", "a", 1, True)),
        ("mongodb://[::1]:27018/", ("mongodb", "[::1]:27018", "[::1]", 27018, False)),
        ("mongodb+srv://u:p@c.mongodb.test/x", ("mongodb+srv", "c.mongodb.test", "c.mongodb.test", 0, True)),
    ],
)
def test_where_others_find_it(uri: str, outputs: tuple[Any, ...]) -> None:
    place = endpoint(Secret(uri)).outputs()
    assert tuple(place[name] for name in ("scheme", "hosts", "host", "port", "tls")) == outputs


def test_n8n_may_have_another_way() -> None:
    place = endpoint(Secret("mongodb://u:p@a:1,b:2")).outputs("mongo.internal", 27019)
    assert (place["scheme"], place["hosts"]) == ("mongodb", "mongo.internal:27019")
    assert endpoint(Secret("mongodb+srv://c.test")).outputs(port=5)["hosts"] == "c.test:5"


@pytest.mark.parametrize("uri", ["http://canary:canary@x", "mongodb://", "mongodb://u:canary@x:port", "canary"])
def test_an_address_that_can_not_be_read_is_not_shown(uri: str) -> None:
    with pytest.raises(UserError, match="TEMO746") as caught:
        MongoServer(Secret(uri), slots=Throttle(plugin.limits, SystemClock()))
    assert "canary" not in f"{caught.value!r}{caught.value.detail}{caught.value.fix}"


async def test_a_closed_port_is_told_soon_and_as_what_it_is() -> None:
    uri = Secret("mongodb://u:canary@127.0.0.1:1/?serverSelectionTimeoutMS=100")
    server = MongoServer(uri, slots=Throttle(plugin.limits, SystemClock()), timeout=0.3)
    with pytest.raises(Unavailable, match="TEMO740"):
        await server.read("x", {"ping": 1})
    with pytest.raises(Retryable, match="TEMO742"):
        await server.write("x", {"dropDatabase": 1}, Freely())
    await server.close()
    gc.collect()


async def test_no_secret_is_in_what_pymongo_logs(over_socket: SocketRig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    table = await made(over_socket, USER)
    await probed(over_socket, table)
    assert [record for record in caplog.records if record.name.startswith("pymongo")]
    shown = "\n".join(f"{record.getMessage()} {record.args}" for record in caplog.records)
    assert USER_PASSWORD not in shown
    assert "canary" not in shown.replace(NAME, "")


def test_settings_take_no_login_for_n8n() -> None:
    given: Props = {"uri": {"env": "MONGODB_URI"}, "n8n_host": "u:p@host"}
    with pytest.raises(ValueError, match="without a login"):
        plugin.settings.model_validate(given)

"""Whatever is sent, the server answers or closes the connection, and goes on."""

from __future__ import annotations

import contextlib
import datetime
from typing import Any

import bson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from temoctl.engine.clock import VirtualClock
from temoctl.sandbox.mongo.codec import Malformed, Message, read, write
from temoctl.sandbox.mongo.engine import Engine, commands

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=True),
    st.sampled_from(["", "c", "t", "a", "$a", "a.b", "_id", "*", "$$NOW", "strict", "temo", "x" * 70]),
    st.binary(max_size=4),
    st.just(datetime.datetime(2026, 1, 1)),
    st.just(bson.ObjectId("6b031f6ac4a81a7347aaa7a6")),
)
KEYS = st.sampled_from(
    [
        "a",
        "_id",
        "t",
        "key",
        "name",
        "$set",
        "$inc",
        "$push",
        "$each",
        "$in",
        "$gt",
        "$regex",
        "$and",
        "$jsonSchema",
        "bsonType",
        "properties",
        "q",
        "u",
        "multi",
        "upsert",
        "limit",
        "role",
        "db",
        "user",
        "expireAfterSeconds",
        "keyPattern",
        "batchSize",
        "$match",
        "$group",
        "$sort",
        "$unwind",
        "$expr",
    ]
)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
FIELDS = sorted({field for one in commands().values() for field in one.fields or ()})
FEW = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


@FEW
@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(commands())), TREES, st.dictionaries(st.sampled_from(FIELDS), TREES, max_size=4)
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_command_gets_an_answer(sent: list[tuple[str, Any, dict[str, Any]]]) -> None:
    engine = Engine(VirtualClock(), access_control=False, rounds=4096)
    session = engine.session()
    engine.run(session, {"insert": "c", "documents": [{"_id": 1, "a": [1, {"t": 2}]}, {"_id": 2}], "$db": "t"})
    for name, first, fields in sent:
        allowed = commands()[name].fields
        kept = {key: value for key, value in fields.items() if allowed is None or key in allowed}
        for given_first in (first, "c"):
            command = bson.decode(bson.encode({name: given_first, **kept, "$db": "t"}))
            answer = engine.run(session, command)
            assert answer["ok"] in (0.0, 1.0)
            assert answer["ok"] or answer["code"]
            bson.encode(answer)
    # and what is held can still be read, written down and taken up again
    fresh = Engine(VirtualClock(), rounds=4096)
    fresh.restore(engine.dump())
    assert fresh.dump()["holdings"] == engine.dump()["holdings"]


@FEW
@given(st.sampled_from([2013, 2004, 1, 7]), st.binary(max_size=64))
def test_any_bytes_are_a_message_or_none(opcode: int, body: bytes) -> None:
    with contextlib.suppress(Malformed):
        assert isinstance(read(1, opcode, body), Message)


@FEW
@given(st.dictionaries(KEYS, TREES, max_size=4), st.integers(0, 2**31 - 1))
def test_what_is_written_can_be_read(answer: dict[str, Any], number: int) -> None:
    wire = write(Message(number, {}), answer, 7)
    again = read(7, 2013, wire[16:])
    assert bson.encode(again.command) == bson.encode(answer)

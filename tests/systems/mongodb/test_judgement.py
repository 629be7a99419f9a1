"""What a server's failures prove: each code as a real server answers it, through pymongo and a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from temoctl.model.errors import Refused, Retryable, TemoError, Unavailable, UnknownOutcome
from temoctl.sandbox.mongo.engine import Session
from temoctl.systems.mongodb.server import Declined
from tests.conformance.bench import Freely
from tests.systems.mongodb.rig import PYMONGO_FORGETS, SocketRig, socket_rig

pytestmark = [pytest.mark.anyio, PYMONGO_FORGETS]


@pytest.fixture
async def rig() -> AsyncIterator[SocketRig]:
    rig = await socket_rig()
    yield rig
    await rig.close()


def answering(rig: SocketRig, monkeypatch: pytest.MonkeyPatch, answer: Mapping[str, Any]) -> None:
    """Let the server answer every change and every count like this."""
    engine = rig.listener.engine
    run = engine.run

    def instead(session: Session, command: Mapping[str, Any]) -> dict[str, Any]:
        if next(iter(command)) in ("dropDatabase", "count", "update"):
            return dict(answer)
        return run(session, command)

    monkeypatch.setattr(engine, "run", instead)


def no(code: int, words: str = "no") -> Mapping[str, Any]:
    return {"ok": 0.0, "code": code, "errmsg": words, "codeName": "Any"}


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (no(10107, "not primary"), Retryable, "TEMO742"),
        (no(13435, "not primary and secondaryOk=false"), Retryable, "TEMO742"),
        (no(11600, "interrupted at shutdown"), UnknownOutcome, "TEMO741"),
        (no(189, "primary stepped down"), UnknownOutcome, "TEMO741"),
        (no(1), UnknownOutcome, "TEMO741"),
        (no(50), UnknownOutcome, "TEMO741"),
        (no(13), Refused, "TEMO744"),
        (no(8000, "dropDatabase is not allowed, see the Atlas documentation"), Refused, "TEMO744"),
        (no(72), Refused, "TEMO745"),
        ({"ok": 1.0, "writeConcernError": {"code": 64, "errmsg": "waiting timed out"}}, UnknownOutcome, "TEMO741"),
        ({"ok": 1.0, "n": 0, "writeErrors": [{"index": 0, "code": 121, "errmsg": "x"}]}, Refused, "TEMO745"),
    ],
)
async def test_a_change(
    rig: SocketRig, monkeypatch: pytest.MonkeyPatch, answer: Mapping[str, Any], kind: type[TemoError], code: str
) -> None:
    answering(rig, monkeypatch, answer)
    with pytest.raises(kind) as caught:
        await rig.server.write("x", {"dropDatabase": 1}, Freely())
    assert caught.value.code == code
    assert len([line for line in rig.listener.requests if line[0] == "dropDatabase"]) == 1, "never sent twice"


@pytest.mark.parametrize("code", [10107, 11600, 189, 1, 50])
async def test_a_look(rig: SocketRig, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    answering(rig, monkeypatch, no(code))
    with pytest.raises(Unavailable, match="TEMO740"):
        await rig.server.read("x", {"count": "c"})


async def test_what_stands_twice_is_not_named(rig: SocketRig, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(rig, monkeypatch, no(11000, 'E11000 dup key: { session: "telegram:4711" }'))
    with pytest.raises(Declined) as caught:
        await rig.server.write("x", {"dropDatabase": 1}, Freely())
    assert "4711" not in f"{caught.value} {caught.value.detail}"
    assert "twice" in caught.value.summary

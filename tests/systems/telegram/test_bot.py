"""Bots: only what is asked for is read, only what differs is written, and what was ours is taken back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from temoctl.engine.protocol import Readiness, Verb, Verdict
from temoctl.model.errors import Bug, Refused
from temoctl.model.resource import Doubt, Presence
from temoctl.model.secret import Secret
from temoctl.model.step import FieldChange
from tests.conformance.bench import Bench
from tests.conformance.rig import Sample
from tests.systems.telegram.rig import BOT, TOKEN, WEBHOOK, FakeRig, fake_rig

pytestmark = pytest.mark.anyio
NEW_TOKEN = "5512345678:AAHrotatedRotatedRotatedRotated_0123"


def asking(**texts: Any) -> Sample:
    return replace(BOT, props={"token": BOT.props["token"], **texts}, changed=None)


async def bench_of(sample: Sample) -> tuple[FakeRig, Bench]:
    rig = await fake_rig()
    return rig, Bench(rig, {sample.address: sample}, sample)


def methods(rig: FakeRig) -> list[str]:
    return [path.rpartition("/")[2] for _, path in rig.fake.requests]


@pytest.mark.parametrize(
    ("texts", "calls"),
    [
        ({}, ["getMe"]),
        ({"name": "Acme"}, ["getMe", "getMyName"]),
        ({"commands": [], "short_description": "x"}, ["getMe", "getMyCommands", "getMyShortDescription"]),
        (dict(BOT.props), ["getMe", "getMyCommands", "getMyDescription", "getMyName", "getMyShortDescription"]),
    ],
)
async def test_looking_costs_one_call_and_one_for_each_text_asked_for(texts: Any, calls: list[str]) -> None:
    rig, bench = await bench_of(asking(**texts))
    await bench.observe("5512345678")
    assert sorted(methods(rig)) == calls
    assert rig.slots.reads == len(calls) <= bench.kind.calls


async def test_only_what_differs_is_written() -> None:
    rig, bench = await bench_of(BOT)
    await bench.create()
    rig.fake.requests.clear()
    await bench.create()
    assert rig.writes == 0
    props = {**BOT.props, "short_description": "Tea as well"}
    await rig.system.execute(bench.call(Verb.UPDATE, props=props, ref="5512345678"))
    assert [name for name in methods(rig) if name.startswith("set")] == ["setMyShortDescription"]


async def test_texts_nobody_asked_for_stay_as_they_are() -> None:
    rig, bench = await bench_of(asking(name="Acme"))
    bot = rig.fake.bot(TOKEN)
    bot.texts["description", ""] = "Written by the owner"
    await bench.create()
    await bench.delete("5512345678")
    assert bot.texts == {("description", ""): "Written by the owner"}


async def test_a_text_that_left_the_spec_is_taken_back() -> None:
    rig, bench = await bench_of(BOT)
    await bench.create()
    props = {key: value for key, value in BOT.props.items() if key not in ("description", "commands")}
    gone = (FieldChange("description", "…", None), FieldChange("commands[menu].description", "…", None))
    await rig.system.execute(bench.call(Verb.UPDATE, props=props, ref="5512345678", changes=gone))
    bot = rig.fake.bot(TOKEN)
    assert "description" not in {field for field, _ in bot.texts}
    assert not bot.get_commands({})
    assert bot.text("short_description", {}) == BOT.props["short_description"]


async def test_a_bot_is_absent_until_it_has_something_of_ours() -> None:
    rig, bench = await bench_of(BOT)
    assert (await bench.observe()).presence is Presence.ABSENT
    assert (await bench.observe("5512345678")).presence is Presence.PRESENT, "a recorded bot is there, texts or not"
    rig.fake.bot(TOKEN).texts["short_description", ""] = "already something"
    assert (await bench.observe()).presence is Presence.PRESENT


async def test_a_dead_token_is_denied_with_a_way_out() -> None:
    rig, bench = await bench_of(BOT)
    rig.fake.revoke(TOKEN)
    seen = await bench.observe()
    assert (seen.presence, seen.doubt, seen.code) == (Presence.UNKNOWN, Doubt.DENIED, "TEMO723")
    assert seen.why == "Telegram refuses the token"
    assert "BotFather" in seen.fix
    with pytest.raises(Refused):
        await bench.create()
    [proof] = await rig.system.probe(bench.target(), ())  # type: ignore[attr-defined]
    assert not proof.ok
    assert proof.why == "Telegram refuses the token"


async def test_what_is_no_token_is_told_before_any_call() -> None:
    rig, bench = await bench_of(replace(BOT, secrets={"telegram/token": Secret("acme_bot")}))
    seen = await bench.observe()
    assert (seen.doubt, seen.code) == (Doubt.DENIED, "TEMO724")
    assert not rig.fake.requests


async def test_a_token_that_telegram_calls_malformed_gets_the_same_answer() -> None:
    rig, bench = await bench_of(BOT)
    rig.fake.denied = rig.fake.not_found  # type: ignore[method-assign]
    rig.fault("denied")
    assert (await bench.system.read(replace(bench.target(), props={}))).code == "TEMO724"


async def test_a_missing_token_is_denied() -> None:
    _, bench = await bench_of(BOT)
    seen = await bench.system.read(replace(bench.target(), secrets={}))
    assert (seen.doubt, seen.code) == (Doubt.DENIED, "TEMO728")


async def test_deleting_with_a_dead_token_ends_and_says_so() -> None:
    rig, bench = await bench_of(BOT)
    outcome = await bench.create()
    rig.fake.revoke(TOKEN)
    await bench.delete(outcome.ref)
    proof = await rig.system.gone(bench.target(ref=outcome.ref))
    assert proof.verdict is Verdict.UNVERIFIED
    assert "refuses the token" in proof.evidence


async def test_the_certificate_says_that_the_bot_stays() -> None:
    rig, bench = await bench_of(BOT)
    outcome = await bench.create()
    await bench.delete(outcome.ref)
    proof = await rig.system.gone(bench.target(ref=outcome.ref))
    assert proof.verdict is Verdict.RETAINED
    assert "stays with its owner" in proof.evidence
    assert rig.fake.bot(TOKEN).texts == {}


async def test_a_rotated_token_is_the_same_bot() -> None:
    rig, bench = await bench_of(BOT)
    outcome = await bench.create()
    rig.fake.revoke(TOKEN, fresh=NEW_TOKEN)
    rotated = Bench(rig, {}, replace(BOT, secrets={"telegram/token": Secret(NEW_TOKEN)}))
    again = await rig.system.execute(rotated.call(Verb.UPDATE, ref=outcome.ref))
    assert again.ref == outcome.ref


async def test_flood_limits_are_sat_out() -> None:
    rig = await fake_rig(flood=1)
    bench = Bench(rig, {BOT.address: BOT}, BOT)
    await bench.create()
    started = rig.clock.monotonic()
    await rig.system.execute(bench.call(Verb.UPDATE, props={**BOT.props, "name": "Acme again"}, ref="5512345678"))
    assert rig.clock.monotonic() - started >= 30
    assert rig.fake.bot(TOKEN).text("name", {}) == "Acme again"


async def test_what_telegram_refuses_is_refused_in_its_words() -> None:
    _, bench = await bench_of(asking(commands=[{"command": "Menü", "description": "x"}]))
    with pytest.raises(Refused) as caught:
        await bench.create()
    assert caught.value.code == "TEMO726"
    assert caught.value.detail == "Bad Request: BOT_COMMAND_INVALID"


async def test_webhooks_are_never_set_by_us() -> None:
    rig, bench = await bench_of(WEBHOOK)
    with pytest.raises(Bug):
        await rig.system.execute(bench.call(Verb.CREATE))
    assert not rig.fake.requests


async def test_bots_need_no_waiting() -> None:
    rig, bench = await bench_of(BOT)
    assert (await rig.system.ready(bench.target())).state is Readiness.READY  # type: ignore[attr-defined]
    assert not rig.fake.requests


async def test_there_is_one_telegram() -> None:
    rig, _ = await bench_of(BOT)
    assert await rig.system.instance() == "telegram"

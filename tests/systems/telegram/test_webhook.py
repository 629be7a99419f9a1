"""The webhook as a witness: ours, nobody's, somebody else's; and what deliveries prove."""

from __future__ import annotations

from typing import Any

import pytest

from temoctl.engine.protocol import Readiness, Verdict
from temoctl.model.resource import Doubt, Presence
from temoctl.systems.telegram.fake_bot import Webhook
from tests.conformance.bench import Bench
from tests.systems.telegram.rig import HOOK, TOKEN, WEBHOOK, FakeRig, fake_rig

pytestmark = pytest.mark.anyio


@pytest.fixture
async def rig() -> FakeRig:
    return await fake_rig()


@pytest.fixture
def bench(rig: FakeRig) -> Bench:
    return Bench(rig, {WEBHOOK.address: WEBHOOK}, WEBHOOK)


async def ready(rig: FakeRig, bench: Bench) -> Any:
    return await rig.system.ready(bench.target())  # type: ignore[attr-defined]


async def probes(rig: FakeRig, bench: Bench) -> dict[str, tuple[bool, str]]:
    found = await rig.system.probe(bench.target(), ())  # type: ignore[attr-defined]
    return {one.name: (one.ok, one.why) for one in found}


async def test_ours_is_present_and_ready_and_all_proofs_hold(rig: FakeRig, bench: Bench) -> None:
    await rig.arrange(WEBHOOK)
    seen = await bench.observe()
    assert seen.presence is Presence.PRESENT
    assert dict(seen.props) == {"url": HOOK}
    assert (await ready(rig, bench)).state is Readiness.READY
    assert all(ok for ok, _ in (await probes(rig, bench)).values())
    assert len(await probes(rig, bench)) == 3


async def test_none_is_absent_and_still_to_come(rig: FakeRig, bench: Bench) -> None:
    assert (await bench.observe()).presence is Presence.ABSENT
    assert (await ready(rig, bench)).state is Readiness.PENDING
    assert not (await probes(rig, bench))["customers' messages are delivered to us"][0]


async def test_a_foreign_one_is_a_refusal_that_shows_the_host_only(rig: FakeRig, bench: Bench) -> None:
    rig.fake.point(TOKEN, "https://bots.rival.example:8443/hook/very-secret-path?key=1")
    seen = await bench.observe()
    assert (seen.presence, seen.doubt, seen.code) == (Presence.UNKNOWN, Doubt.FOREIGN, "TEMO725")
    assert seen.why == "the bot answers to another address (bots.rival.example)"
    assert "very-secret-path" not in f"{seen}"
    answer = await ready(rig, bench)
    assert answer.state is Readiness.BROKEN
    assert "very-secret-path" not in f"{answer} {await probes(rig, bench)}"


async def test_our_own_path_at_a_former_host_is_ours_and_differs(rig: FakeRig, bench: Bench) -> None:
    """n8n moved to another address: nobody else can have this path."""
    rig.fake.point(TOKEN, HOOK.replace("n8n.test", "old-n8n.test"))
    seen = await bench.observe()
    assert seen.presence is Presence.PRESENT
    assert seen.props["url"] != HOOK
    assert (await ready(rig, bench)).state is Readiness.PENDING


async def test_a_dead_token_is_broken(rig: FakeRig, bench: Bench) -> None:
    rig.fake.revoke(TOKEN)
    assert (await bench.observe()).doubt is Doubt.DENIED
    answer = await ready(rig, bench)
    assert (answer.state, answer.why) == (Readiness.BROKEN, "Telegram refuses the token")


async def test_an_outage_is_waited_for(rig: FakeRig, bench: Bench) -> None:
    rig.fault("500-before", count=-1)
    assert (await ready(rig, bench)).state is Readiness.PENDING


async def test_failing_deliveries_are_proofs_that_fail_and_a_note(rig: FakeRig, bench: Bench) -> None:
    async def broken(url: str, headers: Any, body: bytes) -> int:
        return 404

    rig.fake.poster = broken
    await rig.arrange(WEBHOOK)
    for text in ["hello"] * 21:
        await rig.fake.customer_says(TOKEN, 7, text)
    seen = await bench.observe()
    assert seen.presence is Presence.PRESENT
    assert "404" in seen.note
    found = await probes(rig, bench)
    assert found["the last deliveries went through"][0] is False
    assert "404" in found["the last deliveries went through"][1]
    assert found["no messages pile up"] == (False, "21 messages wait")


async def test_an_old_failure_is_no_news(rig: FakeRig, bench: Bench) -> None:
    await rig.arrange(WEBHOOK)
    hook = rig.fake.bot(TOKEN).webhook
    assert isinstance(hook, Webhook)
    hook.last_error_date, hook.last_error_message = int(rig.clock.now()) - 5, "Connection refused"
    assert all(ok for ok, _ in (await probes(rig, bench)).values()), "delivered since: nothing waits"
    rig.fake.bot(TOKEN).updates.append({"update_id": 1})
    assert not (await probes(rig, bench))["the last deliveries went through"][0]
    hook.last_error_date -= 1000
    assert all(ok for ok, _ in (await probes(rig, bench)).values()), "a thousand seconds ago"


async def test_gone_says_what_was_seen(rig: FakeRig, bench: Bench) -> None:
    assert (await rig.system.gone(bench.target())).verdict is Verdict.DELETED
    await rig.arrange(WEBHOOK)
    assert (await rig.system.gone(bench.target())).verdict is Verdict.UNVERIFIED
    rig.fake.point(TOKEN, "https://bots.rival.example/hook")
    proof = await rig.system.gone(bench.target())
    assert proof.verdict is Verdict.DELETED
    assert "isn't ours" in proof.evidence

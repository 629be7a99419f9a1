"""What a dead run left open is looked up, recorded or ended; never guessed, never made twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from temoctl.engine.events import Recovering
from temoctl.engine.ports import Begin, Ending, Intent
from temoctl.engine.protocol import Target
from temoctl.engine.recover import recover
from temoctl.engine.retry import Patience
from temoctl.model.errors import Unavailable
from temoctl.model.identity import Marker
from temoctl.model.resource import Observed
from tests.crash.toy import Thing
from tests.crash.toy_stage import FLOW, KEY, TOKEN_PATH, address, changed, small
from tests.engine.bench import Bench, failures, not_tried

pytestmark = pytest.mark.anyio

ACCOUNT = address("account")


async def interrupted(b: Bench, verb: str, *, ref: str | None = None, at: float = 0) -> Intent:
    """An open intent, as a run leaves it that dies right after writing it."""
    props = next(one.props for one in small() if one.address == ACCOUNT)
    intent = Intent(b.ids.token(12), ACCOUNT, verb, Marker(b.owner, "account", "main"), props, at or b.clock.now(), ref)
    hold = await b.hold()
    await b.store.journal.write([Begin(hold.fence, intent)])
    return intent


async def look(b: Bench) -> dict[str, str]:
    """Recover; what is blocked, by address."""
    hold = await b.hold()
    recovered = await recover(b.world(), await b.recorded(), hold)
    return {str(key): why for key, why in recovered.blocked.items()}


async def test_nothing_open_costs_nothing() -> None:
    b = await Bench().begin()
    assert await look(b) == {}
    assert b.clock.monotonic() == 0
    assert b.events == []


async def test_a_create_that_never_arrived_ends_absent_after_the_settle_window() -> None:
    b = await Bench().begin()
    await interrupted(b, "create")
    assert await look(b) == {}
    assert b.endings() == [Ending.ABSENT.value]
    assert b.clock.monotonic() >= 30
    assert [(event.verb, event.address) for event in b.events if isinstance(event, Recovering)] == [
        ("create", str(ACCOUNT))
    ]


async def test_an_old_intent_needs_no_waiting() -> None:
    b = await Bench(patience=Patience(step=600)).begin()
    await interrupted(b, "create", at=b.clock.now() - 700)
    await look(b)
    assert b.endings() == [Ending.ABSENT.value]
    assert b.clock.monotonic() < 1


async def test_a_young_intent_is_doubted_from_now_whatever_the_other_clock_said() -> None:
    """The dead run may have sent its request long after it wrote the intent."""
    b = await Bench().begin()
    await interrupted(b, "create", at=b.clock.now() - 300)
    await look(b)
    assert b.clock.monotonic() >= 30


async def test_looking_twice_changes_nothing_more() -> None:
    b = await Bench().begin()
    await b.apply(small())
    await interrupted(b, "update", ref=b.vendor.of("account")[0].ref)
    await look(b)
    before = (b.endings(), (await b.recorded()).resources)
    await look(b)
    assert (b.endings(), (await b.recorded()).resources) == before


async def test_no_answer_leaves_it_open_and_blocks_only_its_address() -> None:
    b = await Bench().begin()
    await interrupted(b, "create")
    plan = await b.plan(small())
    b.toy.outage = True
    blocked = await look(b)
    assert list(blocked) == [str(ACCOUNT)]
    assert "still unknown" in blocked[str(ACCOUNT)]
    assert b.open_intents() == [f"create {ACCOUNT}"]
    assert b.clock.monotonic() >= 60
    b.toy.outage = False
    result = await b.run(plan)
    assert result.ok


async def test_steps_of_a_blocked_address_are_not_tried() -> None:
    b = await Bench().begin()
    await interrupted(b, "create")
    plan = await b.plan(small())
    find = b.toy.find

    async def no_accounts(target: Target, intent: str) -> Sequence[Observed]:
        if target.address == ACCOUNT:
            raise Unavailable("TEMO790", "no answer")
        return await find(target, intent)

    b.toy.find = no_accounts  # type: ignore[method-assign]
    result = await b.run(plan)
    assert list(not_tried(result)) == ["account.main"]
    assert failures(result) == {}
    assert FLOW in (await b.recorded()).resources
    assert b.open_intents() == [f"create {ACCOUNT}"]


async def test_a_delete_that_went_through_is_taken_off_the_record() -> None:
    b = await Bench().begin()
    await b.apply(small())
    (account,) = b.vendor.of("account")
    await interrupted(b, "delete", ref=account.ref)
    del b.vendor.things["account", account.ref]
    await look(b)
    assert ACCOUNT not in (await b.recorded()).resources


async def test_a_delete_that_never_arrived_leaves_the_record() -> None:
    b = await Bench().begin()
    await b.apply(small())
    (account,) = b.vendor.of("account")
    await interrupted(b, "delete", ref=account.ref)
    await look(b)
    assert ACCOUNT in (await b.recorded()).resources
    assert b.endings()[-1] == Ending.ABSENT.value


async def test_the_old_half_of_a_replace_goes_only_when_nothing_uses_it() -> None:
    """A key was replaced, and the run died before the flow was moved to the new one."""
    b = await Bench(parallelism=1).begin()
    await b.apply(small())
    plan = await b.plan(changed())
    old = b.vendor.of("key")[0].ref
    steps = tuple(one for one in plan.steps if one.id == str(KEY))
    await b.run(replace(plan, steps=steps))
    assert b.open_intents() == [f"delete {KEY}"]
    await look(b)
    assert ("key", old) in b.vendor.things, "the flow still uses it"
    assert b.open_intents() == [f"delete {KEY}"]
    assert (await b.apply(changed())).ok
    assert ("key", old) not in b.vendor.things
    assert len(b.vendor.of("key")) == 1
    assert b.open_intents() == []


async def test_a_twin_that_recovery_puts_on_record_is_not_deleted_by_the_older_plan() -> None:
    """A replace died when its new object had been made; the plan was drawn up before recovery looked."""
    b = await Bench(parallelism=1).begin()
    await b.apply(small())
    props = next(one.props for one in changed() if one.address == KEY)
    name = b.ids.token(12)
    marker = Marker(b.owner, "key", "main", name)
    hold = await b.hold()
    await b.store.journal.write([Begin(hold.fence, Intent(name, KEY, "create", marker, props, b.clock.now()))])
    token = b.state.secrets[b.owner.uid, TOKEN_PATH][-1].value
    new = b.vendor.add("key", Thing("new", marker, {"type": "b"}, b.clock.now(), hidden={"data": token}))
    b.clock.advance(10)
    plan = await b.plan(changed())
    assert any("!" in step.id and step.ref == new.ref for step in plan.steps)
    await b.run(plan)
    assert ("key", new.ref) in b.vendor.things
    for _ in range(2):
        await b.apply(changed())
    assert [thing.ref for thing in b.vendor.of("key")] == [new.ref]
    assert (await b.plan(changed())).steps == ()
    assert b.open_intents() == []

"""What a use case does before an object is changed: it is asked first, and its no is the end of that change."""

from __future__ import annotations

import pytest

from temoctl.engine.protocol import Call, Target
from temoctl.engine.result import RunResult
from temoctl.engine.run import run_tenant
from temoctl.engine.world import Beforehand
from temoctl.model.errors import Refused, Retryable
from tests.crash.toy_stage import changed, small
from tests.engine.bench import Bench, done, failures

pytestmark = pytest.mark.anyio


async def updated(bench: Bench, beforehand: Beforehand) -> tuple[RunResult, list[str]]:
    """Change the small world; the result, and which objects were updated."""
    plan = await bench.plan(changed())
    updates: list[str] = []

    def note(call: Call) -> None:
        if call.verb.value == "update":
            updates.append(call.target.address.tail)

    bench.toy.before = note
    hold = await bench.hold()
    result = await run_tenant(plan, bench.world(beforehand=beforehand), recorded=await bench.recorded(), hold=hold)
    return result, updates


async def test_it_is_asked_before_every_update_and_before_nothing_else() -> None:
    bench = await Bench().begin()
    await bench.apply(small())
    asked: list[str] = []

    async def beforehand(target: Target) -> None:
        asked.append(target.address.tail)

    result, updates = await updated(bench, beforehand)
    assert result.ok and updates
    assert asked == updates


async def test_its_no_leaves_the_object_as_it_was_and_nothing_open() -> None:
    bench = await Bench().begin()
    await bench.apply(small())
    (account,) = bench.vendor.of("account")
    before = dict(account.props)

    async def beforehand(target: Target) -> None:
        if target.address.kind == "account":
            raise Refused("TEMO122", "not yet")

    result, updates = await updated(bench, beforehand)
    assert failures(result) == {"account.main": "TEMO122"}
    assert "account.main" not in updates and done(result)
    assert dict(account.props) == before
    assert bench.open_intents() == []
    assert (await bench.apply(changed())).ok


async def test_what_may_work_later_is_tried_again() -> None:
    bench = await Bench().begin()
    await bench.apply(small())
    tries: list[str] = []

    async def beforehand(target: Target) -> None:
        tries.append(target.address.tail)
        if tries.count(target.address.tail) < 3:
            raise Retryable("TEMO712", "a moment", after=1.0)

    result, updates = await updated(bench, beforehand)
    assert result.ok
    assert all(tries.count(one) == 3 for one in updates) and updates

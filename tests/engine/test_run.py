"""Whole plans run on toys: what is done, what fails, what is not tried, and what is left behind."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from temoctl.engine.events import RunStarted, StepDone, StepStarted, StepWaiting, Stopping
from temoctl.engine.ports import Ending
from temoctl.engine.protocol import Call, Outcome, Verb, Verdict
from temoctl.engine.run import run_tenant
from temoctl.model.address import Address
from temoctl.model.diagnostic import Diagnostic
from temoctl.model.errors import LeaseLost, Refused, Retryable, UnknownOutcome
from temoctl.model.identity import Identity
from temoctl.model.kind import Kind
from temoctl.model.plan import Mode, TenantPlan
from temoctl.model.resource import Desired
from temoctl.model.step import Action, Step
from tests.crash.faults import Kind as Fault
from tests.crash.toy import KINDS
from tests.crash.toy_stage import FLOW, KEY, ROOM, address, changed, small
from tests.engine.bench import Bench, done, failures, not_tried

pytestmark = pytest.mark.anyio


async def bench(**extra: object) -> Bench:
    return await Bench(**extra).begin()  # type: ignore[arg-type]


async def test_a_plan_runs_and_a_second_one_is_empty() -> None:
    b = await bench()
    result = await b.apply(small())
    assert result.ok, result
    assert done(result) == {one.address.tail for one in small()}
    assert (await b.plan(small())).steps == ()
    assert b.open_intents() == []
    assert [probe.name for probe in result.probes] == ["its key is there"]


async def test_what_is_needed_comes_first_and_events_tell_it() -> None:
    b = await bench()
    await b.apply(small())
    assert isinstance(b.events[0], RunStarted)
    ended = [event.step.address for event in b.events if isinstance(event, StepDone)]
    begun = [event.step.address for event in b.events if isinstance(event, StepStarted)]
    assert sorted(begun) == sorted(ended)
    assert ended.index(KEY) < begun.index(FLOW) > ended.index(ROOM)
    assert any(isinstance(event, StepWaiting) for event in b.events)


async def test_independent_steps_run_side_by_side_up_to_the_limit() -> None:
    b = await bench(parallelism=3)
    b.toy.takes = 1.0
    await b.apply(small())
    assert b.toy.most_running == 3


async def test_parallelism_makes_no_difference_to_the_end() -> None:
    ends = []
    for parallelism in (1, 16):
        b = await bench(parallelism=parallelism)
        await b.apply(small())
        await b.apply(changed())
        ends.append((b.there(), sorted((await b.recorded()).resources)))
    assert ends[0] == ends[1]


async def test_a_failure_stops_only_what_hangs_on_it() -> None:
    b = await bench()

    def no_keys(call: Call) -> None:
        if call.target.address == KEY:
            raise Refused("TEMO790", "no more keys for you", fix="buy some")

    b.toy.before = no_keys
    result = await b.apply(small())
    assert failures(result) == {"key.main": "TEMO790"}
    assert not_tried(result) == {"flow.main": "needs key main", "signal.main": "needs key main"}
    assert done(result) == {"room.main", "paper.main", "account.main", "hook.main"}
    assert b.open_intents() == []
    assert "failed" in b.endings()
    b.toy.before = None
    assert (await b.apply(small())).ok


async def test_a_fault_in_a_system_ends_its_own_branch_and_says_no_secret() -> None:
    b = await bench()

    def clumsy(call: Call) -> None:
        if call.target.address == KEY:
            raise KeyError(call.props["data"].reveal())

    b.toy.before = clumsy
    result = await b.apply(small())
    assert failures(result) == {"key.main": "TEMO952"}
    assert "the-token-of-acme" not in repr(result) + repr(b.events)
    assert "account.main" in done(result)


async def test_an_object_changed_since_the_plan_is_left_alone() -> None:
    b = await bench()
    await b.apply(small())
    plan = await b.plan(changed())
    (account,) = b.vendor.of("account")
    account.props["plan"] = "somebody's choice"
    result = await b.run(plan)
    assert failures(result) == {"account.main": "TEMO501"}
    assert account.props["plan"] == "somebody's choice"
    assert ("update", address("account")) not in b.toy.calls


async def test_an_object_put_right_since_the_plan_is_taken_as_it_is() -> None:
    """A vendor's event may have been quicker: nothing is left to do, and nobody is overruled."""
    b = await bench()
    await b.apply(small())
    plan = await b.plan(changed())
    (account,) = b.vendor.of("account")
    (step,) = [one for one in plan.steps if one.address == address("account")]
    assert step.desired is not None
    account.props |= {change.path: step.desired.props[change.path] for change in step.changes}
    result = await b.run(plan)
    assert not failures(result) and "account.main" in done(result)
    assert ("update", address("account")) not in b.toy.calls
    assert not (await b.plan(changed())).steps


async def test_an_object_changed_since_the_plan_is_not_deleted() -> None:
    b = await bench()
    await b.apply(small())
    plan = await b.plan([], Mode.DESTROY)
    (account,) = b.vendor.of("account")
    account.props["plan"] = "somebody's choice"
    result = await b.run(plan, mode=Mode.DESTROY)
    assert failures(result) == {"account.main": "TEMO501"}
    assert b.there() == ["account.main"]


async def test_an_object_of_another_owner_is_not_deleted() -> None:
    b = await bench()
    await b.apply(small())
    plan = await b.plan([], Mode.DESTROY)
    (account,) = b.vendor.of("account")
    account.marker = replace(account.marker, owner=replace(account.marker.owner, uid="z" * 16))
    result = await b.run(plan, mode=Mode.DESTROY)
    assert failures(result) == {"account.main": "TEMO513"}


async def test_a_destroy_proves_every_deletion() -> None:
    b = await bench()
    await b.apply(small())
    result = await b.destroy()
    assert result.ok
    assert b.there() == []
    assert {proof.verdict for _, proof in result.certificate} == {Verdict.DELETED}
    assert {one for one, _ in result.certificate} == {one.address for one in small() if one.address.kind != "signal"}
    assert (await b.recorded()).resources == {}


async def test_a_deletion_that_is_not_seen_is_not_called_done() -> None:
    b = await bench()
    await b.apply(small())

    async def deaf(call: Call) -> Outcome:
        return Outcome(str(call.target.ref))

    plan = await b.plan([], Mode.DESTROY)
    b.toy.execute = deaf  # type: ignore[method-assign]
    result = await b.run(plan, mode=Mode.DESTROY)
    assert failures(result)["account.main"] == "TEMO509"
    assert all(one.unknown for one in result.failed)
    assert address("account") in (await b.recorded()).resources
    assert f"delete {address('account')}" in b.open_intents()


async def test_what_had_no_effect_is_repeated_after_the_wait_that_was_asked_for() -> None:
    b = await bench()
    left = 3

    def busy(call: Call) -> None:
        nonlocal left
        if call.target.address == address("account") and left:
            left -= 1
            raise Retryable("TEMO790", "busy", after=40)

    b.toy.before = busy
    result = await b.apply(small())
    assert result.ok
    assert b.clock.monotonic() >= 120
    assert len(b.vendor.of("account")) == 1
    assert [row.ending for row in b.state.intents.values() if row.intent.address.kind == "account"] == [Ending.DONE]


async def test_repeating_ends_at_some_time_and_is_known_to_have_had_no_effect() -> None:
    b = await bench()

    def always_busy(call: Call) -> None:
        if call.target.address == address("account"):
            raise Retryable("TEMO790", "busy")

    b.toy.before = always_busy
    result = await b.apply(small())
    assert failures(result) == {"account.main": "TEMO790"}
    assert not result.failed[0].unknown
    assert b.open_intents() == []


async def test_an_outcome_that_can_not_be_found_out_is_neither_done_nor_failed() -> None:
    b = await bench()

    def cut(call: Call) -> None:
        if call.target.address == address("account"):
            b.toy.outage = True
            raise UnknownOutcome("TEMO790", "no answer")

    b.toy.after = cut
    result = await b.run(await b.plan([one for one in small() if one.address == address("account")]))
    assert failures(result) == {"account.main": "TEMO502"}
    assert result.failed[0].unknown
    assert b.open_intents() == [f"create {address('account')}"]
    b.toy.outage, b.toy.after = False, None
    assert (await b.apply(small())).ok
    assert len(b.vendor.of("account")) == 1


async def test_a_no_in_the_middle_leaves_the_object_on_record() -> None:
    """The flow is posted, then its activation is refused: what is there must be ours to find and to delete."""
    b = await bench()
    send = b.toy._send

    async def no_activation(call: Call, label: str, perform: object) -> object:
        if label == "activate":
            call.permit.check()
            raise Refused("TEMO790", "this flow can't be activated")
        return await send(call, label, perform)  # type: ignore[arg-type]

    b.toy._send = no_activation  # type: ignore[method-assign]
    result = await b.apply(small())
    assert failures(result) == {"flow.main": "TEMO790"}
    assert FLOW in (await b.recorded()).resources
    assert b.open_intents() == []
    b.toy._send = send  # type: ignore[method-assign]
    assert (await b.apply(small())).ok
    assert len(b.vendor.of("flow")) == 1


async def test_generated_secrets_are_in_the_vault_before_the_effect() -> None:
    b = await bench()
    seen = []

    def look(call: Call) -> None:
        if call.target.address == ROOM:
            stored = b.state.secrets[call.marker.owner.uid, "toy/password"][-1].value
            seen.append(stored == call.props["password"])

    b.toy.before = look
    await b.apply(small())
    assert seen == [True]


async def test_a_missing_secret_fails_before_anything_is_journaled() -> None:
    b = await bench()
    b.state.secrets.clear()
    result = await b.apply(small())
    assert failures(result) == {"key.main": "TEMO620"}
    assert all(row.intent.address != KEY for row in b.state.intents.values())


async def test_an_object_that_is_ours_but_unrecorded_is_adopted_and_completed() -> None:
    b = await bench()
    await b.apply(small())
    b.state.resources.clear()
    b.clock.advance(100)
    (account,) = b.vendor.of("account")
    account.props["plan"] = "OLD"
    result = await b.apply([one for one in small() if one.address.kind in ("account", "paper")])
    assert done(result) >= {"account.main", "paper.main"}
    assert account.props["plan"] == "START"
    assert b.toy.calls.count(("create", address("account"))) == 1
    assert (await b.recorded()).resources[address("account")].ref == account.ref


async def test_a_stale_list_does_not_make_a_second_one() -> None:
    """The plan believed that a recorded object is gone; it is there."""
    b = await bench()
    await b.apply(small())
    plan = await b.plan(small())
    desired = next(one for one in small() if one.address.kind == "account")
    step = Step(str(desired.address), desired.address, Action.CREATE, "it is gone", "account", desired=desired)
    result = await b.run(replace(plan, steps=(step,)))
    assert result.done[0].note == "it was there already"
    assert len(b.vendor.of("account")) == 1


async def test_asking_fails_with_what_to_do_and_blocks_what_hangs_on_it() -> None:
    b = await bench()
    plan = await b.plan(small())
    steps = tuple(
        replace(one, action=Action.ASK, because="two objects answer", fix="choose one", code="TEMO407")
        if one.address == KEY
        else one
        for one in plan.steps
    )
    result = await b.run(replace(plan, steps=steps))
    assert failures(result) == {"key.main": "TEMO407"}
    assert result.failed[0].problem.fix == "choose one"
    assert not_tried(result).keys() == {"flow.main", "signal.main"}
    assert ("create", KEY) not in b.toy.calls


async def test_a_gate_waits_for_its_person() -> None:
    gate = Kind("toy", "pairing", "pairing", Identity.GATE)
    b = await bench(kinds={**KINDS, "pairing": gate})
    where = Address("acme", "toy", "pairing", "main")
    step = Step(str(where), where, Action.ASK, "scan the QR code", "pairing", desired=Desired(where, {}, "pairing"))
    plan = await b.plan([])
    result = await b.run(replace(plan, steps=(step,)))
    assert result.waiting == (step,)
    assert result.ok


async def test_a_witness_that_never_comes_is_told_with_its_reason() -> None:
    b = await bench()
    wanted = [one for one in small() if one.address.kind == "signal"]
    wanted = [replace(one, props={"of": "nobody"}, witness_of=None) for one in wanted]
    result = await b.apply(wanted)
    assert failures(result) == {"signal.main": "TEMO506"}
    assert b.clock.monotonic() >= KINDS["signal"].ready


async def test_an_outage_that_ends_while_waited_for_is_no_failure() -> None:
    b = await bench()
    await b.apply(small())
    desired = next(one for one in small() if one.address.kind == "account")
    step = Step(str(desired.address), desired.address, Action.WAIT, "no answer", "account", desired=desired)
    plan = replace(await b.plan(small()), steps=(step,))
    b.toy.outage = True

    async def mend() -> None:
        await b.clock.sleep(8)
        b.toy.outage = False

    result, _ = await asyncio.gather(b.run(plan), mend())
    assert result.ok, result.failed


async def test_losing_the_lease_stops_the_tenant_at_once() -> None:
    b = await bench(parallelism=1)

    class Lost:
        checks = 0

        def check(self) -> None:
            self.checks += 1
            if self.checks > 6:
                raise LeaseLost("TEMO508", "this run no longer holds the tenant")

    b.permit = Lost()
    result = await b.apply(small())
    assert "no longer holds" in result.stopped
    assert not result.ok
    assert len(result.done) + len(result.failed) + len(result.not_tried) == len(small())
    assert all(one.unknown for one in result.failed)
    assert len(b.toy.calls) <= 3


async def test_a_stale_fence_stops_the_tenant_too() -> None:
    b = await bench()
    plan = await b.plan(small())
    hold = await b.hold()
    await b.hold()
    result = await run_tenant(plan, b.world(), recorded=await b.recorded(), hold=hold)
    assert "another run" in result.stopped
    assert b.there() == []
    assert b.state.intents == {}


async def test_the_first_stop_finishes_what_runs_and_starts_nothing() -> None:
    b = await bench(parallelism=2)
    b.toy.takes = 2.0
    plan = await b.plan(small())

    async def press() -> None:
        await b.clock.sleep(1)
        b.stop.press()

    result, _ = await asyncio.gather(b.run(plan), press())
    assert len(result.done) == 2
    assert result.failed == ()
    assert "stopped" in result.stopped
    assert len(result.not_tried) == len(plan.steps) - 2
    assert b.open_intents() == []
    assert sum(isinstance(event, Stopping) for event in b.events) == 1
    b.stop = type(b.stop)()
    assert (await b.apply(small())).ok


async def test_the_second_stop_ends_at_once_and_the_next_run_recovers() -> None:
    b = await bench(parallelism=2)
    b.toy.takes = 2.0
    plan = await b.plan(small())

    async def press() -> None:
        await b.clock.sleep(1)
        b.stop.press()
        b.stop.press()

    result, _ = await asyncio.gather(b.run(plan), press())
    assert result.seconds < 2
    assert len(result.failed) == 2
    assert all(one.unknown for one in result.failed)
    assert len(b.open_intents()) == 2
    b.stop, b.toy.takes = type(b.stop)(), 0.0
    assert (await b.apply(small())).ok
    assert len(b.there()) == len(small()) - 1


async def test_a_run_that_is_cancelled_from_outside_leaves_open_intents_only() -> None:
    b = await bench(parallelism=1)
    b.toy.takes = 2.0
    task = asyncio.create_task(b.run(await b.plan(small())))
    await b.clock.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await b.clock.sleep(10)
    assert b.there() == []
    assert len(b.open_intents()) == 1


async def test_a_resumed_plan_skips_what_is_done() -> None:
    b = await bench(parallelism=1)
    plan = await b.plan(small())

    def no_flow(call: Call) -> None:
        if call.target.address == FLOW:
            raise Refused("TEMO790", "not now")

    b.toy.before = no_flow
    await b.run(plan, name="P-1")
    b.toy.before, b.toy.calls = None, []
    result = await b.run(plan, name="P-1")
    assert result.ok, result.failed
    assert b.toy.calls == [("create", FLOW)]


async def test_plans_with_problems_are_not_run() -> None:
    b = await bench()
    plan = await b.plan(small())
    broken: TenantPlan = replace(plan, problems=(Diagnostic("TEMO201", "no"),))
    result = await b.run(broken)
    assert not result.ok
    assert len(result.not_tried) == len(plan.steps)
    assert b.there() == []


async def test_a_red_probe_makes_the_run_not_ok() -> None:
    b = await bench()
    await b.apply(small())
    b.vendor.things = {key: thing for key, thing in b.vendor.things.items() if key[0] != "key"}
    result = await b.run(replace(await b.plan(small()), steps=()))
    assert [(probe.name, probe.ok) for probe in result.probes] == [("its key is there", False)]
    assert not result.ok


async def test_lost_answers_end_with_one_of_each() -> None:
    """Every request of a first apply loses its answer, one by one; the same run sees it through."""
    clean = await bench(parallelism=1)
    await clean.apply(small())
    assert clean.fault_source.count == 7
    for number in range(clean.fault_source.count):
        for fault in (Fault.LOST, Fault.LATE):
            b = await bench(parallelism=1, faults=((number, fault),))
            result = await b.apply(small())
            assert result.ok, (number, fault, result.failed)
            assert b.there() == clean.there()
            assert b.open_intents() == []


async def test_every_change_has_its_journal_row_first() -> None:
    b = await bench()
    missing = []

    def look(call: Call) -> None:
        row = b.state.intents.get(call.intent)
        if row is None or row.ending is not None or row.intent.verb != call.verb.value:
            missing.append(call.target.address)

    b.toy.before = look
    for wanted in (small(), changed(), []):
        await b.apply(wanted)
    assert missing == []
    assert {verb for verb, _ in b.toy.calls} == {verb.value for verb in Verb}


async def test_a_record_is_not_forgotten_while_its_object_can_not_be_seen_to_be_gone() -> None:
    b = await bench()
    await b.apply(small())
    step = Step(str(address("account")), address("account"), Action.FORGET, "it is gone", "account")
    plan = replace(await b.plan(small()), steps=(step,))
    assert failures(await b.run(plan)) == {"account.main": "TEMO501"}
    b.toy.outage = True
    assert failures(await b.run(plan)) == {"account.main": "TEMO790"}
    assert address("account") in (await b.recorded()).resources
    b.toy.outage = False
    b.vendor.things = {key: thing for key, thing in b.vendor.things.items() if key[0] != "account"}
    assert done(await b.run(plan)) == {"account.main"}

"""Properties that hold for every tenant that can be built: totality, determinism, and that applying settles things."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from temoctl.model.address import Address
from temoctl.model.identity import Marker
from temoctl.model.plan import Mode, Plan, RecordedTenant, View
from temoctl.model.resource import Desired, Doubt, Observed, Presence
from temoctl.model.step import Action
from temoctl.model.value import UNKNOWN
from temoctl.planner import plan_tenant
from temoctl.planner.planfile import encode
from tests.planner.simulation import KINDS, OTHER, OWNER, Simulation, Thing
from tests.planner.strategies import ADDRESSES, JSON, NAMES, damaged, wishes

QUICK = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
EFFECTS = {Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DELETE, Action.ADOPT, Action.FORGET}
Wishes = dict[Address, Desired]


def encoded(plan: Any) -> str:
    return encode(Plan("P-1", Mode.APPLY, 0.0, 1.0, "i", (plan,)), b"key")


@QUICK
@given(wishes())
def test_applying_a_plan_leaves_nothing_to_plan(wanted: Wishes) -> None:
    world = Simulation(wanted)
    plan = world.plan()
    assert world.apply(plan) == {step.id for step in plan.steps}
    assert world.plan().steps == ()
    assert world.plan().unchanged == len(wanted)


@QUICK
@given(wishes(), wishes(least=1))
def test_moving_from_one_spec_to_another_settles_in_two_runs(first: Wishes, second: Wishes) -> None:
    world = Simulation(first)
    world.apply(world.plan())
    world.desired = second
    for _ in range(2):
        plan = world.plan()
        world.apply(plan)
    assert world.plan().steps == ()
    assert set(world.records) == set(second)
    assert not any(world.extra.values())


@QUICK
@given(wishes(), wishes(least=1))
def test_the_way_there_does_not_matter(first: Wishes, second: Wishes) -> None:
    """A then B ends like B alone, but for the vendors' ids (and for fields of A that B doesn't own)."""

    def owned(world: Simulation) -> dict[Address, Any]:
        assert world.things.keys() <= second.keys(), world.plan()
        return {address: set(thing.props) >= set(second[address].props) for address, thing in world.things.items()}

    straight, around = Simulation(second), Simulation(first)
    for world in (straight, around):
        for _ in range(2):
            world.apply(world.plan())
        world.desired = second
        for _ in range(2):
            world.apply(world.plan())
    assert owned(straight) == owned(around)


@QUICK
@given(wishes(), st.randoms(use_true_random=False), st.data())
def test_edits_by_hand_are_put_right(wanted: Wishes, chance: random.Random, data: st.DataObject) -> None:
    world = Simulation(wanted)
    world.apply(world.plan())
    for address in sorted(world.things):
        match data.draw(st.sampled_from(["leave", "edit", "delete", "doubt"])):
            case "edit":
                world.things[address].props["name"] = "by hand"
            case "delete":
                del world.things[address]
            case "doubt":
                world.doubts[address] = data.draw(st.sampled_from(Doubt))
    drift = world.plan(Mode.DRIFT)
    changed = {step.address for step in drift.steps if step.action in EFFECTS}
    assert changed.isdisjoint(world.doubts)
    before = {address: thing.props for address, thing in world.things.items() if address in world.doubts}
    world.apply(world.plan())
    assert {address: world.things[address].props for address in before} == before
    world.doubts.clear()
    for _ in range(2):
        world.apply(world.plan())
    assert world.plan().steps == ()
    assert world.plan(Mode.DRIFT).steps == ()


@QUICK
@given(wishes())
def test_destroying_leaves_nothing(wanted: Wishes) -> None:
    world = Simulation(wanted)
    world.apply(world.plan())
    plan = world.plan(Mode.DESTROY)
    assert {step.action for step in plan.steps} <= {Action.DELETE, Action.FORGET}
    world.apply(plan)
    assert world.things == {} and world.records == {} and world.plan(Mode.DESTROY).steps == ()


@QUICK
@given(wishes(), st.data())
def test_lost_records_are_found_again_by_marker(wanted: Wishes, data: st.DataObject) -> None:
    world = Simulation(wanted)
    world.apply(world.plan())
    for address in sorted(world.records):
        if data.draw(st.booleans()):
            del world.records[address]
    things = {a: t.ref for a, t in world.things.items() if KINDS[a.kind_key].key != "pay.hook"}
    for _ in range(2):
        world.apply(world.plan())
    assert world.plan().steps == ()
    assert {a: t.ref for a, t in world.things.items() if a in things} == things or _replaced(wanted)


def _replaced(wanted: Wishes) -> bool:
    """A secret that is issued once is made anew; so are things that refer to it by a field that can't change."""
    return any(address.kind_key == "pay.hook" for address in wanted)


@QUICK
@given(wishes(), st.data())
def test_what_is_not_ours_is_never_touched(wanted: Wishes, data: st.DataObject) -> None:
    world = Simulation(wanted)
    if data.draw(st.booleans()):
        world.apply(world.plan())
    foreign = set()
    for address in ADDRESSES:
        if data.draw(st.integers(0, 4)) == 0 and address.kind != "bot":
            marker = data.draw(st.sampled_from([None, Marker(OTHER, address.kind, address.name)]))
            world.things[address] = Thing(f"foreign-{address}", {"name": "theirs"}, marker)
            foreign.add(address)
    for mode in (Mode.APPLY, Mode.DESTROY):
        for step in world.plan(mode).steps:
            if step.ref is not None and step.ref.startswith("foreign-"):
                assert step.action in (Action.ASK, Action.WAIT)
            if step.address in foreign:
                assert step.action is not Action.CREATE


@QUICK
@given(wishes(protect=True))
def test_protection_outlives_the_block(wanted: Wishes) -> None:
    world = Simulation(wanted)
    world.apply(world.plan())
    kept = {address for address, one in wanted.items() if one.protect}
    other = Address("acme", "db", "schema", "other")
    world.desired = {other: Desired(other, {}, "other")}
    world.apply(world.plan())
    world.apply(world.plan(Mode.DESTROY))
    assert kept <= set(world.things) | {a for a in kept if KINDS[a.kind_key].watched_only}
    asked = {step.address: step for step in world.plan(Mode.DESTROY).steps if step.action is Action.ASK}
    assert set(asked) == kept
    assert all(step.code == "TEMO408" and step.fix for step in asked.values())


@QUICK
@given(wishes(), wishes(least=1), st.randoms(use_true_random=False))
def test_the_same_input_gives_the_same_bytes_in_any_order(first: Wishes, second: Wishes, chance: random.Random) -> None:
    world = Simulation(first)
    world.apply(world.plan())
    world.desired = second

    def shuffled(items: dict[Any, Any]) -> dict[Any, Any]:
        keys = list(items)
        chance.shuffle(keys)
        return {key: items[key] for key in keys}

    one = world.plan()
    recorded = world.recorded()
    view = world.view()
    other = world.plan(
        desired={a: _mixed(d, shuffled) for a, d in shuffled(second).items()},
        recorded=RecordedTenant(
            "acme", recorded.uid, recorded.serial, "", shuffled(dict(recorded.resources)), (), recorded.known_intents
        ),
        view=View(shuffled(dict(view.observed)), view.strays),
    )
    assert encoded(one) == encoded(other)
    assert encoded(one) == encoded(world.plan())


def _mixed(desired: Desired, shuffled: Any) -> Desired:
    from dataclasses import replace

    return replace(desired, props=shuffled(dict(desired.props)))


def _seen(address: Address) -> st.SearchStrategy[Observed]:
    markers = st.sampled_from(
        [None, Marker(OWNER, address.kind, address.name, "0" * 12), Marker(OTHER, address.kind, address.name)]
    )
    one = st.builds(
        Observed,
        st.just(address),
        st.sampled_from(Presence),
        ref=st.none() | st.sampled_from(["r1", "r2"]),
        props=st.dictionaries(st.sampled_from(["name", "fixed", "nodes", "settings"]), JSON, max_size=3),
        marker=markers,
        doubt=st.none() | st.sampled_from(Doubt),
        active=st.none() | st.booleans(),
        referenced=st.booleans(),
    )
    return st.builds(
        lambda main, twins: Observed(
            main.address,
            main.presence,
            main.ref,
            main.props,
            marker=main.marker,
            doubt=main.doubt,
            twins=tuple(twins),
        ),
        one,
        st.lists(one, max_size=2),
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(wishes(), damaged(), st.data(), st.sampled_from(Mode))
def test_no_state_makes_planning_fail(wanted: Wishes, records: Any, data: st.DataObject, mode: Mode) -> None:
    everywhere = sorted({*wanted, *records, Address("acme", "n8n", "workflow", NAMES[0])})
    observed = {a: data.draw(_seen(a)) for a in everywhere if data.draw(st.integers(0, 3))}
    strays = tuple(data.draw(_seen(a)) for a in everywhere if data.draw(st.integers(0, 3)) == 0)
    plan = plan_tenant(
        "acme",
        uid=OWNER.uid,
        new=False,
        desired=wanted,
        recorded=RecordedTenant("acme", OWNER.uid, 1, "", records, known_intents=frozenset({"0" * 12})),
        view=View(observed, strays),
        kinds=KINDS,
        mode=mode,
        known=lambda address, output: UNKNOWN,
    )
    ids = [step.id for step in plan.steps]
    assert len(ids) == len(set(ids))
    for position, step in enumerate(plan.steps):
        assert set(step.needs) <= set(ids[:position])
        assert step.because
        _allowed(step, wanted, records, observed, strays)
    encoded(plan)


def _allowed(step: Any, wanted: Wishes, records: Any, observed: Any, strays: Any) -> None:
    """No step touches what isn't there for sure, or isn't ours."""
    kind = KINDS.get(step.address.kind_key)
    if kind is None or kind.watched_only:
        assert step.action in (Action.ASK, Action.WAIT, Action.FORGET)
        return
    if step.action not in (Action.UPDATE, Action.DELETE, Action.REPLACE, Action.ADOPT):
        return
    main = observed.get(step.address)
    everyone = [*([main, *main.twins] if main else []), *(s for o in strays for s in (o, *o.twins))]
    there = [o for o in everyone if o.presence is Presence.PRESENT and o.ref == step.ref and o.address == step.address]
    assert there
    recorded = records.get(step.address)
    chosen = kind.identity.value == "chosen" and recorded is not None and recorded.ref == step.ref
    ours = [o for o in there if o.marker is None or o.marker.owner == OWNER]
    assert ours
    assert any(o.marker is not None for o in ours) or chosen or kind.observe_secrets

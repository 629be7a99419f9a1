"""Single stories of one tenant: what the plan says, and in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from temoctl.model.address import Address
from temoctl.model.diagnostic import Severity, Where
from temoctl.model.identity import Marker
from temoctl.model.kind import Impact
from temoctl.model.plan import Mode, Plan, TenantPlan, View
from temoctl.model.resource import Desired, Doubt, Observed, Presence
from temoctl.model.step import Action, Step
from temoctl.model.value import UNKNOWN, ref
from temoctl.planner import as_desired, select
from tests.planner.simulation import KINDS, OTHER, OWNER, Simulation, Thing

LOGIN = Address("acme", "n8n", "credential", "telegram")
FLOW = Address("acme", "n8n", "workflow", "telegram-ingress")
TENANT = Address("acme", "n8n", "workflow", "tenant")
BOT = Address("acme", "bot", "bot", "telegram")
HOOK = Address("acme", "bot", "webhook", "telegram")
SCHEMA = Address("acme", "db", "schema", "knowledge")
FILE = Address("acme", "db", "file", "menu")
SHARED = Address("platform", "n8n", "workflow", "core")
TOKEN = {"$secret": "telegram/token", "version": 1}


def wish(address: Address, props: dict[str, Any], **more: Any) -> Desired:
    return Desired(address, props, address.name, where=Where("acme.yaml", 7, 3), **more)


def telegram() -> dict[Address, Desired]:
    nodes = [{"name": "Trigger", "credentials": {"id": ref(LOGIN)}}, {"name": "Send", "text": "hello"}]
    return {
        one.address: one
        for one in (
            wish(LOGIN, {"name": "login", "fixed": "telegramApi", "data": {"token": TOKEN}}),
            wish(BOT, {"token": TOKEN, "name": "Acme"}),
            wish(TENANT, {"name": "tenant", "nodes": []}),
            wish(FLOW, {"name": "flow", "nodes": nodes, "settings": {"a": 1}, "calls": ref(TENANT)}, after=(BOT,)),
            wish(HOOK, {"url": "ours", "token": TOKEN}, after=(FLOW,), witness_of=FLOW),
        )
    }


def applied(desired: dict[Address, Desired] | None = None) -> Simulation:
    world = Simulation(telegram() if desired is None else desired)
    world.apply(world.plan())
    assert world.plan().steps == ()
    return world


def step_of(plan: TenantPlan, address: Address, suffix: str = "") -> Step:
    return next(step for step in plan.steps if step.id == f"{address}{suffix}")


def change(world: Simulation, address: Address, **props: Any) -> None:
    before = world.desired[address]
    world.desired[address] = replace(before, props={**before.props, **props})


def test_first_plan_makes_everything_in_order_and_waits_for_the_witness() -> None:
    plan = Simulation(telegram()).plan()
    assert [step.action for step in plan.steps].count(Action.CREATE) == 4
    assert plan.steps[-1].address == HOOK and plan.steps[-1].action is Action.WAIT
    assert set(step_of(plan, FLOW).needs) == {str(LOGIN), str(BOT), str(TENANT)}
    assert step_of(plan, FLOW).because == "the spec asks for it"


def test_a_change_in_the_spec_is_told_apart_from_a_change_by_hand() -> None:
    world = applied()
    change(world, BOT, name="Acme 2")
    world.things[FLOW].props["nodes"][1]["text"] = "by hand"
    plan = world.plan()
    assert step_of(plan, BOT).because == "the spec changed: name"
    flow = step_of(plan, FLOW)
    assert flow.because == "it was changed outside temoctl: nodes[Send].text"
    assert [(one.path, one.before, one.after, one.drift) for one in flow.changes] == [
        ("nodes[Send].text", "by hand", "hello", True)
    ]
    assert flow.impact is Impact.PAUSE and flow.reversible
    assert [(one.address, one.summary) for one in plan.drift] == [
        (FLOW, "was changed outside temoctl: nodes[Send].text")
    ]


def test_what_others_are_meant_to_move_is_answered_and_is_no_drift() -> None:
    world = Simulation(telegram())
    change(world, FLOW, asked="nothing")
    world.apply(world.plan())
    world.things[FLOW].props["asked"] = "a card"
    plan = world.plan()
    flow = step_of(plan, FLOW)
    assert flow.because == "something has happened there that has to be answered: asked"
    assert [(one.before, one.after, one.drift) for one in flow.changes] == [("a card", "nothing", False)]
    assert plan.drift == ()


def test_a_vendors_own_settings_are_not_drift() -> None:
    world = applied()
    world.things[FLOW].props["settings"] = {"a": 1, "vendor": "default"}
    world.things[FLOW].props["versionId"] = "abc"
    assert world.plan().steps == ()


def test_a_new_secret_version_is_shown_as_a_version() -> None:
    world = applied()
    change(world, LOGIN, data={"token": {**TOKEN, "version": 2}})
    login = step_of(world.plan(), LOGIN)
    assert login.because == "a secret has a new version: data.token"
    assert [(one.before, one.after, one.secret) for one in login.changes] == [("version 1", "version 2", True)]


def test_what_was_deleted_outside_comes_back_and_what_uses_it_follows() -> None:
    world = applied()
    del world.things[LOGIN]
    plan = world.plan()
    assert step_of(plan, LOGIN).because == "it was deleted outside temoctl"
    flow = step_of(plan, FLOW)
    assert flow.action is Action.UPDATE and flow.needs == (str(LOGIN),)
    assert flow.because == "something it uses is made anew: nodes[Trigger].credentials.id"
    assert flow.changes[0].after == "(known after apply)"
    assert step_of(plan, HOOK).action is Action.WAIT
    world.apply(plan)
    assert world.plan().steps == ()


def test_an_immutable_forces_a_replace_around_which_dependants_move() -> None:
    world = applied()
    change(world, LOGIN, fixed="otherApi")
    plan = world.plan()
    login = step_of(plan, LOGIN)
    assert (login.action, login.forced_by) == (Action.REPLACE, ("fixed",))
    assert "fixed can't be changed" in login.because
    order = [step.id for step in plan.steps]
    assert order.index(str(LOGIN)) < order.index(str(FLOW)) < order.index(f"{LOGIN}!delete")
    assert step_of(plan, LOGIN, "!delete").ref == world.things[LOGIN].ref
    world.apply(plan)
    assert world.plan().steps == () and not any(world.extra.values())


def test_delete_before_create_goes_the_other_way_round() -> None:
    world = applied({FILE: wish(FILE, {"fixed": "1"})})
    change(world, FILE, fixed="2")
    assert [step.id for step in world.plan().steps] == [f"{FILE}!delete", str(FILE)]


def test_data_needs_an_allowance_and_cant_be_undone() -> None:
    world = applied({SCHEMA: wish(SCHEMA, {"name": "k", "fixed": "1"})})
    world.records[SCHEMA] = replace(world.records[SCHEMA], where=Where("acme.yaml", 41))
    world.desired = {FILE: wish(FILE, {})}
    step = step_of(world.plan(), SCHEMA)
    assert (step.action, step.allowance, step.impact, step.reversible) == (
        Action.DELETE,
        "delete:db.schema",
        Impact.DATA_LOSS,
        False,
    )
    assert step.because == "it was removed from acme.yaml:41"
    assert world.plan(Mode.DESTROY).allowances == ("delete:db.schema",)


def test_what_refers_to_a_thing_lets_go_before_the_thing_goes() -> None:
    world = applied()
    change(world, FLOW, calls="nothing")
    del world.desired[TENANT]
    plan = world.plan()
    assert step_of(plan, TENANT).action is Action.DELETE
    assert str(FLOW) in step_of(plan, TENANT).needs
    destroy = [step.address for step in applied().plan(Mode.DESTROY).steps]
    assert destroy.index(HOOK) < destroy.index(FLOW) < min(destroy.index(LOGIN), destroy.index(TENANT))


def test_a_wrong_witness_repairs_what_it_proves() -> None:
    world = applied()
    world.touched.clear()
    plan = world.plan()
    flow, hook = step_of(plan, FLOW), step_of(plan, HOOK)
    assert (flow.action, flow.repair, flow.changes) == (Action.UPDATE, True, ())
    assert (hook.action, hook.needs) == (Action.WAIT, (str(FLOW),))
    assert [one.address for one in plan.drift] == [HOOK]
    world.apply(plan)
    assert world.plan().steps == ()


def test_a_right_witness_that_is_new_to_the_record_is_looked_at_and_nothing_is_set_up_again() -> None:
    hook = telegram()[HOOK]
    world = applied({address: one for address, one in telegram().items() if address != HOOK})
    world.desired[HOOK] = hook
    (step,) = world.plan().steps
    assert (step.address, step.action, step.needs) == (HOOK, Action.WAIT, ())
    assert step.because == "it is as it should be, but isn't on record"
    world.apply(world.plan())
    assert world.plan().steps == () and world.records[HOOK].props == hook.props


def test_a_witness_that_is_right_at_its_new_place_is_taken_down_anew() -> None:
    """Else the record, which drift is measured against, would tell of the old place for ever."""
    world = applied()
    change(world, HOOK, url="ours at a new place")
    (step,) = world.plan().steps
    assert (step.address, step.action) == (HOOK, Action.WAIT)
    world.apply(world.plan())
    assert world.plan().steps == () and world.plan(Mode.DRIFT).steps == ()


def test_a_witness_that_the_record_lacks_is_no_drift() -> None:
    world = applied()
    del world.records[HOOK]
    plan = world.plan(Mode.DRIFT)
    assert (plan.steps, plan.drift) == ((), ())
    world.touched.clear()
    assert step_of(world.plan(Mode.DRIFT), HOOK).action is Action.WAIT


def test_a_foreign_witness_stops_everything_it_concerns() -> None:
    after = Address("acme", "n8n", "workflow", "after")
    world = applied({**telegram(), after: wish(after, {"calls": ref(FLOW)})})
    change(world, FLOW, name="new name")
    change(world, after, name="new name")
    change(world, BOT, name="new name")
    world.doubts[HOOK] = Doubt.FOREIGN
    plan = world.plan()
    for address in (FLOW, after, HOOK):
        step = step_of(plan, address)
        assert step.action is Action.ASK and "in doubt" in step.because and step.code == "TEMO403"
    assert step_of(plan, BOT).action is Action.UPDATE
    world.apply(plan)
    assert world.things[FLOW].props["name"] == "flow"


def test_a_foreign_witness_stops_the_first_apply_too() -> None:
    world = Simulation(telegram())
    world.doubts[HOOK] = Doubt.FOREIGN
    assert {step.action for step in world.plan().steps if step.address in (FLOW, HOOK)} == {Action.ASK}


def test_a_gate_is_a_question_and_never_a_deletion() -> None:
    gate = Address("acme", "bot", "gate", "consent")
    world = Simulation({gate: wish(gate, {"granted": True})})
    seen = View({gate: Observed(gate, Presence.ABSENT, why="scan the code", fix="https://example.org/qr")})
    step = step_of(world.plan(view=seen), gate)
    assert (step.action, step.because, step.fix) == (Action.ASK, "scan the code", "https://example.org/qr")
    world.apply(world.plan())
    assert [one.action for one in applied({gate: wish(gate, {})}).plan(Mode.DESTROY).steps] in ([], [Action.FORGET])


def test_a_leftover_twin_goes_and_one_in_use_is_asked_about() -> None:
    world = applied()
    ours = Marker(OWNER, "workflow", "telegram-ingress", next(iter(sorted(world.intents))))
    unknown = replace(ours, intent="z" * 12)
    world.extra[FLOW] = [
        Thing("t1", {}, ours, active=False),
        Thing("t2", {}, ours, active=True),
        Thing("t3", {}, unknown, active=False),
    ]
    plan = world.plan()
    assert {step.id.partition("!")[2]: step.action for step in plan.steps} == {
        "twin-t1": Action.DELETE,
        "twin-t2": Action.ASK,
        "twin-t3": Action.ASK,
    }
    assert {step.action for step in world.plan(Mode.DESTROY).steps if "!twin" in step.id} == {Action.DELETE}


def test_of_several_unrecorded_objects_the_oldest_one_we_made_is_meant() -> None:
    world = applied()
    del world.records[FLOW]
    made = world.things[FLOW].marker
    assert made is not None
    world.extra[FLOW] = [Thing("t1", {}, replace(made, intent="z" * 12), active=False)]
    assert step_of(world.plan(), FLOW).action is Action.ADOPT
    world.things[FLOW].marker = replace(made, intent="y" * 12)
    asked = step_of(world.plan(), FLOW)
    assert (asked.action, asked.code) == (Action.ASK, "TEMO407")


def test_a_lost_mark_is_asked_about_but_a_chosen_name_is_proof_enough() -> None:
    world = applied({**telegram(), SCHEMA: wish(SCHEMA, {"name": "k"})})
    world.things[FLOW].marker = None
    world.things[SCHEMA].marker = None
    world.things[SCHEMA].props["name"] = "by hand"
    plan = world.plan()
    assert step_of(plan, FLOW).code == "TEMO406"
    assert step_of(plan, SCHEMA).action is Action.UPDATE


def test_strays_of_ours_go_and_strays_of_others_stay() -> None:
    world = applied()
    old = Address("acme", "n8n", "workflow", "old")
    theirs = Address("acme", "n8n", "workflow", "theirs")
    world.things[old] = Thing("s1", {}, Marker(OWNER, "workflow", "old"))
    world.things[theirs] = Thing("s2", {}, Marker(OTHER, "workflow", "theirs"))
    assert [(step.address, step.action) for step in world.plan().steps] == [(old, Action.DELETE)]


def test_drift_shows_only_what_the_world_changed() -> None:
    world = applied()
    change(world, BOT, name="not applied yet")
    world.desired[SCHEMA] = wish(SCHEMA, {"name": "k"})
    assert world.plan(Mode.DRIFT).steps == ()
    del world.things[TENANT]
    plan = world.plan(Mode.DRIFT)
    assert [one.address for one in plan.drift] == [TENANT]
    assert step_of(plan, TENANT).because == "it was deleted outside temoctl"


def test_the_record_read_as_a_wish_asks_for_what_was_applied() -> None:
    world = applied()
    for address, one in world.desired.items():
        again = as_desired(world.records[address])
        assert (again.props, again.depends_on, again.witness_of) == (one.props, one.depends_on, one.witness_of)


def test_the_platform_must_be_there_or_on_its_way() -> None:
    world = Simulation({FLOW: wish(FLOW, {"calls": ref(SHARED)})})
    [problem] = world.plan(platform_in_run=False).problems
    assert problem.code == "TEMO420" and str(SHARED) in problem.detail
    assert world.plan(platform_in_run=True).problems == ()
    assert world.plan(platform_in_run=False, known=lambda a, o: "id-1").problems == ()


def test_circles_and_loose_ends_are_told_and_never_raised() -> None:
    one, two = Address("acme", "db", "schema", "one"), Address("acme", "db", "schema", "two")
    circle = Simulation({one: wish(one, {"uses": ref(two)}), two: wish(two, {"uses": ref(one)})}).plan()
    assert circle.steps == () and circle.problems[0].code == "TEMO440"
    assert f"{one} -> {two} -> {one}" in circle.problems[0].detail
    loose = Simulation({one: wish(one, {"uses": ref(two)})}).plan()
    assert [problem.code for problem in loose.problems] == ["TEMO441"]


def test_recorded_circles_are_cut_and_reported() -> None:
    world = applied({SCHEMA: wish(SCHEMA, {}), FILE: wish(FILE, {})})
    world.records[SCHEMA] = replace(world.records[SCHEMA], depends_on=(FILE,))
    world.records[FILE] = replace(world.records[FILE], depends_on=(SCHEMA,))
    plan = world.plan(Mode.DESTROY)
    assert [(one.code, one.severity) for one in plan.problems] == [("TEMO442", Severity.WARNING)]
    world.apply(plan)
    assert world.things == {}


def test_switching_protection_is_a_step_of_its_own() -> None:
    world = applied({SCHEMA: wish(SCHEMA, {"fixed": "1"})})
    world.desired[SCHEMA] = replace(world.desired[SCHEMA], protect=True)
    step = step_of(world.plan(), SCHEMA)
    assert (step.action, step.because, step.changes) == (Action.ADOPT, "its protection is switched on", ())
    world.apply(world.plan())
    change(world, SCHEMA, fixed="2")
    asked = step_of(world.plan(), SCHEMA)
    assert (asked.action, asked.code, asked.forced_by) == (Action.ASK, "TEMO408", ("fixed",))
    assert "protect: false" in asked.fix


def test_an_outage_waits_and_nothing_else_is_held_up() -> None:
    world = applied()
    change(world, BOT, name="new")
    change(world, TENANT, name="new")
    world.doubts[TENANT] = Doubt.OUTAGE
    plan = world.plan()
    assert (step_of(plan, TENANT).action, step_of(plan, TENANT).code) == (Action.WAIT, "TEMO409")
    assert step_of(plan, BOT).action is Action.UPDATE


def test_an_empty_spec_never_means_delete_everything() -> None:
    world = applied()
    world.desired = {}
    plan = world.plan()
    assert plan.steps == () and [one.code for one in plan.problems] == ["TEMO421"]
    assert plan.serial == len(world.log)
    assert Simulation({}).plan().problems == ()


def test_a_denied_look_is_no_drift() -> None:
    world = applied()
    world.doubts[HOOK] = Doubt.DENIED
    assert world.plan().drift == ()
    world.doubts[HOOK] = Doubt.FOREIGN
    assert [one.address for one in world.plan().drift] == [HOOK]


def test_a_system_that_is_not_there_is_a_doubt() -> None:
    plan = Simulation({SCHEMA: wish(SCHEMA, {})}).plan(view=View({}))
    assert (plan.steps[0].action, plan.steps[0].code) == (Action.ASK, "TEMO402")
    nobody = Simulation({SCHEMA: wish(SCHEMA, {})}).plan(kinds={})
    assert (nobody.steps[0].action, nobody.steps[0].code) == (Action.ASK, "TEMO401")


def test_selecting_cuts_steps_needs_and_drift() -> None:
    world = applied()
    del world.things[LOGIN]
    whole = Plan("P-1", Mode.APPLY, 0, 1, "i", (world.plan(),))
    part = select(whole, ["n8n.workflow.*"], [])
    assert [step.address for step in part.tenants[0].steps] == [FLOW]
    assert part.tenants[0].steps[0].needs == () and part.tenants[0].drift == ()
    assert part.partial == ("--only n8n.workflow.*",)
    assert all(step.address.system != "n8n" for step in select(whole, [], ["acme/n8n.*"]).tenants[0].steps)
    assert select(whole, [], []) is whole


def test_unknown_values_never_reach_a_plan() -> None:
    plan = Simulation({FLOW: wish(FLOW, {"calls": ref(SHARED)})}).plan()
    assert UNKNOWN not in [change.after for step in plan.steps for change in step.changes]
    assert KINDS[FLOW.kind_key].label == "workflow"

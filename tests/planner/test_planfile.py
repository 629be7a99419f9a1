"""Plans as files: what is read is what was written, nothing else is accepted, and a stale plan says why."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from temoctl.model.address import Address
from temoctl.model.diagnostic import Diagnostic, Where
from temoctl.model.errors import Bug, Refused, UserError
from temoctl.model.kind import Impact
from temoctl.model.money import Money
from temoctl.model.plan import Inputs, Mode, Plan, RecordedTenant, TenantPlan
from temoctl.model.resource import Desired
from temoctl.model.secret import Secret
from temoctl.model.step import Action, Drift, FieldChange, Step
from temoctl.planner.document import plan_document
from temoctl.planner.planfile import decode, encode
from temoctl.planner.stale import expired, stale_reasons
from tests.planner.simulation import Simulation
from tests.planner.strategies import ADDRESSES, JSON, wishes

KEY = b"k" * 32
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
WORDS = st.text(max_size=8)
ADDRESS = st.sampled_from(ADDRESSES)
WHERE = st.none() | st.builds(Where, WORDS, st.integers(0, 99), st.integers(0, 99), sheet=WORDS)
CHANGES = st.lists(st.builds(FieldChange, WORDS, JSON, JSON, st.booleans(), WHERE, st.booleans()), max_size=2)
DESIRED = st.builds(
    Desired,
    ADDRESS,
    st.dictionaries(WORDS, JSON, max_size=2),
    WORDS,
    after=st.lists(ADDRESS, max_size=2).map(tuple),
    where=WHERE,
    money=st.none() | st.builds(Money, st.integers(-999, 999), st.just("EUR"), st.sampled_from([None, "month"])),
)
STEPS = st.builds(
    Step,
    WORDS,
    ADDRESS,
    st.sampled_from(Action),
    WORDS,
    WORDS,
    where=WHERE,
    impact=st.sampled_from(Impact),
    changes=CHANGES.map(tuple),
    needs=st.lists(WORDS, max_size=2).map(tuple),
    desired=st.none() | DESIRED,
    ref=st.none() | WORDS,
    depends_on=st.lists(ADDRESS, max_size=2).map(tuple),
)
TENANTS = st.builds(
    TenantPlan,
    WORDS,
    WORDS,
    st.booleans(),
    st.integers(0, 9),
    st.lists(STEPS, max_size=3).map(tuple),
    drift=st.lists(st.builds(Drift, ADDRESS, WORDS, WORDS, CHANGES.map(tuple)), max_size=1).map(tuple),
    problems=st.lists(st.builds(Diagnostic, WORDS, WORDS, WHERE, snippet=WORDS), max_size=1).map(tuple),
    inputs=st.builds(Inputs, WORDS, WORDS, WORDS),
)
PLANS = st.builds(
    Plan,
    WORDS,
    st.sampled_from(Mode),
    st.floats(0, 1e10),
    st.floats(0, 1e10),
    WORDS,
    st.lists(TENANTS, max_size=2).map(tuple),
    calls=st.dictionaries(WORDS, st.integers(0, 9), max_size=2),
)


def plan_of(world: Simulation) -> Plan:
    return Plan("P-7F3K", Mode.APPLY, 1000.0, 2000.0, "0123456789", (world.plan(),), {"n8n": 2})


@QUICK
@given(PLANS)
def test_a_plan_comes_back_as_it_was(plan: Plan) -> None:
    text = encode(plan, KEY)
    assert decode(text, KEY) == plan
    assert encode(decode(text, KEY), KEY) == text


@QUICK
@given(wishes())
def test_a_real_plan_comes_back_and_is_documented_as_json(wanted: dict[Address, Desired]) -> None:
    plan = plan_of(Simulation(wanted))
    assert decode(encode(plan, KEY), KEY) == plan
    document = plan_document(plan)
    assert json.loads(json.dumps(document)) == document
    assert [one["address"] for one in document["steps"]] == [str(one.address) for one in plan.tenants[0].steps]


def test_the_document_has_the_shape_that_was_promised() -> None:
    address = Address("acme", "db", "schema", "a")
    plan = plan_of(Simulation({address: Desired(address, {"name": "k"}, "Schema", where=Where("acme.yaml", 7))}))
    document = plan_document(plan)
    assert document["format_version"] == 1 and document["plan_id"] == "P-7F3K" and document["tenants"] == ["acme"]
    step = document["steps"][0]
    wanted = {"address", "system", "action", "because", "impact", "reversible", "spec"}
    assert wanted <= step.keys()
    assert (step["system"], step["action"], step["spec"]) == ("db", "create", "acme.yaml:7")
    names = {"create", "update", "replace", "delete", "adopt", "forget", "ask", "unchanged"}
    assert names <= document["summary"].keys() and document["summary"]["create"] == 1


@QUICK
@given(PLANS, st.data())
def test_any_change_of_the_file_is_noticed(plan: Plan, data: st.DataObject) -> None:
    document = json.loads(encode(plan, KEY))
    field = data.draw(st.sampled_from(["id", "expires_at", "installation", "tenants"]))
    document["plan"][field] = {"id": "P-XXXX", "expires_at": 9e9, "installation": "zz", "tenants": [{}]}[field]
    with pytest.raises(Refused) as caught:
        decode(json.dumps(document), KEY)
    assert caught.value.code == "TEMO410"


def test_another_installations_key_is_refused() -> None:
    with pytest.raises(Refused, match="TEMO410"):
        decode(encode(plan_of(Simulation({})), KEY), b"other" * 6)


def test_another_format_is_refused() -> None:
    document = json.loads(encode(plan_of(Simulation({})), KEY))
    document["format_version"] = 2
    with pytest.raises(Refused, match="TEMO411"):
        decode(json.dumps(document), KEY)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"plan"', "[" * 100_000, "PK\x03\x04"])
def test_what_is_no_plan_is_said_to_be_none(text: str) -> None:
    with pytest.raises(UserError, match="TEMO412"):
        decode(text, KEY)


@pytest.mark.parametrize("value", [Secret("s3cret-token"), object()])
def test_nothing_but_plain_values_gets_into_a_plan(value: Any) -> None:
    address = Address("acme", "db", "schema", "a")
    step = Step("s", address, Action.CREATE, "b", "l", desired=Desired(address, {"deep": [{"token": value}]}, "l"))
    plan = plan_of(Simulation({}))
    with pytest.raises(Bug, match="TEMO415") as caught:
        encode(replace(plan, tenants=(replace(plan.tenants[0], steps=(step,)),)), KEY)
    assert "s3cret" not in str(caught.value) and "token" in str(caught.value)


def planned(**changes: Any) -> TenantPlan:
    inputs = Inputs("s", "p", "f", "t", "k", "1", "v", "a")
    plan = TenantPlan("acme", "u1", False, 4, (), inputs=inputs, platform_serial=2, manager="anna")
    return replace(plan, **changes)


RECORD = RecordedTenant("acme", "u1", 4, "anna")


def test_a_fresh_plan_is_not_stale() -> None:
    assert stale_reasons(planned(), planned().inputs, RECORD, platform_serial=2) == ()


@pytest.mark.parametrize(
    "field", ["spec", "plans", "platform", "templates", "knowledge", "program", "secrets", "standing"]
)
def test_each_input_is_named_when_it_changed(field: str) -> None:
    reasons = stale_reasons(planned(), replace(planned().inputs, **{field: "other"}), RECORD, platform_serial=2)
    assert len(reasons) == 1 and reasons[0]


def test_the_record_the_platform_and_the_manager_are_named() -> None:
    moved = replace(RECORD, serial=6, manager="boris")
    reasons = stale_reasons(planned(), planned().inputs, moved, platform_serial=3)
    assert reasons == (
        "somebody applied a change meanwhile (state 4 is now 6)",
        "the platform was changed (state 2 is now 3)",
        "the tenant went from manager anna to manager boris",
    )


def test_births_and_deaths_are_named() -> None:
    inputs = planned().inputs
    assert stale_reasons(planned(new=True, serial=0), inputs, replace(RECORD, serial=0)) == (
        "the tenant was created meanwhile",
    )
    assert stale_reasons(planned(serial=0), inputs, RecordedTenant("acme")) == ("the tenant was destroyed meanwhile",)
    assert "destroyed and created again" in stale_reasons(planned(), inputs, replace(RECORD, uid="u2"))[0]


def test_a_crashed_plan_is_resumed_and_not_stale() -> None:
    moved = replace(RECORD, serial=9)
    assert stale_reasons(planned(new=True, serial=0), planned().inputs, moved, resuming=True) == ()


def test_expiry_in_words() -> None:
    plan = Plan("P-1", Mode.APPLY, 0, 1000, "i", ())
    assert expired(plan, 999) == ""
    assert expired(plan, 1000 + 5 * 60) == "the plan expired 5 min ago"
    assert expired(plan, 1000 + 125 * 60) == "the plan expired 2 h 5 min ago"

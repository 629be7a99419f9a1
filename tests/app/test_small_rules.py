"""Small rules of the use cases, one by one: selection, allowances, exit codes, credentials, endpoints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from temoctl.app import exits, guard
from temoctl.app.credentials import Credentials
from temoctl.app.requests import ExitCode, Place, PlanRequest, worst
from temoctl.app.selection import select_tenants
from temoctl.app.store import _refuse_far_endpoints
from temoctl.engine.protocol import ProbeResult
from temoctl.engine.result import DoneStep, FailedStep, NotTriedStep, RunResult
from temoctl.model.address import Address
from temoctl.model.diagnostic import Diagnostic, Severity, Where
from temoctl.model.errors import Conflict, Problems, Refused, UserError
from temoctl.model.plan import Inputs, Mode, Plan, RecordedTenant, TenantPlan
from temoctl.model.step import Action, Step
from temoctl.spec import Project, load_project
from temoctl.spec.platform_spec import PlatformSpec, SystemData
from temoctl.spec.secret_source import SecretSource
from temoctl.systemdata.ports import Principal, Role
from tests.app.toy import project

__all__ = ["project"]
ADMIN, ANNA = Principal("root"), Principal("anna", Role.MANAGER)
ERROR = Diagnostic("TEMO203", "x")


def step(action: Action, **more: object) -> Step:
    made = Step("acme/n8n.workflow.x", Address("acme", "n8n", "workflow", "x"), action, "", "Workflow")
    return replace(made, **more)  # type: ignore[arg-type]


def plan(*steps: Step, mode: Mode = Mode.APPLY, problems: tuple[Diagnostic, ...] = ()) -> Plan:
    return Plan("P-1", mode, 0.0, 10.0, "inst", (TenantPlan("acme", "u", False, 1, steps, problems=problems),))


@pytest.fixture
def loaded(project: Path) -> Project:
    return load_project(project)


class TestSelection:
    def ask(self, loaded: Project, who: Principal = ADMIN, mode: Mode = Mode.APPLY, **more: object) -> tuple[str, ...]:
        request = replace(PlanRequest(Place("."), mode), **more)  # type: ignore[arg-type]
        recorded = {"platform": "p", "aurora": "a", "orphan": "o"}
        return select_tenants(request, loaded, recorded, who).tenants

    def test_all_begins_with_the_platform_and_never_deletes_what_has_no_spec(self, loaded: Project) -> None:
        assert self.ask(loaded, everyone=True) == ("platform", "aurora", "nordwind")
        request = PlanRequest(Place("."), everyone=True)
        notes = select_tenants(request, loaded, {"orphan": "o"}, ADMIN).notes
        assert [(one.code, one.severity) for one in notes] == [("TEMO119", Severity.WARNING)]

    def test_destroying_all_leaves_the_platform(self, loaded: Project) -> None:
        assert self.ask(loaded, mode=Mode.DESTROY, everyone=True) == ("aurora", "orphan")

    def test_the_platform_goes_last_and_only_with_everybody(self, loaded: Project) -> None:
        with pytest.raises(Refused, match="TEMO112"):
            self.ask(loaded, mode=Mode.DESTROY, tenants=("platform", "aurora"))
        order = self.ask(loaded, mode=Mode.DESTROY, tenants=("platform", "aurora", "orphan"))
        assert order == ("aurora", "orphan", "platform")

    def test_a_manager_may_not_touch_the_platform(self, loaded: Project) -> None:
        with pytest.raises(Refused, match="TEMO117"):
            self.ask(loaded, ANNA, tenants=("platform",))
        assert "platform" not in self.ask(loaded, ANNA, everyone=True)

    def test_names_or_all_but_not_both(self, loaded: Project) -> None:
        for given in ({}, {"tenants": ("aurora",), "everyone": True}, {"tenants": ("nobody",)}):
            with pytest.raises(UserError):
                self.ask(loaded, **given)
        with pytest.raises(Problems, match="TEMO119"):
            self.ask(loaded, tenants=("orphan",))


class TestGuard:
    def test_losing_data_needs_every_name(self) -> None:
        lost = plan(step(Action.DELETE, allowance="delete:a.b"), step(Action.DELETE, allowance="delete:c.d"))
        with pytest.raises(UserError) as caught:
            guard.check_allowed(lost.tenants, ["delete:a.b"], command="temoctl apply acme")
        assert caught.value.fix.splitlines()[-1] == "temoctl apply acme --allow delete:a.b,delete:c.d"
        guard.check_allowed(lost.tenants, ["delete:a.b", "delete:c.d"], command="")

    def test_old_partial_foreign_and_broken_plans_are_refused(self) -> None:
        with pytest.raises(Conflict, match="TEMO413"):
            guard.check_age(plan(), 11.0)
        with pytest.raises(UserError, match="TEMO111"):
            guard.check_whole(replace(plan(), partial=("--only x",)))
        with pytest.raises(UserError, match="TEMO111"):
            guard.check_whole(plan(mode=Mode.DRIFT))
        with pytest.raises(Conflict, match="TEMO127"):
            guard.check_installation(plan(), "another")
        with pytest.raises(Problems, match="TEMO203"):
            guard.check_sound(plan(problems=(ERROR,)).tenants[0])

    def test_what_moved_is_named(self) -> None:
        mine = plan().tenants[0]
        with pytest.raises(Conflict, match="TEMO414") as caught:
            guard.check_fresh(mine, Inputs(spec="new"), RecordedTenant("acme", "u", 2), platform_serial=7)
        assert "spec was changed" in caught.value.detail and "platform was changed" in caught.value.detail
        guard.check_fresh(mine, Inputs(), RecordedTenant("acme", "u", 1), platform_serial=None)

    def test_a_new_tenants_own_row_is_not_somebody_elses(self) -> None:
        mine = replace(plan().tenants[0], new=True, serial=0)
        guard.check_fresh(mine, Inputs(), RecordedTenant("acme", "u", 0), platform_serial=None)
        with pytest.raises(Conflict):
            guard.check_fresh(mine, Inputs(), RecordedTenant("acme", "other", 0), platform_serial=None)


@pytest.mark.parametrize(
    ("made", "detailed", "code"),
    [
        (plan(), True, ExitCode.DONE),
        (plan(step(Action.CREATE)), False, ExitCode.DONE),
        (plan(step(Action.CREATE)), True, ExitCode.CHANGES),
        (plan(step(Action.ASK)), True, ExitCode.WAITING),
        (plan(step(Action.ASK), step(Action.UPDATE)), True, ExitCode.WAITING),
        (plan(step(Action.WAIT, code="TEMO700")), True, ExitCode.ERROR),
        (plan(problems=(ERROR,)), False, ExitCode.BAD_INPUT),
        (plan(problems=(replace(ERROR, code="TEMO440"),)), False, ExitCode.ERROR),
        (plan(problems=(replace(ERROR, severity=Severity.NOTE),)), True, ExitCode.DONE),
    ],
)
def test_what_a_plan_ends_with(made: Plan, detailed: bool, code: ExitCode) -> None:
    assert exits.of_plan(made, detailed=detailed) is code


DONE = DoneStep(step(Action.CREATE), 0.1)
RED = ProbeResult(Address("acme", "n8n", "workflow", "x"), "works", ok=False)


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (RunResult("acme", "u", "r"), ExitCode.DONE),
        (RunResult("acme", "u", "r", done=(DONE,), waiting=(step(Action.ASK),)), ExitCode.WAITING),
        (RunResult("acme", "u", "r", done=(DONE,), failed=(FailedStep(step(Action.CREATE), ERROR),)), ExitCode.PARTLY),
        (RunResult("acme", "u", "r", failed=(FailedStep(step(Action.CREATE), ERROR),)), ExitCode.ERROR),
        (RunResult("acme", "u", "r", not_tried=(NotTriedStep(step(Action.CREATE), ""),)), ExitCode.PARTLY),
        (RunResult("acme", "u", "r", done=(DONE,), probes=(RED,)), ExitCode.PARTLY),
        (RunResult("acme", "u", "r", stopped="you asked"), ExitCode.PARTLY),
        (RunResult("acme", "u", "", problems=(replace(ERROR, code="TEMO600"),)), ExitCode.LOCKED),
        (RunResult("acme", "u", "", problems=(replace(ERROR, code="TEMO414"),)), ExitCode.ERROR),
    ],
)
def test_what_a_run_ends_with(result: RunResult, code: ExitCode) -> None:
    assert exits.of_results([result]) is code


def test_the_worst_wins() -> None:
    order = [5, 1, 6, 4, 3, 2, 0]
    for place, code in enumerate(order):
        assert worst(ExitCode(one) for one in order[place:]) == code
    assert worst(()) is ExitCode.DONE


@pytest.mark.anyio
async def test_credentials_are_read_where_the_file_says_and_all_missing_ones_are_told(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file\n")
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "open").write_text("x")
    (tmp_path / "open").chmod(0o644)
    credentials = Credentials(tmp_path, {"SET": "from the environment"})
    where = Where("platform.yaml", 1, 1)

    async def ask(**source: str) -> str | None:
        found = await credentials.resolve(SecretSource(**source), where, "n8n: api_key")
        return found.reveal() if found else None

    assert await ask(env="SET") == "from the environment"
    assert await ask(file="key") == "from a file"
    for source in ({"env": "NOT_SET"}, {"file": "nowhere"}, {"file": "open"}, {"secret": "n8n/key"}):
        assert await ask(**source) is None
    assert len(credentials.problems) == 4
    assert all(one.fix and one.code == "TEMO105" for one in credentials.problems)


def test_a_record_of_this_computer_is_not_for_systems_elsewhere() -> None:
    near = PlatformSpec(systems={"n8n": {"url": "http://127.0.0.1:5678"}, "telegram": {"url": "http://[::1]:1"}})
    _refuse_far_endpoints(near)
    far = PlatformSpec(systems={"n8n": {"url": "https://n8n.example.com"}})
    with pytest.raises(Problems, match="TEMO109"):
        _refuse_far_endpoints(far)
    _refuse_far_endpoints(far.model_copy(update={"systemdata": SystemData(alone=True)}))

"""What a plan or a run means as an exit code: the one table (DESIGN §10, DECISIONS 21)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from temoctl.app.requests import ExitCode, worst
from temoctl.engine.result import RunResult
from temoctl.model.diagnostic import Diagnostic, Severity
from temoctl.model.plan import Mode, Plan, TenantPlan
from temoctl.model.step import Action, Step

if TYPE_CHECKING:
    from temoctl.app.archive import Archived

_LOCKED = ("TEMO600", "TEMO602")


def of_plan(plan: Plan, *, detailed: bool) -> ExitCode:
    """`detailed`: changes (or drift) end with 2."""
    return worst(_of_tenant(one, plan.mode, detailed=detailed) for one in plan.tenants)


def _of_tenant(one: TenantPlan, mode: Mode, *, detailed: bool) -> ExitCode:
    codes = [of_problems(one.problems)]
    if any(step.action is Action.ASK for step in one.steps):
        codes.append(ExitCode.WAITING)
    if any(unseen(step) for step in one.steps):
        codes.append(ExitCode.ERROR)
    changed = bool(one.drift) if mode is Mode.DRIFT else bool(one.changes)
    if detailed and changed:
        codes.append(ExitCode.CHANGES)
    return worst(codes)


def unseen(step: Step) -> bool:
    """A wait for a system to answer, not for a witness: such a plan must not pass for "no changes"."""
    if step.action is not Action.WAIT:
        return False
    return bool(step.code) or step.desired is None or step.desired.witness_of is None


def of_problems(found: Iterable[Diagnostic]) -> ExitCode:
    """Errors of the spec are bad input; those that a lock or a refusal left behind say so by their code."""
    errors = [one.code for one in found if one.severity is Severity.ERROR]
    return worst(of_code(code) for code in errors)


def of_code(code: str) -> ExitCode:
    """Codes 1xx to 3xx are what people wrote; 600 and 602 are locks; everything else is an error."""
    if code in _LOCKED:
        return ExitCode.LOCKED
    return ExitCode.BAD_INPUT if code[4:5] in ("1", "2", "3") else ExitCode.ERROR


def of_results(results: Iterable[RunResult]) -> ExitCode:
    return worst(_of_result(one) for one in results)


def _of_result(one: RunResult) -> ExitCode:
    if one.problems and not one.done:
        return of_problems(one.problems)
    broken = one.failed or one.not_tried or one.stopped or one.problems or any(not probe.ok for probe in one.probes)
    if broken:
        return ExitCode.PARTLY if one.done or one.stopped or not one.failed else ExitCode.ERROR
    return ExitCode.WAITING if one.waiting else ExitCode.DONE


def of_archived(done: Iterable[Archived]) -> ExitCode:
    """An archive that stopped in the middle is whole as far as it goes; what others kept counts as done."""
    codes = [ExitCode.DONE if one.problem is None else of_code(one.problem.code) for one in done]
    some = ExitCode.ERROR in codes and ExitCode.DONE in codes
    return worst(ExitCode.PARTLY if some and code is ExitCode.ERROR else code for code in codes)

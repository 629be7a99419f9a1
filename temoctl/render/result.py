"""What came of a run: three lists (done, failed, not tried), the proofs, and the command that goes on.

Says never more than was seen: an outcome that could not be found out is called unknown. Must not decide anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from temoctl.engine.result import DoneStep, FailedStep, NotTriedStep, RunResult
from temoctl.model.plan import Mode
from temoctl.model.step import Step
from temoctl.render.diagnostics import problem, tree
from temoctl.render.page import Page
from temoctl.render.text import count, cut, duration, pad, safe
from temoctl.render.words import WORD, command_for, noun

_LISTED = 40
SPENT = frozenset({"TEMO413", "TEMO414", "TEMO611", "TEMO613"})
"""Refusals after which the same plan file can't be used any more: expired, stale, carried out, of an earlier tenant."""


def result_page(
    results: Sequence[RunResult],
    *,
    mode: Mode,
    seconds: float,
    cells: int = 80,
    detail: bool = False,
    everyone: bool = False,
    again: str = "",
) -> Page:
    """The end of an apply or destroy. `again` replaces the command that goes on (a plan file)."""
    page = Page(cells)
    done = sum(len(one.done) for one in results)
    failed = [(one, step) for one in results for step in one.failed]
    not_tried = [(one, step) for one in results for step in one.not_tried]
    troubled = [one for one in results if not one.ok]
    page.line((_headline(results, done, len(failed), len(not_tried), seconds), "bold" if troubled else "bold green"))
    _done(page, results, detail)
    for run, one in failed:
        _failed(page, run, one, several=len(results) > 1)
    _not_tried(page, not_tried, several=len(results) > 1, detail=detail)
    _proofs(page, results)
    _problems(page, results)
    _waiting(page, results)
    if troubled:
        _going_on(page, troubled, mode, everyone, again)
    return page


def _headline(results: Sequence[RunResult], done: int, failed: int, not_tried: int, seconds: float) -> str:
    unknown = sum(step.unknown for one in results for step in one.failed)
    broken = any(one.failed or one.not_tried or one.stopped or one.problems for one in results)
    red = sum(not probe.ok for one in results for probe in one.probes)
    parts = [f"{done} done"]
    if broken or failed:
        parts += [f"{failed - unknown} failed", f"{not_tried} not tried"]
    if unknown:
        parts.append(f"{unknown} unknown")
    if red:
        parts.append(f"{count(red, 'proof')} red")
    first = "Stopped" if broken else "Done"
    but = ", but it does not work yet" if red and not broken else ""
    who = f" for {count(len(results), 'tenant')}" if len(results) > 1 else ""
    return f"{first}{who} after {duration(seconds)}{but}: {', '.join(parts)}."


def _done(page: Page, results: Sequence[RunResult], detail: bool) -> None:
    rows = [(one, step) for one in results for step in one.done]
    if (len(results) > 1 or len(rows) > _LISTED) and not detail:
        for run in results:
            if run.done:
                page.line(("  ok ", "green"), f"{run.tenant}: {count(len(run.done), 'step')} done")
        return
    for run, row in rows:
        _done_row(page, row, run.tenant if len(results) > 1 else "", detail)


def _done_row(page: Page, row: DoneStep, tenant: str, detail: bool) -> None:
    who = f"{tenant}: " if tenant else ""
    words = f"{row.step.address.system:<9} {WORD[row.step.action]:<8}{who}{noun(row.step)}"
    note = f"   {row.note}" if row.note and detail else ""
    page.line(("  ok ", "green"), cut(safe(words), page.cells - 5), note)
    if detail:
        page.line("       ", (f"{row.step.address}  {duration(row.seconds)}", "dim"))
    if detail and row.proof is not None:
        page.line("       ", (f"{row.proof.verdict.value}: {row.proof.evidence}", "dim"))


def _failed(page: Page, run: RunResult, one: FailedStep, *, several: bool) -> None:
    who = f"{run.tenant}: " if several else ""
    state = "outcome unknown: " if one.unknown else ""
    words = f"{one.step.address.system:<9} {who}{noun(one.step)}   {state}{one.problem.summary}"
    page.prose(words, indent="  x  ", hang="       ", style="bold red")
    if one.problem.detail:
        page.prose(one.problem.detail, indent="       ")
    if one.problem.fix:
        page.prose(f"to fix it: {one.problem.fix}", indent="       ", hang="         ")
    page.line(f"       more: temoctl explain {one.problem.code}")


def _not_tried(page: Page, missed: Sequence[tuple[RunResult, NotTriedStep]], *, several: bool, detail: bool) -> None:
    """Steps that were left out; those of one tenant for one reason are counted, unless everything is asked for."""
    for (tenant, why), group in groupby(missed, key=lambda pair: (pair[0].tenant, pair[1].why)):
        steps = [one.step for _, one in group]
        who = f"{tenant}: " if several else ""
        if len(steps) > 2 and not detail:
            page.prose(f"{who}{count(len(steps), 'step')} not tried: {why}", indent="  .  ", hang="       ")
            continue
        for step in steps:
            words = f"{step.address.system:<9} {who}{noun(step)}   not tried: {why}"
            page.prose(words, indent="  .  ", hang="       ")


def _proofs(page: Page, results: Sequence[RunResult]) -> None:
    probes = [(run, probe) for run in results for probe in run.probes]
    if not probes:
        return
    red = [(run, probe) for run, probe in probes if not probe.ok]
    page.line((f"Proofs: {len(probes) - len(red)} of {len(probes)} hold.", "bold red" if red else "green"))
    for run, probe in red:
        page.prose(f"{run.tenant}: {probe.name}: {probe.why}", indent="  x  ", hang="       ", style="bold red")
        if probe.fix:
            page.prose(f"to fix it: {probe.fix}", indent="       ", hang="         ")


def _problems(page: Page, results: Sequence[RunResult]) -> None:
    for run in results:
        for found in run.problems:
            page.blank()
            if len(results) > 1:
                page.line((f"{run.tenant}:", "bold"))
            page.add(problem(found, page.cells))


def _waiting(page: Page, results: Sequence[RunResult]) -> None:
    steps: list[tuple[RunResult, Step]] = [(run, step) for run in results for step in run.waiting]
    if not steps:
        return
    page.blank().line(("Waiting for a person:", "bold"))
    for run, step in steps:
        who = f"{run.tenant}: " if len(results) > 1 else ""
        page.prose(f"{who}{pad(noun(step), 30)} {step.because}", indent="  ?  ", hang="       ")
        if step.fix:
            page.prose(f"to do: {step.fix}", indent="       ", hang="         ")


def _going_on(page: Page, troubled: list[RunResult], mode: Mode, everyone: bool, again: str) -> None:
    stopped = [one.stopped for one in troubled if one.stopped]
    page.blank()
    if stopped:
        page.prose(f"Stopped early: {stopped[0]}.")
    unknown = any(step.unknown for one in troubled for step in one.failed)
    if unknown:
        page.prose("The next run first looks up what is unknown; nothing is repeated blindly.")
    elif any(one.failed or one.not_tried or one.stopped for one in troubled):
        page.line("Nothing is half-made.")
    verb = "destroy" if mode is Mode.DESTROY else "apply"
    who = command_for([one.tenant for one in troubled], everyone)
    if again and any(found.code in SPENT for one in troubled for found in one.problems):
        page.line(f"Make a new plan with: temoctl plan {who} --out {again}")
    else:
        page.line(f"Go on with: temoctl {verb} {again or who}")


def result_tree(results: Sequence[RunResult]) -> dict[str, Any]:
    """`result{done,failed,not_tried}` of the JSON document, with the proofs and what waits for a person."""
    return {
        "done": [_step(run, one.step) | _proof(one) for run in results for one in run.done],
        "failed": [
            _step(run, one.step) | {"problem": tree(one.problem), "unknown": one.unknown}
            for run in results
            for one in run.failed
        ],
        "not_tried": [_step(run, one.step) | {"why": one.why} for run in results for one in run.not_tried],
        "waiting": [_step(run, step) | {"because": step.because} for run in results for step in run.waiting],
        "probes": [
            {"tenant": run.tenant, "address": str(one.address), "name": one.name, "ok": one.ok, "why": one.why}
            for run in results
            for one in run.probes
        ],
        "problems": [tree(one) for run in results for one in run.problems],
        "stopped": next((one.stopped for one in results if one.stopped), ""),
        "runs": {run.tenant: run.run for run in results},
    }


def _step(run: RunResult, step: Step) -> dict[str, Any]:
    return {"tenant": run.tenant, "address": str(step.address), "action": step.action.value, "step": step.id}


def _proof(one: DoneStep) -> dict[str, Any]:
    if one.proof is None:
        return {"seconds": round(one.seconds, 3)}
    return {"seconds": round(one.seconds, 3), "verdict": one.proof.verdict.value, "evidence": one.proof.evidence}

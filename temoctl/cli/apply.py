"""`temoctl apply`: plan, show, ask, do, prove. A saved plan is applied as it was read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from temoctl.cli.command import Allow, Everyone, Parallelism, Yes, command, split, tenant_ids
from temoctl.cli.session import Session

if TYPE_CHECKING:
    from temoctl.app.apply import Applied
    from temoctl.app.planning import Planned
    from temoctl.app.requests import PlanRequest
    from temoctl.app.world import World

What = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TENANT|FILE",
        help="Tenant ids, or one plan file.",
        show_default=False,
        autocompletion=tenant_ids,
    ),
]


def register(app: typer.Typer) -> None:
    @command(app, "apply")
    def apply(
        session: Session,
        *,
        tenants: What = None,
        everyone: Everyone = False,
        yes: Yes = False,
        allow: Allow = None,
        parallelism: Parallelism = 16,
    ) -> int:
        """Make tenants as their specs ask. Shows the plan, asks, does it, and proves that it works."""
        from temoctl.app.requests import PlanRequest
        from temoctl.model.plan import Mode

        request = PlanRequest(session.place, Mode.APPLY, tuple(tenants or ()), everyone, allow=split(allow))
        return session.run(_apply(session, request, yes=yes, parallelism=parallelism))


async def _apply(session: Session, request: PlanRequest, *, yes: bool, parallelism: int) -> int:
    from temoctl.app import saved
    from temoctl.app.world import open_world
    from temoctl.cli.planned import plan_in, show_plan

    file = request.tenants[0] if saved.is_plan_file(request.tenants) else ""
    async with open_world(session.place, session.principal) as world:
        planned = await saved.load(world, file) if file else await plan_in(session, world, request)
        if not session.json:
            show_plan(session, planned.plan, everyone=request.everyone, going_to_apply=True)
        return await carry_out(session, world, planned, request, yes=yes, parallelism=parallelism, file=file)


async def carry_out(
    session: Session,
    world: World,
    planned: Planned,
    request: PlanRequest,
    *,
    yes: bool,
    parallelism: int,
    file: str = "",
) -> int:
    """Check what must be allowed, ask, run, and show how it ended."""
    from temoctl.app import exits, guard
    from temoctl.app.apply import left_open, work_of
    from temoctl.app.requests import ExitCode, worst
    from temoctl.cli.confirm import may_go_on
    from temoctl.cli.planned import tenants_of

    plan = planned.plan
    guard.check_whole(plan)
    todo = work_of(planned)
    before = exits.of_plan(plan, detailed=False)
    if not todo:
        _nothing_to_do(session, planned)
        return int(before)
    line = f"temoctl apply {file or tenants_of(request)}"
    guard.check_allowed(todo, request.allow, command=line)
    if not any(one.steps for one in todo) and any(left_open(planned, one.tenant) for one in todo):
        session.console.say("An earlier run died in the middle. Applying looks up what became of its last steps.")
    if not may_go_on(session, "Apply this plan?", yes=yes, command=line):
        session.console.say("Nothing has been changed.")
        return int(ExitCode.ERROR)
    ended = await run_plan(session, world, planned, allow=request.allow, parallelism=parallelism, compare=bool(file))
    show_end(session, ended, everyone=request.everyone, again=file)
    broken = worst(exits.of_problems(one.problems) for one in plan.tenants)
    return int(worst((broken, exits.of_results(ended[0].results))))


async def run_plan(
    session: Session, world: World, planned: Planned, *, allow: tuple[str, ...], parallelism: int, compare: bool
) -> tuple[Applied, float]:
    """Run with live progress; the first Ctrl-C lets running steps end, the second stops at once."""
    from temoctl.app.apply import apply_plan
    from temoctl.app.reconcile import Crew
    from temoctl.cli.live import follow
    from temoctl.engine.stop import StopSignal

    began = time.monotonic()
    with StopSignal().on_signals() as stop, follow(session.console, many=len(planned.plan.tenants) > 1) as sink:
        crew = await Crew.of(world, parallelism=parallelism, sink=sink, stop=stop)
        applied = await apply_plan(world, planned, crew=crew, allow=allow, parallelism=parallelism, compare=compare)
    return applied, time.monotonic() - began


def _nothing_to_do(session: Session, planned: Planned) -> None:
    from temoctl.planner.document import plan_document
    from temoctl.render.result import result_tree

    if session.json:
        session.document(plan_document(planned.plan) | {"result": result_tree(())})


def show_end(session: Session, ended: tuple[Applied, float], *, everyone: bool, again: str = "") -> None:
    """The three lists, and the certificate of what was destroyed."""
    from temoctl.planner.document import plan_document
    from temoctl.render.certificate import certificate_page, certificate_tree
    from temoctl.render.result import result_page, result_tree

    applied, seconds = ended
    if session.json:
        document = plan_document(applied.plan) | {"result": result_tree(applied.results)}
        if applied.certificates:
            document["certificates"] = [certificate_tree(one) for one in applied.certificates]
        session.document(document)
        return
    cells = session.console.cells
    page = result_page(
        applied.results,
        mode=applied.plan.mode,
        seconds=seconds,
        cells=cells,
        detail=session.detail,
        everyone=everyone,
        again=again,
    )
    session.console.show(page)
    for one in applied.certificates:
        session.console.say("")
        session.console.show(certificate_page(one, cells=cells, detail=session.detail))

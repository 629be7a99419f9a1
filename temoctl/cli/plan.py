"""`temoctl plan`: what would change, why, what it costs, what can't be undone. Changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from temoctl.cli.command import DetailedExit, Everyone, Except, Only, Tenants, command, split
from temoctl.cli.session import Session

if TYPE_CHECKING:
    from temoctl.app.requests import PlanRequest


def register(app: typer.Typer) -> None:
    @command(app, "plan")
    def plan(
        session: Session,
        *,
        tenants: Tenants = None,
        everyone: Everyone = False,
        out: Annotated[
            str, typer.Option("--out", metavar="FILE", help="Keep the plan in a file; `temoctl apply FILE` runs it.")
        ] = "",
        destroy: Annotated[bool, typer.Option("--destroy", help="Plan to destroy the tenants instead.")] = False,
        only: Only = None,
        skip: Except = None,
        detailed_exitcode: DetailedExit = False,
    ) -> int:
        """Show what would change, and why. Changes nothing."""
        from temoctl.app.requests import PlanRequest
        from temoctl.model.plan import Mode

        mode = Mode.DESTROY if destroy else Mode.APPLY
        request = PlanRequest(session.place, mode, tuple(tenants or ()), everyone, split(only), split(skip))
        return session.run(_plan(session, request, out, detailed=detailed_exitcode))


async def _plan(session: Session, request: PlanRequest, out: str, *, detailed: bool) -> int:
    from temoctl.app import exits
    from temoctl.app.saved import save
    from temoctl.app.world import open_world
    from temoctl.cli.planned import plan_in, show_plan
    from temoctl.planner.document import plan_document

    async with open_world(session.place, session.principal, read_only=True) as world:
        planned = await plan_in(session, world, request)
        if out:
            await save(world, planned.plan, out)
    if session.json:
        session.document(plan_document(planned.plan))
    else:
        show_plan(session, planned.plan, everyone=request.everyone, file=out)
    return exits.of_plan(planned.plan, detailed=detailed)

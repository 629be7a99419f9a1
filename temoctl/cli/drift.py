"""`temoctl drift`: what somebody changed behind our back since the last apply. Changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from temoctl.cli.command import DetailedExit, Everyone, Except, Only, Tenants, command, split
from temoctl.cli.session import Session

if TYPE_CHECKING:
    from temoctl.app.requests import PlanRequest


def register(app: typer.Typer) -> None:
    @command(app, "drift")
    def drift(
        session: Session,
        *,
        tenants: Tenants = None,
        everyone: Everyone = False,
        only: Only = None,
        skip: Except = None,
        detailed_exitcode: DetailedExit = False,
    ) -> int:
        """Show what was changed by hand. Compares with what temoctl last applied; changes nothing."""
        from temoctl.app.requests import PlanRequest
        from temoctl.model.plan import Mode

        request = PlanRequest(session.place, Mode.DRIFT, tuple(tenants or ()), everyone, split(only), split(skip))
        return session.run(_drift(session, request, detailed=detailed_exitcode))


async def _drift(session: Session, request: PlanRequest, *, detailed: bool) -> int:
    from temoctl.app import exits
    from temoctl.app.drift import find_drift
    from temoctl.app.world import open_world
    from temoctl.cli.live import reading
    from temoctl.cli.planned import show_plan
    from temoctl.planner.document import plan_document

    async with open_world(session.place, session.principal, read_only=True) as world:
        with reading(session.console) as progress:
            plan = await find_drift(world, request, progress=progress)
    if session.json:
        session.document(plan_document(plan))
    else:
        show_plan(session, plan, everyone=request.everyone)
    return exits.of_plan(plan, detailed=detailed)

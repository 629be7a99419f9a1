"""What plan, apply, destroy and drift share: open the world, plan, show. Must not decide what happens next."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temoctl.cli.session import Session

if TYPE_CHECKING:
    from temoctl.app.planning import Planned
    from temoctl.app.requests import PlanRequest
    from temoctl.app.world import World
    from temoctl.model.plan import Plan


async def plan_in(session: Session, world: World, request: PlanRequest) -> Planned:
    """A plan, with what is being read shown meanwhile."""
    from temoctl.app.planning import make_plan
    from temoctl.cli.live import reading

    with reading(session.console) as progress:
        return await make_plan(world, request, progress=progress)


def show_plan(session: Session, plan: Plan, *, everyone: bool, file: str = "", going_to_apply: bool = False) -> None:
    """The plan's screen."""
    from temoctl.render.plan import View, plan_page

    view = View(
        cells=session.console.cells,
        detail=session.detail,
        zone=zone(),
        now=time.time(),
        everyone=everyone,
        file=file,
        going_to_apply=going_to_apply,
        revision=_revision(session, plan),
    )
    session.console.show(plan_page(plan, view))


def _revision(session: Session, plan: Plan) -> str:
    """`main, 2 h ago`: where the one spec of the plan stands in git; empty where that says nothing."""
    from temoctl.app import revision
    from temoctl.render.tables import ago

    if len(plan.tenants) != 1 or not plan.tenants[0].inputs.spec:
        return ""
    file = Path(session.place.root, "tenant_specs", f"{plan.tenants[0].tenant}.yaml")
    branch, seconds = revision.of_file(file, time.time()) if file.is_file() else ("", None)
    if not branch:
        return ""
    return f"{branch}, {'not committed' if seconds is None else ago(seconds)}"


def zone() -> Any:
    """The time zone of this computer's clock, or UTC where TZ says so."""
    from datetime import UTC, datetime

    return UTC if os.environ.get("TZ") == "UTC" else datetime.now().astimezone().tzinfo


def tenants_of(request: PlanRequest) -> str:
    """The words of the command line that name the tenants."""
    return "--all" if request.everyone else " ".join(request.tenants)

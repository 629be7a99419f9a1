"""`temoctl destroy`: remove every trace of tenants, prove it object by object, hand over a certificate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from temoctl.cli.command import Allow, Everyone, Parallelism, Tenants, Yes, command, split
from temoctl.cli.session import Session

if TYPE_CHECKING:
    from temoctl.app.apply import Applied
    from temoctl.app.requests import PlanRequest


def register(app: typer.Typer) -> None:
    @command(app, "destroy")
    def destroy(
        session: Session,
        *,
        tenants: Tenants = None,
        everyone: Everyone = False,
        yes: Yes = False,
        allow: Allow = None,
        certificate: Annotated[
            str, typer.Option("--certificate", metavar="FILE", help="Write the certificate as Markdown.")
        ] = "",
        parallelism: Parallelism = 16,
    ) -> int:
        """Remove tenants and certify it. The spec file is neither needed nor deleted."""
        from temoctl.app.requests import PlanRequest
        from temoctl.model.plan import Mode

        request = PlanRequest(session.place, Mode.DESTROY, tuple(tenants or ()), everyone, allow=split(allow))
        return session.run(_destroy(session, request, certificate, yes=yes, parallelism=parallelism))


async def _destroy(session: Session, request: PlanRequest, file: str, *, yes: bool, parallelism: int) -> int:
    from temoctl.app import exits, guard
    from temoctl.app.apply import work_of
    from temoctl.app.requests import ExitCode
    from temoctl.app.world import open_world
    from temoctl.cli.apply import run_plan, show_end
    from temoctl.cli.confirm import typed
    from temoctl.cli.planned import plan_in, show_plan, tenants_of

    async with open_world(session.place, session.principal) as world:
        planned = await plan_in(session, world, request)
        plan = planned.plan
        if not session.json:
            show_plan(session, plan, everyone=request.everyone, going_to_apply=True)
        todo = work_of(planned)
        for one in todo:
            guard.check_unprotected(one, plan.mode)
        line = f"temoctl destroy {tenants_of(request)}"
        guard.check_allowed(todo, request.allow, command=line)
        if todo and not typed(session, _expected([one.tenant for one in todo]), yes=yes, command=line):
            session.console.say("Nothing has been changed.")
            return int(ExitCode.ERROR)
        ended = await run_plan(session, world, planned, allow=request.allow, parallelism=parallelism, compare=False)
    if todo or session.json:
        show_end(session, ended, everyone=request.everyone)
    if file:
        _write(ended[0], file)
    return int(exits.of_results(ended[0].results))


def _expected(tenants: list[str]) -> str:
    return tenants[0] if len(tenants) == 1 else f"{len(tenants)} tenants"


def _write(applied: Applied, file: str) -> None:
    from temoctl.model.errors import UserError
    from temoctl.render.certificate import certificate_markdown

    try:
        Path(file).write_text("\n".join(map(certificate_markdown, applied.certificates)), encoding="utf-8")
    except OSError as error:
        raise UserError(
            "TEMO130",
            f"the certificate can't be written to {file}",
            detail=f"{error.strerror}; the deletion itself is done, and `temoctl history` has it",
            fix="choose another file next time",
        ) from None

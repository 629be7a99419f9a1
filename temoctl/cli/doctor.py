"""`temoctl doctor`: is everything there that temoctl needs, and how to get what isn't."""

from __future__ import annotations

import typer

from temoctl.cli.command import command
from temoctl.cli.session import Session


def register(app: typer.Typer) -> None:
    @command(app, "doctor")
    def doctor(session: Session) -> int:
        """Reach every system; say what is missing. And how to get it."""
        return session.run(_doctor(session))


async def _doctor(session: Session) -> int:
    from temoctl.app.doctor import examine
    from temoctl.app.requests import ExitCode
    from temoctl.render.diagnostics import tree
    from temoctl.render.doctor import check_page

    checks = []
    async for one in examine(session.place, session.principal):
        checks.append(one)
        session.console.show(check_page(one, cells=session.console.cells))
    sick = [one for one in checks if not one.ok]
    if session.json:
        trees = [
            {"name": one.name, "ok": one.ok, "found": one.found, "problems": [tree(p) for p in one.problems]}
            for one in checks
        ]
        session.document({"format_version": 1, "ok": not sick, "checks": trees})
    session.console.say("" if sick else "All is well.")
    return int(ExitCode.ERROR if sick else ExitCode.DONE)

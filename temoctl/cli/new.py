"""`temoctl new TENANT`: asks a few questions and writes a spec with comments."""

from __future__ import annotations

from typing import Annotated

import typer

from temoctl.cli.command import Answers, command
from temoctl.cli.session import Session


def register(app: typer.Typer) -> None:
    @command(app, "new")
    def new(
        session: Session,
        *,
        tenant: Annotated[str, typer.Argument(metavar="TENANT", help="The new tenant's id, e.g. coffee-corner.")],
        answers: Answers = None,
    ) -> int:
        """Write a new tenant's spec. Asks what it needs to know; overwrites nothing."""
        from temoctl.app.new import plans_of, questions, write_spec
        from temoctl.app.requests import ExitCode
        from temoctl.cli.interview import interview
        from temoctl.render.diagnostics import problems, tree

        given = interview(session, questions(plans_of(session.place)), answers)
        path, found = write_spec(session.place, tenant, given)
        if session.json:
            session.document({"format_version": 1, "file": str(path), "diagnostics": [tree(one) for one in found]})
            return int(ExitCode.DONE)
        session.console.say(f"Wrote {path}.")
        if found:
            session.console.show(problems(found, session.console.cells))
        session.console.say(f"Read it, add channels and tables, then: temoctl plan {tenant}")
        return int(ExitCode.DONE)

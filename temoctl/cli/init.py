"""`temoctl init`: asks where the systems are and writes a project's first files."""

from __future__ import annotations

import typer

from temoctl.cli.command import Answers, command
from temoctl.cli.session import Session


def register(app: typer.Typer) -> None:
    @command(app, "init")
    def init(session: Session, *, answers: Answers = None) -> int:
        """Write a project's first files. Asks where the systems are; overwrites nothing."""
        from temoctl.app.init import QUESTIONS, write_project
        from temoctl.app.requests import ExitCode
        from temoctl.cli.interview import interview

        written = write_project(session.place, interview(session, QUESTIONS, answers))
        if session.json:
            session.document({"format_version": 1, "files": [str(path) for path in written]})
        for path in written:
            session.console.say(f"Wrote {path}.")
        session.console.say("Next: temoctl doctor (what is still missing), then: temoctl new TENANT")
        return int(ExitCode.DONE)

"""`temoctl validate`: every problem of every file at once. Reads files only."""

from __future__ import annotations

import typer

from temoctl.cli.command import Tenants, command
from temoctl.cli.session import Session


def register(app: typer.Typer) -> None:
    @command(app, "validate")
    def validate(session: Session, *, tenants: Tenants = None) -> int:
        """Check all files and name every problem. Spreadsheets are read too; no system is asked."""
        from temoctl.app.requests import ExitCode
        from temoctl.app.validate import validate as check
        from temoctl.model.diagnostic import Severity
        from temoctl.render.diagnostics import problems, tree
        from temoctl.render.text import count

        report = check(session.place, tuple(tenants or ()))
        errors = [one for one in report.diagnostics if one.severity is Severity.ERROR]
        if session.json:
            session.document(
                {
                    "format_version": 1,
                    "valid": not errors,
                    "tenants": list(report.tenants),
                    "diagnostics": [tree(one) for one in report.diagnostics],
                }
            )
        else:
            if report.diagnostics:
                session.console.show(problems(report.diagnostics, session.console.cells))
                session.console.say("")
            if not errors:
                files = f"{count(len(report.tenants), 'tenant')}, {count(report.plans, 'plan')}"
                session.console.say(f"Valid: {files}, {count(report.tables, 'knowledge-base file')}.")
        return int(ExitCode.BAD_INPUT if errors else ExitCode.DONE)

"""Asking before something is done. "No" is the default; where nobody can be asked, `--yes` is needed."""

from __future__ import annotations

import sys

from temoctl.cli.session import Session
from temoctl.model.errors import UserError


def may_go_on(session: Session, question: str, *, yes: bool, command: str) -> bool:
    """True when the person says yes. Raises UserError where nobody can be asked."""
    if yes:
        return True
    _need_a_person(session, command)
    from temoctl.cli.console import ask

    return ask(f"{question} [y/N]").lower() in ("y", "yes")


def typed(session: Session, expected: str, *, yes: bool, command: str) -> bool:
    """True when the person typed exactly what is to be destroyed."""
    if yes:
        return True
    _need_a_person(session, command)
    from temoctl.cli.console import ask

    return ask(f"Type {expected} to destroy it, anything else to stop") == expected


def _need_a_person(session: Session, command: str) -> None:
    if session.json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UserError(
            "TEMO103",
            "nobody is there to be asked",
            detail="This needs a yes, and the input or the output is not a terminal.",
            fix=f"read the plan, then run: {command} --yes",
        )

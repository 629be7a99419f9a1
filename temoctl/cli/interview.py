"""Questions asked at a terminal, or answered beforehand with `--answer`. Must not know what they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temoctl.cli.session import Session
from temoctl.model.errors import UserError

if TYPE_CHECKING:
    from temoctl.app.questions import Question


def interview(session: Session, questions: tuple[Question, ...], answers: list[str] | None) -> dict[str, str]:
    """Answers by key; at a terminal a wrong answer is asked again."""
    given: dict[str, str] = {}
    for pair in answers or ():
        key, found, value = pair.partition("=")
        if not found:
            raise UserError("TEMO100", f"'{pair}' is not an answer", fix="write it as --answer KEY=VALUE")
        given[key] = value
    if not session.console.interactive:
        return given
    from temoctl.cli.console import ask

    for one in questions:
        while not given.get(one.key):
            answer = ask(one.text, default=one.default)
            why = one.wrong(answer) if answer else "this needs an answer"
            if why:
                session.console.say(f"  {why}")
            else:
                given[one.key] = answer
    return given

"""Questions that `init` and `new` ask, as values: what is asked, why, a default, and when an answer is right.

Must not know who asks; the command line does, and tests answer without one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from temoctl.model.errors import UserError


@dataclass(frozen=True, slots=True)
class Question:
    """`default` may be "" for "must be answered"; `wrong` returns what is wrong with an answer, "" when it is fine."""

    key: str
    text: str
    default: str = ""
    wrong: Callable[[str], str] = lambda _: ""


def answered(questions: tuple[Question, ...], given: Mapping[str, str]) -> dict[str, str]:
    """Given answers with defaults for the rest. Raises UserError for unknown keys, missing and wrong answers."""
    known = {one.key: one for one in questions}
    for key in given:
        if key not in known:
            raise UserError("TEMO100", f"there is no question '{key}'", fix=f"answer one of: {', '.join(known)}")
    answers = {one.key: given.get(one.key, "") or one.default for one in questions}
    missing = [key for key, answer in answers.items() if not answer]
    if missing:
        flags = " ".join(f"--answer {key}=…" for key in missing)
        raise UserError("TEMO103", "some answers are missing", fix=f"run it at a terminal, or add: {flags}")
    for one in questions:
        if why := one.wrong(answers[one.key]):
            raise UserError("TEMO135", f"{one.key}: {why}", fix=f"{one.text}: answer it again")
    return answers


def quoted(text: str) -> str:
    """A text as a YAML scalar that means exactly that text."""
    return json.dumps(text, ensure_ascii=False)

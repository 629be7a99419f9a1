"""The pages behind the codes: `explain/TEMOnnn.md` in whichever package raises the code. Must not draw them."""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path

from temoctl.model.errors import UserError

_PACKAGE = Path(__file__).resolve().parent.parent


@cache
def pages() -> dict[str, Path]:
    """Every explained code and its page, in order of code."""
    found = sorted(_PACKAGE.glob("**/explain/TEMO*.md"), key=lambda path: path.name)
    return {path.stem: path for path in found}


def title(code: str) -> str:
    """The page's heading without the code: `unknown channel`."""
    with pages()[code].open(encoding="utf-8") as page:
        return page.readline().lstrip("# ").strip().removeprefix(f"{code}:").strip()


def explain(code: str) -> str:
    """The page of a code, as Markdown. Accepts `203` and `temo203` as well."""
    wanted = code.strip().upper()
    wanted = f"TEMO{wanted}" if wanted.isdigit() else wanted
    path = pages().get(wanted)
    if path is None:
        near = difflib.get_close_matches(wanted, pages(), n=1)
        raise UserError(
            "TEMO124",
            f"there is no code {wanted}",
            fix=(f"did you mean {near[0]}? " if near else "") + "`temoctl explain` without a code lists them all",
        )
    return path.read_text(encoding="utf-8")

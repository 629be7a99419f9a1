"""What archives took in, tenant by tenant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from temoctl.app.archive import Archived
from temoctl.render.diagnostics import problem, tree
from temoctl.render.history import time
from temoctl.render.page import Page


def archived_page(done: Sequence[Archived], *, cells: int = 80) -> Page:
    page = Page(cells)
    if not done:
        page.prose("No tenant here has an archive: `retention.archive: true` in a spec asks for one.")
    for one in done:
        sign = ("  x  ", "bold red") if one.problem else ("  ok ", "green")
        page.line(sign, one.tenant, ": ", _words(one))
        if one.problem is not None:
            for line in problem(one.problem, cells - 7).lines:
                page.line("       ", line.plain)
    return page


def _words(one: Archived) -> str:
    if not one.lines:
        return "stopped" if one.problem else f"nothing new before {time(one.before)} UTC"
    took = f"{one.lines:,} message{'s' if one.lines > 1 else ''} in {one.parts:,} part{'s' if one.parts > 1 else ''}"
    return f"{took}, then stopped" if one.problem else f"{took}, all before {time(one.before)} UTC"


def archived_tree(one: Archived) -> dict[str, Any]:
    return {
        "tenant": one.tenant,
        "messages": one.lines,
        "parts": one.parts,
        "before": None if one.problem else one.before,
        "problem": None if one.problem is None else tree(one.problem),
    }

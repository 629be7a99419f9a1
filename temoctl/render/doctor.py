"""One finding of the doctor, as lines."""

from __future__ import annotations

from temoctl.app.doctor import Check
from temoctl.render.diagnostics import problem
from temoctl.render.page import Page
from temoctl.render.text import wrap


def check_page(one: Check, *, cells: int = 80) -> Page:
    page = Page(cells)
    sign = ("  ok ", "green") if one.ok else ("  x  ", "bold red")
    words = f"{one.name}: {one.found}" if one.found else one.name
    first, *more = wrap(words, cells=cells - 5) or [""]
    page.line(sign, (first, "" if one.ok else "bold"))
    for words in more:
        page.line("     ", (words, "" if one.ok else "bold"))
    for found in one.problems:
        for line in problem(found, cells - 7).lines:
            page.line("       ", line.plain)
    return page

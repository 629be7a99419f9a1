"""Rows under headings, for the lists: status, state, secrets, history, doctor, diagnostics of the state."""

from __future__ import annotations

from collections.abc import Sequence

from temoctl.render.page import Page
from temoctl.render.text import pad, safe, width

_NARROWEST = 8


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    cells: int = 80,
    empty: str = "Nothing.",
    whole: Sequence[int] = (),
) -> Page:
    """Columns as wide as they need to be; where the page is too narrow the widest columns are cut.

    Columns in `whole` are what people copy (addresses): they are cut only when the others are at their narrowest. The
    last column is never padded. An empty table is one sentence.
    """
    page = Page(cells)
    if not rows:
        return page.line(empty)
    shown = [[safe(cell) for cell in row] for row in rows]
    widths = [max(width(heading), *(width(row[i]) for row in shown)) for i, heading in enumerate(headings)]
    others = [i for i in range(len(widths)) if i not in whole]
    for columns in (others, list(whole)):
        while sum(widths) + 2 * (len(widths) - 1) > cells and any(widths[i] > _NARROWEST for i in columns):
            widths[max(columns, key=widths.__getitem__)] -= 1
    page.line(("  ".join(pad(heading, w) for heading, w in zip(headings, widths, strict=True)), "bold"))
    for row in shown:
        page.line("  ".join(pad(cell, w) for cell, w in zip(row, widths, strict=True)))
    return page


def ago(seconds: float) -> str:
    """`12 s ago`, `3 h ago`, `5 days ago`."""
    for unit, size in (("day", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            number = int(seconds // size)
            plural = "s" if unit == "day" and number != 1 else ""
            return f"{number} {unit}{plural} ago"
    return f"{max(0, int(seconds))} s ago"

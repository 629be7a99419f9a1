"""Problems as people read them: the place, the line, the span underlined, what is allowed and what to do.

Must not know where a problem comes from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from temoctl.model.diagnostic import Diagnostic, Severity, Where
from temoctl.render.page import Page, joined
from temoctl.render.text import count, cut, listing, safe, width

_STYLE = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.NOTE: "bold"}
_TAB = "    "
_MAX_ALLOWED = 12


def problem(one: Diagnostic, cells: int = 80) -> Page:
    """One problem, as in the design's example."""
    page = Page(cells)
    head = f"{one.severity.value} {one.code}"
    first, *more = _headline(f"{head}: {one.summary}", cells)
    page.line((head, _STYLE[one.severity]), (first[len(head) :], "bold"))
    for line in more:
        page.line((line, "bold"))
    margin = " " * len(str(one.where.line)) if one.where and one.where.line else " "
    if one.where is not None:
        page.line(f"{margin}--> ", (_place(one.where), ""))
        if one.snippet and one.where.line:
            _snippet(page, one, margin)
    for note in _notes(one):
        page.prose(note, indent=f"{margin} = ", hang=f"{margin}   ")
    return page


def problems(diagnostics: Sequence[Diagnostic], cells: int = 80, *, summary: bool = True) -> Page:
    """All problems, then how many there are."""
    page = joined((problem(one, cells) for one in diagnostics), cells)
    if summary and len(diagnostics) > 1:
        page.blank().line((_totals(diagnostics), "bold"))
    return page


def tree(one: Diagnostic) -> dict[str, Any]:
    """A problem as JSON."""
    found: dict[str, Any] = {"code": one.code, "severity": one.severity.value, "summary": one.summary}
    for key in ("span", "detail", "fix", "suggestion", "tenant"):
        if value := getattr(one, key):
            found[key] = value
    if one.allowed:
        found["allowed"] = list(one.allowed)
    if one.where is not None:
        found["where"] = where_tree(one.where)
    return found


def where_tree(where: Where) -> dict[str, Any]:
    """A place as JSON; fields that have no meaning for it are left out."""
    pairs = {
        "file": where.file,
        "line": where.line,
        "column": where.column,
        "sheet": where.sheet,
        "column_name": where.column_name,
    }
    return {key: value for key, value in pairs.items() if value}


def _headline(text: str, cells: int) -> list[str]:
    from temoctl.render.text import wrap

    return wrap(text, hang="  ", cells=cells)


def _place(where: Where) -> str:
    if not where.sheet and not where.column_name:
        return str(where)
    parts = [where.file]
    if where.sheet:
        parts.append(f'sheet "{where.sheet}"')
    if where.line:
        parts.append(f"row {where.line}")
    if where.column_name:
        parts.append(f'column "{where.column_name}"')
    return ", ".join(parts)


def _snippet(page: Page, one: Diagnostic, margin: str) -> None:
    where = one.where
    assert where is not None
    line, start, length = _window(one.snippet, where, page.cells - len(margin) - 3)
    page.line(f"{margin} |")
    page.line((str(where.line), "bold"), f" | {line}")
    if not where.column:
        return
    under = " " * start + "^" * length
    room = page.cells - len(margin) - 3 - len(under) - 1
    style = _STYLE[one.severity]
    if not one.span or width(one.span) <= room:
        page.line(f"{margin} | ", (under, style), (f" {one.span}" if one.span else "", style))
    else:
        page.line(f"{margin} | ", (under, style))
        page.prose(one.span, indent=f"{margin} | {' ' * min(start, 20)}", style=style)


def _window(raw: str, where: Where, room: int) -> tuple[str, int, int]:
    """The line as shown, and the cells where the underline starts and how long it is.

    Tabs become spaces and everything is measured in cells, so that the underline stands under what it means; a line
    that is too long is shown around the span.
    """
    raw = raw.rstrip("\r\n")
    column = max(0, where.column - 1)
    before, span = raw[:column], raw[column : column + max(1, where.length)]
    after = raw[column + len(span) :]
    before, span, after = (_shown(part) for part in (before, span, after))
    if width(before + span + after) > room and width(before) + width(span) > room * 2 // 3:
        keep = max(10, room - width(span) - 14)
        before = "…" + before[-keep:] if len(before) > keep else before
    line = cut(before + span + after, room)
    start = min(width(before), room - 1)
    return line, start, max(1, min(width(span), room - start))


def _shown(part: str) -> str:
    return safe(part.replace("\t", _TAB))


def _notes(one: Diagnostic) -> list[str]:
    notes = []
    known = [f"did you mean `{one.suggestion}`?"] if one.suggestion else []
    if one.allowed:
        shown = list(one.allowed[:_MAX_ALLOWED])
        rest = len(one.allowed) - len(shown)
        known.append("allowed: " + ", ".join(shown) + (f" and {rest} more" if rest else ""))
    if known:
        notes.append("   ".join(known))
    if one.detail:
        notes.append(one.detail)
    if one.fix:
        notes.append(f"to fix it: {one.fix}")
    notes.append(f"more: temoctl explain {one.code}")
    return notes


def _totals(diagnostics: Sequence[Diagnostic]) -> str:
    by = Counter(one.severity for one in diagnostics)
    files = {one.where.file for one in diagnostics if one.where}
    parts = [count(by[severity], severity.value) for severity in Severity if by[severity]]
    return listing(parts) + (f" in {count(len(files), 'file')}." if files else ".")

"""YAML's syntax errors in words for people. Must not know what the file was meant to say.

The parser's own words ("mapping values are not allowed in this context") are used to find the cause, never shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import yaml

from temoctl.model.diagnostic import Diagnostic, Where
from temoctl.spec.source import Source
from temoctl.spec.tokens import mask

_TAB = re.compile(r"[ ]*(?:- *)*\t")
_ENTRY = re.compile(r"(?P<head>\s*(?:- +)*[^\s:#\"'{\[][^:]*:\s+)(?P<value>\S.*)")
_MOST_TABS = 10


def explain_error(error: yaml.YAMLError, source: Source) -> list[Diagnostic]:
    """One syntax error; several diagnostics where it shows the same mistake in several lines (tabs)."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return [Diagnostic("TEMO208", "this is not YAML", Where(source.file, 1, 1), fix=_GENERAL)]
    problem = str(error.problem or "")
    line, column = _place(error.problem_mark, source)
    tabs = _tabs(source, line)
    if tabs:
        return tabs
    context = _place(error.context_mark, source) if error.context_mark else (line, column)
    for pattern, explain in _CAUSES:
        if re.search(pattern, f"{error.context or ''}; {problem}"):
            found = explain(source, line, column, context)
            if found:
                return [found]
    return [_by_line(source, line, column) or _by_line(source, *_before(source, line)) or _indent(source, line, column)]


_GENERAL = "Check indentation (two spaces a level), quotes and colons near this line."


def _place(mark: Any, source: Source) -> tuple[int, int]:
    if mark is None:
        return 1, 1
    return min(mark.line + 1, len(source.lines)), mark.column + 1


def _before(source: Source, line: int) -> tuple[int, int]:
    """The nearest line above that says something."""
    while line > 1:
        line -= 1
        text = source.line(line)
        if text.strip() and not text.lstrip().startswith("#"):
            return line, len(text) - len(text.lstrip()) + 1
    return 1, 1


def _tabs(source: Source, line: int) -> list[Diagnostic]:
    """All lines indented with tabs, when the line that can't be read (or the one before) is one of them."""
    near = {line, line - 1}
    tabbed = [n for n, text in enumerate(source.lines, 1) if _TAB.match(text)]
    if not near & set(tabbed):
        return []
    return [
        Diagnostic(
            "TEMO205",
            "a tab stands where spaces belong",
            Where(source.file, n, source.line(n).index("\t") + 1, 1),
            span="a tab",
            fix="Indent with two spaces a level; most editors can turn tabs into spaces for the whole file.",
        )
        for n in tabbed[:_MOST_TABS]
    ]


def _colon(source: Source, line: int, column: int, context: tuple[int, int]) -> Diagnostic | None:
    entry = _ENTRY.match(source.line(line))
    if entry is None or column - 1 < entry.start("value"):
        return _continued(source, line)
    quoted = '"' + entry["value"].rstrip().replace("\\", "\\\\").replace('"', '\\"') + '"'
    return Diagnostic(
        "TEMO206",
        "a text with a colon needs quotes",
        Where(source.file, line, entry.start("value") + 1, len(entry["value"].rstrip())),
        span="the second colon looks like another key",
        suggestion=mask(entry["head"].strip() + " " + quoted).removeprefix(entry["head"].strip() + " "),
    )


def _continued(source: Source, line: int) -> Diagnostic | None:
    """A key that the parser took for the rest of the text above."""
    above, start = _before(source, line)
    if re.fullmatch(r"[A-Za-z_][\w-]*:\S.*", source.line(above).strip()):
        return _no_colon(source, line, 1, (above, start))
    text = source.line(line)
    indent = len(text) - len(text.lstrip(" "))
    if above >= line or indent < start:
        return None
    return Diagnostic(
        "TEMO208",
        "this line is indented further than the line above",
        Where(source.file, line, 1, max(1, indent)),
        span="too many spaces",
        fix="Give it as many spaces as its neighbours have. If it continues the text above, put that text in quotes.",
    )


def _character(source: Source, line: int, column: int, context: tuple[int, int]) -> Diagnostic | None:
    character = source.line(line)[column - 1 : column]
    if not character.isprintable() or not character:
        return None
    return _needs_quotes(source, line, column, character)


def _needs_quotes(source: Source, line: int, column: int, character: str) -> Diagnostic:
    rest = source.line(line)[column - 1 :].rstrip()
    entry = mask(source.line(line).rstrip())[column - 1 :]
    return Diagnostic(
        "TEMO210",
        f"a text that starts with `{character}` needs quotes",
        Where(source.file, line, column, max(1, len(rest))),
        suggestion=f'"{entry}"' if '"' not in entry and "\\" not in entry else "",
    )


def _anchor(source: Source, line: int, column: int, context: tuple[int, int]) -> Diagnostic:
    line, column = context
    return _needs_quotes(source, line, column, source.line(line)[column - 1 : column] or "*")


def _unclosed(source: Source, line: int, column: int, context: tuple[int, int]) -> Diagnostic:
    return Diagnostic(
        "TEMO209",
        "a quote is opened here and never closed",
        Where(source.file, *context, 1),
        span="opened here",
        fix="Close it at the end of the text. A ' inside '…' is written ''.",
    )


def _escape(source: Source, line: int, column: int, context: tuple[int, int]) -> Diagnostic:
    return Diagnostic(
        "TEMO209",
        "a backslash in double quotes starts a special character that doesn't exist",
        Where(source.file, line, source.line(line).rfind("\\", 0, column) + 1, 2),
        fix="Use single quotes '…', or write two backslashes.",
    )


def _bracket(source: Source, line: int, column: int, context: tuple[int, int]) -> Diagnostic | None:
    opened = source.line(context[0])[context[1] - 1 : context[1]]
    if opened not in ("{", "["):
        return None
    return Diagnostic(
        "TEMO207",
        f"`{opened}` is opened here and not closed rightly",
        Where(source.file, *context, 1),
        span="opened here",
        fix=f"Close it, or, if it is part of a text, put the whole text in quotes. Problem seen on line {line}.",
    )


def _no_colon(source: Source, line: int, column: int, context: tuple[int, int]) -> Diagnostic:
    text = source.line(context[0]).strip()
    glued = re.fullmatch(r"([A-Za-z_][\w-]*):(\S.*)", text)
    return Diagnostic(
        "TEMO208",
        "a key needs a colon and a space after it",
        Where(source.file, context[0], context[1], max(1, len(text))),
        suggestion=mask(f"{glued[1]}: {glued[2]}") if glued else "",
        fix="" if glued else "Write `key: value`, or indent the line if it continues the text above.",
    )


def _list_inline(source: Source, line: int, column: int, context: tuple[int, int]) -> Diagnostic:
    return Diagnostic(
        "TEMO208",
        "a list can't start on the line of its key",
        Where(source.file, line, column, 1),
        fix="Put each `- item` on a line of its own below the key. A text that starts with `- ` needs quotes.",
    )


def _tag(source: Source, line: int, column: int, context: tuple[int, int]) -> Diagnostic:
    return Diagnostic(
        "TEMO219",
        "YAML tags are not used here",
        Where(source.file, *context, 1),
        fix="A text that starts with ! needs quotes.",
    )


def _directive(source: Source, line: int, column: int, context: tuple[int, int]) -> Diagnostic | None:
    if source.line(context[0])[context[1] - 1 : context[1]] != "%":
        return None
    return _needs_quotes(source, context[0], context[1], "%")


def _by_line(source: Source, line: int, column: int) -> Diagnostic | None:
    """Mistakes that the parser notices late: text after a closing quote, braces that start a text."""
    entry = _ENTRY.match(source.line(line))
    if entry is None:
        return None
    value = entry["value"].rstrip()
    place = Where(source.file, line, entry.start("value") + 1, len(value))
    if re.match(r"([\"'])(?:(?!\1).)*\1\s*[^\s#,}\]]", value):
        fix = "Put the whole text in quotes; a \" inside \"…\" is written \\\", a ' inside '…' is written ''."
        return Diagnostic("TEMO209", "the text goes on after the closing quote", place, fix=fix)
    if value[0] in "{[":
        fix = 'Put the whole text in quotes: "' + value[0] + '…".'
        return Diagnostic("TEMO207", "a text with braces or brackets needs quotes", place, fix=fix)
    return None


def _indent(source: Source, line: int, column: int) -> Diagnostic:
    return Diagnostic(
        "TEMO208",
        "this line doesn't fit the lines around it",
        Where(source.file, line, column, 1),
        fix=_GENERAL,
    )


_Explain = Callable[[Source, int, int, tuple[int, int]], Diagnostic | None]
_CAUSES: tuple[tuple[str, _Explain], ...] = (
    ("mapping values are not allowed", _colon),
    ("cannot start any token", _character),
    ("scanning an? (?:anchor|alias)", _anchor),
    ("quoted scalar.*(?:unexpected end|document separator)", _unclosed),
    ("unknown escape|hexdecimal|invalid Unicode character escape|parsing a quoted scalar", _escape),
    ("block sequence entries are not allowed|sequence entries are not allowed", _list_inline),
    ("flow (?:mapping|sequence|node)", _bracket),
    ("(?:could not find|did not find) expected ':'", _no_colon),
    ("tag", _tag),
    ("directive", _directive),
)

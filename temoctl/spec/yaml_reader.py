"""YAML -> plain values and the position of each. Must not know what the values mean.

Built on PyYAML's event stream (the C parser where there is one) instead of its constructors, for four reasons: keys
and values keep their places, all duplicate keys are seen, nesting and alias expansion are limited *before* they hurt,
and plain words keep their meaning: `NO` is Norway, `007` and `1e3` are texts, `12:30` is a time somebody wrote.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from temoctl.model.diagnostic import Diagnostic, Where
from temoctl.spec.positions import Path, Positions, Span
from temoctl.spec.source import Source, blockers, leaked
from temoctl.spec.tokens import shown
from temoctl.spec.yaml_errors import explain_error

_EMPTY = "Restore it from git, or write a new one with `temoctl new`. An empty file never means: delete."
_DEEP = "Remove brackets, or put the text in quotes."

DEEPEST = 20
MOST_NODES = 50_000

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]{0,14})\.[0-9]{1,15}")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}  # type: ignore[dict-item]


@dataclass
class Document:
    """One file as plain values. `value` is None when it could not be read; `problems` say why.

    `written` keeps the text of values that were read as something else than text, by path.
    """

    source: Source
    positions: Positions
    value: dict[str, Any] | None = None
    problems: list[Diagnostic] = field(default_factory=list)
    written: dict[Path, str] = field(default_factory=dict)


class _Stop(Exception):
    """Reading on would only produce nonsense."""


def read_document(source: Source) -> Document:
    """Read a text as one YAML mapping. Never raises for anything the text may hold."""
    document = Document(source, Positions(source.file))
    document.problems = blockers(source)
    if not document.problems:
        reader = _Reader(document)
        try:
            document.value = reader.read()
        except _Stop:
            pass
        except yaml.YAMLError as error:
            document.problems += explain_error(error, source)
    document.problems += leaked(source)
    document.problems = source.with_snippets(document.problems)
    return document


def scalar(text: str) -> Any:
    """The value of a plain (unquoted) scalar: null, true, false, numbers that can't be meant otherwise, else text."""
    first = text[:1]
    if first not in "~nNtTfF-0123456789":
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


class _Reader:
    def __init__(self, document: Document) -> None:
        self.source = document.source
        self.positions = document.positions
        self.problems = document.problems
        self.written = document.written
        self.loader = _Loader(document.source.text)
        self.next = self.loader.get_event
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.nodes = 0

    def read(self) -> dict[str, Any]:
        self.next()  # the start of the stream
        if type(self.next()) is yaml.StreamEndEvent:
            self.stop("TEMO216", "the file is empty", Where(self.source.file, 1, 1), fix=_EMPTY)
        event = self.next()
        value = self.build(event, (), 0, None)
        self.next()  # the end of the document
        after = self.next()
        if type(after) is not yaml.StreamEndEvent:
            self.report(
                "TEMO217",
                "the file holds several documents",
                self.place(after),
                span="a second one starts here",
                fix="Put each into a file of its own, and remove the line with `---`.",
            )
        if value is None:
            self.stop("TEMO216", "the file is empty", Where(self.source.file, 1, 1), fix=_EMPTY)
        if not isinstance(value, dict):
            place = self.place(event)
            self.stop("TEMO218", "the file is not a list of settings", place, fix="Write lines like `id: acme`.")
        found: dict[str, Any] = value
        return found

    def build(self, event: Any, path: Path, depth: int, key: Span | None) -> Any:
        self.count(event, 1)
        kind = type(event)
        if kind is yaml.AliasEvent:
            return self.alias(event, path)
        if event.tag is not None:
            fix = "Remove the word with `!`, or put the text in quotes."
            self.stop("TEMO219", f"YAML tags are not used here: {shown(event.tag)}", self.place(event), fix=fix)
        before = self.nodes
        if kind is yaml.ScalarEvent:
            value = self.scalar(event, path, key)
        elif depth >= DEEPEST:
            self.stop("TEMO213", f"nested more than {DEEPEST} levels deep", self.place(event), fix=_DEEP)
        elif kind is yaml.MappingStartEvent:
            value = self.mapping(event, path, depth, key)
        else:
            value = self.sequence(event, path, depth, key)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, self.nodes - before + 1)
        return value

    def scalar(self, event: Any, path: Path, key: Span | None) -> Any:
        text: str = event.value
        if not event.implicit[0]:
            self.positions.values[path] = self.span(event)
            return text
        value = scalar(text)
        self.positions.values[path] = self.span(event) if text or key is None else key
        if type(value) is not str:
            self.written[path] = text
        return value

    def sequence(self, event: Any, path: Path, depth: int, key: Span | None) -> list[Any]:
        items: list[Any] = []
        while True:
            item = self.next()
            if type(item) is yaml.SequenceEndEvent:
                break
            items.append(self.build(item, (*path, str(len(items))), depth + 1, None))
        self.positions.values[path] = self.collection_span(event, item, key)
        return items

    def mapping(self, event: Any, path: Path, depth: int, key: Span | None) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while True:
            named = self.next()
            if type(named) is yaml.MappingEndEvent:
                break
            name = self.name(named)
            span = self.span(named)
            child = (*path, name)
            if name in found:
                self.report_twice(child, span)
                child = (*path, name, "\0again")
            else:
                self.positions.keys[child] = span
            value = self.build(self.next(), child, depth + 1, span)
            found.setdefault(name, value)
        self.positions.values[path] = self.collection_span(event, named, key)
        return found

    def name(self, event: Any) -> str:
        """A key's text. Keys are always texts here: `2024` names a column, not a number."""
        if type(event) is not yaml.ScalarEvent:
            if type(event) is yaml.AliasEvent:
                self.stop("TEMO211", "an alias can't be a key", self.place(event))
            self.stop(
                "TEMO207",
                "a text with braces or brackets needs quotes",
                self.place(event),
                span="YAML reads this as structure, not as text",
                fix='Put the whole text in quotes: "{{ name }}".',
            )
        self.count(event, 1)
        name: str = event.value
        if name == "<<" and event.implicit[0]:
            self.stop("TEMO211", "merging with `<<` is not supported", self.place(event), fix="Write the lines out.")
        return name

    def alias(self, event: Any, path: Path) -> Any:
        if event.anchor not in self.anchors:
            self.stop(
                "TEMO211",
                f"`*{shown(event.anchor)}` points at nothing",
                self.place(event),
                fix="A text that starts with * needs quotes.",
            )
        value, nodes = self.anchors[event.anchor]
        self.count(event, nodes)
        self.positions.values[path] = self.span(event)
        return value

    def count(self, event: Any, nodes: int) -> None:
        """Anchors and aliases are limited by what they expand to: ten lines can stand for a billion values."""
        self.nodes += nodes
        if self.nodes > MOST_NODES:
            fix = "Aliases (*name) count as often as they are used: write fewer of them."
            self.stop("TEMO211", f"the file stands for more than {MOST_NODES:,} values", self.place(event), fix=fix)

    def report_twice(self, path: Path, span: Span) -> None:
        first = self.positions.keys[path][0]
        self.report(
            "TEMO204",
            f"`{shown(path[-1])}` stands twice",
            Where(self.source.file, *span),
            span=f"first on line {first}",
            fix="Keep one of them: YAML would silently forget the other.",
        )

    def span(self, event: Any) -> Span:
        start, end = event.start_mark, event.end_mark
        length = end.column - start.column if end.line == start.line else 1
        return start.line + 1, start.column + 1, max(1, length)

    def collection_span(self, start: Any, end: Any, key: Span | None) -> Span:
        """Where a person looks for a list or mapping: the text itself when it is on one line, else its key."""
        first, last = start.start_mark, end.end_mark
        if start.flow_style and first.line == last.line:
            return first.line + 1, first.column + 1, max(1, last.column - first.column)
        return key or (first.line + 1, first.column + 1, 1)

    def place(self, event: Any) -> Where:
        return Where(self.source.file, *self.span(event))

    def report(self, code: str, summary: str, where: Where, *, span: str = "", fix: str = "") -> None:
        self.problems.append(Diagnostic(code, summary, where, span=span, fix=fix))

    def stop(self, code: str, summary: str, where: Where, *, span: str = "", fix: str = "") -> Any:
        self.report(code, summary, where, span=span, fix=fix)
        raise _Stop

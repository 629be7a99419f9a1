"""A file as a typed table: looked through once to find its columns and all that is wrong, then read row by row.

Both passes stream. Nothing is given out of a file that has an error: `open_table` raises before the first row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain, islice
from pathlib import Path
from typing import Any

from temoctl.model.diagnostic import Diagnostic
from temoctl.model.errors import Conflict, Problems
from temoctl.sheets import encodings
from temoctl.sheets.forced import forced_reader
from temoctl.sheets.infer import Guess, Read
from temoctl.sheets.layout import SAMPLE, Layout, Row, filled, find_layout, is_empty
from temoctl.sheets.model import Column, ColumnType, ReadOptions, TableInfo
from temoctl.sheets.names import column_names
from temoctl.sheets.problems import Findings
from temoctl.sheets.source import Source, open_source
from temoctl.sheets.values import Cell, to_text
from temoctl.sheets.xlsx_file import XlsxSource

MAX_COLUMNS = 250
MAX_ROWS = 1_000_000


def file_digest(path: Path) -> str:
    """SHA-256 of the file's bytes, in hex: the version of a knowledge base."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(path: Path, options: ReadOptions, *, shown: str = "") -> tuple[TableInfo | None, list[Diagnostic]]:
    """What is in the file and what is wrong with it. None for the table when there is an error.

    `shown` is how the file is called for people, where its path would say too much or too little.
    """
    table, findings = _look_through(path, options, shown or str(path))
    return (None if table is None or findings.errors else table.info), findings.all()


def open_table(path: Path, options: ReadOptions, *, shown: str = "") -> Table:
    """The file as a table. Raises Problems with everything that is wrong, when anything is."""
    table, findings = _look_through(path, options, shown or str(path))
    if table is None or findings.errors:
        raise Problems(findings.all())
    return table


@dataclass(frozen=True, slots=True)
class _Field:
    """One column that is kept: where its cells stand in a row and how they are read."""

    position: int
    column: Column
    read: Read


class Table:
    """A table without errors. `rows` may be called again; each call reads the file from its beginning."""

    def __init__(self, source: Source, layout: Layout, fields: Sequence[_Field], info: TableInfo) -> None:
        self._source, self._layout, self._fields = source, layout, fields
        self.info = info
        self.columns: tuple[Column, ...] = info.columns
        self.count: int = info.count

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Typed values in the order of `columns`; empty cells are None. Raises Conflict when the file changed."""
        findings = Findings("")
        picks = [(one.position, one.read) for one in self._fields]
        for number, cells in self._source.rows(findings):
            if number < self._layout.first_row or not filled(cells):
                continue
            width = len(cells)
            try:
                yield tuple(
                    [None if at >= width or is_empty(value := cells[at]) else read(value) for at, read in picks]
                )
            except (ValueError, ArithmeticError):
                raise _changed() from None
        if findings.errors:
            raise _changed()


def _changed() -> Conflict:
    return Conflict("TEMO319", "the file changed while it was being read", fix="wait until it is saved, then try again")


def _look_through(path: Path, options: ReadOptions, shown: str) -> tuple[Table | None, Findings]:
    findings = Findings(shown)
    if not _options_are_known(options, findings):
        return None, findings
    source = open_source(path, options, findings)
    if source is None:
        return None, findings
    rows = source.rows(findings)
    sample = list(islice(rows, SAMPLE))
    layout = find_layout(sample, options.header)
    if layout is None:
        findings.error("TEMO301", "the table is empty", fix="fill it, or take it out of the spec")
        return None, findings
    if len(layout.titles) > MAX_COLUMNS:
        findings.error(
            "TEMO316",
            f"the table has {len(layout.titles)} columns",
            row=layout.header_row,
            fix=f"keep the columns the bot needs: up to {MAX_COLUMNS} are allowed",
        )
        return None, findings
    guesses, count = _guess_columns(chain(sample, rows), layout, source, findings)
    fields = _fields(layout, guesses, source, options, findings)
    _check_forced(source, layout, fields, options, findings)
    if isinstance(source, XlsxSource):
        _check_formulas(source, layout, fields, findings)
    if not count and not findings.errors:
        findings.error(
            "TEMO301", "the table has a header and no rows", row=layout.header_row, fix="add at least one row"
        )
    info = TableInfo(
        tuple(one.column for one in fields),
        count,
        source.kind,
        source.encoding,
        source.delimiter,
        source.sheet,
        layout.header_row,
    )
    return Table(source, layout, fields, info), findings


def _options_are_known(options: ReadOptions, findings: Findings) -> bool:
    if options.encoding and not encodings.known(options.encoding):
        usual = ("utf-8", "utf-16", "cp1251", "cp1252", "koi8-r", "cp866")
        findings.error("TEMO318", f"{options.encoding!r} is not an encoding", allowed=usual, fix="use one of the list")
    if options.delimiter and (len(options.delimiter) != 1 or options.delimiter in '"\r\n\0'):
        fix = "give one character, or leave `delimiter` out"
        findings.error(
            "TEMO318", f"{options.delimiter!r} can't separate cells", allowed=(",", ";", "\\t", "|"), fix=fix
        )
    types = tuple(kind.value for kind in ColumnType)
    for title, kind in options.columns.items():
        if kind not in types:
            near = get_close_matches(kind, types, n=1)
            findings.error(
                "TEMO318",
                f"{kind!r} is not a column type",
                title=title,
                allowed=types,
                suggestion=near[0] if near else "",
                fix="use one of the list",
            )
    return not findings.errors


def _guess_columns(
    rows: Iterator[tuple[int, Sequence[Cell]]], layout: Layout, source: Source, findings: Findings
) -> tuple[list[Guess], int]:
    """Look at every value once. Reports rows that are too short or too long."""
    width = len(layout.titles)
    guesses = [Guess() for _ in range(width)]
    count = 0
    for number, cells in rows:
        if number < layout.first_row or not filled(cells):
            continue
        count += 1
        if count > MAX_ROWS:
            fix = f"a table may have up to {MAX_ROWS:,} rows; split the file"
            findings.error("TEMO316", "the table has too many rows", row=number, fix=fix)
            break
        if len(cells) != width:
            _check_width((number, cells), layout, source.first_column, findings)
        for guess, value in zip(guesses, cells, strict=False):
            if value is not None and value != "" and not is_empty(value):
                guess.see(value)
    return guesses, count


def _check_width(row: Row, layout: Layout, first_column: int, findings: Findings) -> None:
    (number, cells), width = row, len(layout.titles)
    if len(cells) > width and not filled(cells[width:]):
        return
    many = len(cells) > width
    at = width if many else len(cells)
    expected = "the header has" if layout.header_row else "the other rows have"
    findings.error(
        "TEMO309",
        f"the row has {len(cells)} cells, but {expected} {width}",
        row=number,
        column=first_column + at,
        title="" if many else layout.titles[at],
        fix="put texts that hold a separator in quotes, and give every row the same number of cells",
    )


def _fields(
    layout: Layout, guesses: Sequence[Guess], source: Source, options: ReadOptions, findings: Findings
) -> list[_Field]:
    """The columns that are kept, named and typed. A column without a header and without a value is dropped."""
    kept = [at for at, title in enumerate(layout.titles) if title or guesses[at].filled]
    names = column_names([layout.titles[at] for at in kept])
    _check_header(layout, kept, names, source, findings)
    asked = _asked_types(layout, kept, names, options, findings)
    fields = []
    for at, name in zip(kept, names, strict=True):
        title = layout.titles[at] or name
        forced = asked.get(name)
        kind, read, doubt = guesses[at].decide()
        if forced is not None:
            kind, read = forced, forced_reader(forced, guesses[at].date_style())
        elif doubt:
            findings.warning(
                "TEMO313",
                f"the column stays text: {doubt.why}",
                row=layout.header_row,
                column=source.first_column + at,
                title=title,
                fix=f"say what they are in the spec, for example `columns: {{{name}: {doubt.likely}}}`",
            )
        fields.append(_Field(at, Column(name, title, kind), read))
    return fields


def _check_header(
    layout: Layout, kept: Sequence[int], names: Sequence[str], source: Source, findings: Findings
) -> None:
    for number, cells in layout.skipped:
        text = next(to_text(cell) for cell in cells if not is_empty(cell))
        findings.warning("TEMO314", f"the row {text.strip()[:40]!r} above the table is left out", row=number)
    if not layout.header_row:
        if layout.guessed:
            findings.warning(
                "TEMO314",
                "no header row was found, so the columns are called column_1, column_2 …",
                row=layout.first_row,
                fix="add a header row; if the first row is one, write `header: true` in the spec",
            )
        return
    seen: dict[str, int] = {}
    for at, name in zip(kept, names, strict=True):
        title = layout.titles[at]
        row, column = layout.header_row, source.first_column + at
        if not title:
            fix = "give the column a header"
            findings.warning("TEMO314", f"a column has no header; it is called {name}", row=row, column=column, fix=fix)
        elif title.casefold() in seen:
            summary = f"two columns are called {title!r}; the second is called {name}"
            fix = "give every column a header of its own"
            findings.warning("TEMO314", summary, row=row, column=column, title=title, fix=fix)
        seen.setdefault(title.casefold(), at)


def _asked_types(
    layout: Layout, kept: Sequence[int], names: Sequence[str], options: ReadOptions, findings: Findings
) -> dict[str, ColumnType]:
    """The spec's types by column name; a column may be named by its header or by its SQL name."""
    by_title = {layout.titles[at].casefold(): name for at, name in reversed(list(zip(kept, names, strict=True)))}
    asked: dict[str, ColumnType] = {}
    for wanted, kind in options.columns.items():
        name = wanted if wanted in names else by_title.get(" ".join(wanted.split()).casefold(), "")
        if name:
            asked[name] = ColumnType(kind)
            continue
        titles = tuple(layout.titles[at] or name for at, name in zip(kept, names, strict=True))
        near = get_close_matches(wanted, (*titles, *names), n=1)
        findings.error(
            "TEMO315",
            f"the table has no column {wanted!r}, though the spec gives it a type",
            row=layout.header_row,
            allowed=titles,
            suggestion=near[0] if near else "",
            fix="name a column as its header does, or take it out of `columns`",
        )
    return asked


def _check_forced(
    source: Source, layout: Layout, fields: Sequence[_Field], options: ReadOptions, findings: Findings
) -> None:
    """Values that aren't of the type the spec asks for, cell by cell."""
    forced = [one for one in fields if options.columns and one.column.type is not ColumnType.TEXT]
    if not options.columns or not forced:
        return
    for number, cells in source.rows(Findings(findings.file)):
        if number < layout.first_row:
            continue
        for one in forced:
            if one.position >= len(cells) or is_empty(value := cells[one.position]):
                continue
            try:
                one.read(value)
            except (ValueError, ArithmeticError) as problem:
                findings.error(
                    "TEMO312",
                    f"{to_text(value).strip()[:40]!r} is {problem}",
                    row=number,
                    column=source.first_column + one.position,
                    title=one.column.title,
                    fix=f"mend the cell, or don't ask for {one.column.type.value} in the spec's `columns`",
                )


def _check_formulas(source: XlsxSource, layout: Layout, fields: Sequence[_Field], findings: Findings) -> None:
    titles = {source.first_column + one.position: one.column.title for one in fields}
    for fault in source.formula_faults():
        if fault.row and (fault.row < (layout.header_row or layout.first_row) or fault.column not in titles):
            continue
        summary = f"the formula gives {fault.shown}" if fault.shown else "the formula has no value"
        findings.error(
            "TEMO311",
            summary,
            row=fault.row,
            column=fault.column,
            title=titles.get(fault.column, ""),
            fix="mend the formula"
            if fault.shown
            else "open the workbook in your spreadsheet program and save it, so that formulas are computed",
        )

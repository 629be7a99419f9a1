"""Where a table begins: title rows to skip, and whether the first row is a header. Must not know files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from temoctl.sheets.infer import Guess
from temoctl.sheets.model import ColumnType
from temoctl.sheets.values import Cell, to_text

SAMPLE = 50
Row = tuple[int, Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Layout:
    """`header_row` is 0 where there is none; data are the rows from `first_row` on. `titles` are by position.

    `skipped` is the text of title rows above the table; `guessed` is True where a missing header was our finding.
    """

    header_row: int
    first_row: int
    titles: tuple[str, ...]
    skipped: tuple[Row, ...] = ()
    guessed: bool = False


def is_empty(value: Cell) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def filled(cells: Sequence[Cell]) -> int:
    return sum(not is_empty(cell) for cell in cells)


def find_layout(sample: Sequence[Row], header: bool | None) -> Layout | None:
    """Decide from the first rows; None when they hold nothing."""
    rows = [row for row in sample if filled(row[1])]
    if not rows:
        return None
    widest = max(filled(cells) for _, cells in rows)
    start = 0
    while widest > 1 and start + 1 < len(rows) and filled(rows[start][1]) == 1 and _is_title(rows, start):
        start += 1
    skipped, rows = tuple(rows[:start]), rows[start:]
    number, first = rows[0]
    has_header = header if header is not None else _is_header(first, rows[1:])
    if has_header:
        titles = tuple(" ".join(to_text(cell).split()) for cell in first)
        return Layout(number, number + 1, titles, skipped)
    return Layout(0, number, ("",) * max(len(cells) for _, cells in rows), skipped, guessed=header is None)


def _is_title(rows: Sequence[Row], start: int) -> bool:
    """A lone cell above rows that are at least two cells wide."""
    below = [filled(cells) for _, cells in rows[start + 1 : start + 4]]
    return all(count > 1 for count in below) or (start + 2 < len(rows) and below[0] == 1 and below[-1] > 1)


def _is_header(first: Sequence[Cell], rest: Sequence[Row]) -> bool:
    """Words above values are a header; a first row with numbers or dates of its own is data."""
    if not rest:
        return all(isinstance(cell, str) for cell in first)
    own = [position for position, cell in enumerate(first) if not is_empty(cell) and _typed([cell]) and not _year(cell)]
    if not own:
        return True
    # numbers stand in the first row: it is a header only where a word stands above a column of values
    return any(
        position not in own
        and not is_empty(cell)
        and _typed([cells[position] for _, cells in rest if position < len(cells)])
        for position, cell in enumerate(first)
    )


def _year(cell: Cell) -> bool:
    """A bare year is a header as often as a value ("Sales; 2025; 2026")."""
    return 1900 <= int(text) <= 2100 if (text := to_text(cell).strip()).isdecimal() else False


def _typed(values: Sequence[Cell]) -> bool:
    guess = Guess()
    for value in values:
        if not is_empty(value):
            guess.see(value)
    return guess.filled > 0 and guess.decide()[0] is not ColumnType.TEXT

"""How values are read where the spec names a column's type: as generously as the type allows, one value at a time.

The named type settles what inference must leave open: in an `integer` column separators group thousands, in a
`decimal` column a single separator begins the decimals, and a date with slashes has the day first unless some date
in the column shows otherwise.
"""

from __future__ import annotations

import re
from decimal import Decimal

from temoctl.sheets.infer import Read, reader
from temoctl.sheets.model import ColumnType
from temoctl.sheets.values import STYLES, Cell, to_boolean, to_number, to_text

_WHOLE = re.compile(r"[+-]?\d{1,18}")
_ONE_MARK = re.compile(r"[+-]?\d{1,18}[.,]\d{1,18}")


def forced_reader(kind: ColumnType, date_style: str) -> Read:
    """A reader that raises ValueError for a value which isn't of the kind at all."""
    match kind:
        case ColumnType.INTEGER:
            return _integer
        case ColumnType.DECIMAL:
            return _decimal
        case ColumnType.BOOLEAN:
            return _boolean
        case ColumnType.DATE | ColumnType.TIMESTAMP:
            return _dated(kind, date_style)
    return to_text


def _integer(value: Cell) -> int:
    if not isinstance(value, str):
        return int(reader(ColumnType.INTEGER, "._")(_not_boolean(value)))
    text = value.strip()
    if _WHOLE.fullmatch(text):
        return int(text)
    for style, shape in STYLES.items():
        found = shape.fullmatch(text)
        if found and not found[1]:
            return int(to_number(text, style))
    raise ValueError("not a whole number")


def _decimal(value: Cell) -> Decimal:
    if not isinstance(value, str):
        return Decimal(reader(ColumnType.DECIMAL, "._")(_not_boolean(value)))
    text = value.strip()
    if _WHOLE.fullmatch(text) or _ONE_MARK.fullmatch(text):
        return Decimal(text.replace(",", "."))
    for style, shape in STYLES.items():
        if shape.fullmatch(text):
            return to_number(text, style)
    raise ValueError("not a number")


def _boolean(value: Cell) -> bool:
    if isinstance(value, bool):
        return value
    text = to_text(value).strip()
    found = {"1": True, "0": False}.get(text, to_boolean(text))
    if found is None:
        raise ValueError("neither yes nor no")
    return found


def _dated(kind: ColumnType, date_style: str) -> Read:
    readers = [reader(kind, style) for style in ([date_style] if date_style else ("iso", "d.m.y", "d/m/y"))]

    def read(value: Cell) -> object:
        for one in readers:
            try:
                return one(value)
            except ValueError:
                continue
        raise ValueError("not a date" if kind is ColumnType.DATE else "not a date with a time")

    return read


def _not_boolean(value: Cell) -> Cell:
    if isinstance(value, bool):
        raise ValueError("not a number")  # noqa: TRY004 - a value that doesn't fit, not a wrong call
    return value

"""Which type a column has, decided from all its values, and how each value is then read.

A type is given only when every value fits it in one and the same spelling. Where the spellings contradict each other
(is "1,234" one thousand or one and a bit?) the column stays text and says so: nothing is changed by guessing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from temoctl.sheets.model import ColumnType
from temoctl.sheets.values import (
    DATE_STYLES,
    GROUPED_BY_SPACE,
    PLAIN,
    STYLES,
    Cell,
    plain_number,
    to_boolean,
    to_date,
    to_number,
    to_text,
    to_timestamp,
)

Read = Callable[[Cell], Any]
_NUMBER, _BOOLEAN, _DATE, _STAMP = "number", "boolean", "date", "timestamp"


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Why a column stays text although it looks like something else, and what it most likely is."""

    why: str
    likely: ColumnType


class Guess:
    """What is known of one column after the values seen so far."""

    __slots__ = (
        "_can",
        "_dates",
        "_fraction",
        "_fractions",
        "_grouped",
        "_separated",
        "_small",
        "_stamps",
        "_styles",
        "filled",
    )

    def __init__(self) -> None:
        self.filled = 0
        self._can = {_NUMBER, _BOOLEAN, _DATE, _STAMP}
        self._styles = set(STYLES)
        self._fractions: set[str] = set()  # styles in which some value has decimals
        self._dates, self._stamps = set(DATE_STYLES), set(DATE_STYLES)
        self._separated = False  # some value holds a dot or comma
        self._fraction = False  # some native number isn't whole
        self._grouped = False  # some value is "12 500"
        self._small = False  # some value is below 1000 and so can't be grouped

    def see(self, value: Cell) -> None:
        """Take one non-empty value into account."""
        self.filled += 1
        if not self._can:
            return
        if isinstance(value, str):
            self._see_text(value.strip())
        elif isinstance(value, bool):
            self._can &= {_BOOLEAN}
        elif isinstance(value, int | float):
            self._can &= {_NUMBER}
            self._fraction = self._fraction or not float(value).is_integer()
            self._small = self._small or abs(value) < 1000
        elif isinstance(value, datetime):
            self._can &= {_STAMP}
        elif isinstance(value, date):
            self._can &= {_DATE, _STAMP}
        else:
            self._can.clear()

    def _see_text(self, text: str) -> None:
        if _NUMBER in self._can:
            self._see_number(text)
        if _BOOLEAN in self._can and to_boolean(text) is None:
            self._can.discard(_BOOLEAN)
        if _DATE in self._can:
            self._dates = {style for style in self._dates if to_date(text, style)}
            if not self._dates:
                self._can.discard(_DATE)
        if _STAMP in self._can:
            self._stamps = {style for style in self._stamps if to_timestamp(text, style) or to_date(text, style)}
            if not self._stamps:
                self._can.discard(_STAMP)

    def _see_number(self, text: str) -> None:
        if PLAIN.fullmatch(text):
            self._small = self._small or len(text.lstrip("-")) <= 3
            return
        fits = {style: found for style in self._styles if (found := STYLES[style].fullmatch(text))}
        self._styles = set(fits)
        self._fractions |= {style for style, found in fits.items() if found[1]}
        if not fits:
            self._can.discard(_NUMBER)
        elif GROUPED_BY_SPACE.fullmatch(text):
            self._grouped = True
        else:
            self._separated = True

    def decide(self) -> tuple[ColumnType, Read, Ambiguous | None]:
        """The type, how a value is read, and what was ambiguous about the column, if anything."""
        if not self.filled:
            return ColumnType.TEXT, to_text, None
        if _NUMBER in self._can:
            return self._decide_number()
        if _BOOLEAN in self._can:
            return ColumnType.BOOLEAN, _read_boolean, None
        for can, styles, kind in (
            (_DATE, self._dates, ColumnType.DATE),
            (_STAMP, self._stamps, ColumnType.TIMESTAMP),
        ):
            if can in self._can:
                if {"d/m/y", "m/d/y"} <= styles < set(DATE_STYLES):
                    return (
                        ColumnType.TEXT,
                        to_text,
                        Ambiguous("no date tells whether the day or the month comes first", kind),
                    )
                return kind, reader(kind, min(styles)), None
        return ColumnType.TEXT, to_text, None

    def _decide_number(self) -> tuple[ColumnType, Read, Ambiguous | None]:
        if self._separated and len({style[0] for style in self._styles}) > 1:
            why = "the dot or comma may group thousands or begin the decimals"
            return ColumnType.TEXT, to_text, Ambiguous(why, ColumnType.DECIMAL)
        if self._grouped and not (self._separated or self._small or self._fraction):
            why = "groups of three digits may be numbers or telephones"
            return ColumnType.TEXT, to_text, Ambiguous(why, ColumnType.INTEGER)
        style = min(self._styles, key=lambda one: (one[1] != "_", one))
        whole = not self._fraction and style not in self._fractions
        kind = ColumnType.INTEGER if whole else ColumnType.DECIMAL
        return kind, reader(kind, style), None

    def date_style(self) -> str:
        """The spelling in which all dates seen so far can be read, the day first where both would do; "" for none."""
        for style in ("iso", "d.m.y", "d/m/y", "m/d/y"):
            if (_DATE in self._can and style in self._dates) or (_STAMP in self._can and style in self._stamps):
                return style
        return ""


def _read_boolean(value: Cell) -> bool:
    return value if isinstance(value, bool) else bool(to_boolean(to_text(value)))


def reader(kind: ColumnType, style: str) -> Read:
    """How values of a decided column are read. The reader raises ValueError for a value that doesn't fit."""

    def number(value: Cell) -> int | Decimal:
        found: int | Decimal
        if isinstance(value, float):
            found = plain_number(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            found = value
        elif isinstance(value, str):
            found = to_number(value.strip(), style)
        else:
            raise ValueError("not a number")  # noqa: TRY004 - a value that does not fit, not a wrong call
        if kind is ColumnType.DECIMAL:
            return found
        if found != int(found):
            raise ValueError("not a whole number")
        return int(found)

    def day(value: Cell) -> date:
        found = value if isinstance(value, date) else to_date(to_text(value).strip(), style)
        if found is None:
            raise ValueError("not a date")
        return found

    def stamp(value: Cell) -> datetime:
        if isinstance(value, datetime):
            return value
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day)
        text = to_text(value).strip()
        found = to_timestamp(text, style)
        alone = to_date(text, style) if found is None else None
        if alone is not None:
            return datetime(alone.year, alone.month, alone.day)
        if found is None:
            raise ValueError("not a date with a time")
        return found

    match kind:
        case ColumnType.INTEGER | ColumnType.DECIMAL:
            return number
        case ColumnType.DATE:
            return day
        case ColumnType.TIMESTAMP:
            return stamp
        case ColumnType.BOOLEAN:
            return _read_boolean
    return to_text

"""What one cell can be read as: numbers in four spellings, yes and no, dates and times. Must not know columns.

Leading zeros and plus signs are never numbers: they are article numbers and telephones, and would be lost.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal

Cell = str | int | float | bool | date | datetime | time | timedelta | None

_SPACES = " \u00a0\u202f\u2009'’"
_DIGITS = r"(?:0|[1-9]\d{0,17})"

PLAIN = re.compile(rf"-?{_DIGITS}")
STYLES: dict[str, re.Pattern[str]] = {
    # decimal mark + grouping mark; group 1 of a match is the decimal part
    "._": re.compile(rf"-?(?:{_DIGITS}|[1-9]\d{{0,2}}(?:[{_SPACES}]\d{{3}}){{1,5}})(\.\d{{1,18}})?"),
    ",_": re.compile(rf"-?(?:{_DIGITS}|[1-9]\d{{0,2}}(?:[{_SPACES}]\d{{3}}){{1,5}})(,\d{{1,18}})?"),
    ".,": re.compile(rf"-?(?:{_DIGITS}|[1-9]\d{{0,2}}(?:,\d{{3}}){{1,5}})(\.\d{{1,18}})?"),
    ",.": re.compile(rf"-?(?:{_DIGITS}|[1-9]\d{{0,2}}(?:\.\d{{3}}){{1,5}})(,\d{{1,18}})?"),
}
GROUPED_BY_SPACE = re.compile(rf"-?[1-9]\d{{0,2}}(?:[{_SPACES}]\d{{3}})+")

TRUE = frozenset({"true", "yes", "да", "так", "ja", "oui", "sí", "si", "sim", "evet", "иә"})
FALSE = frozenset({"false", "no", "нет", "ні", "nein", "non", "não", "hayır", "жоқ"})

DATE_STYLES: dict[str, tuple[re.Pattern[str], tuple[int, int, int]]] = {
    # pattern and which group is year, month, day
    "iso": (re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})"), (1, 2, 3)),
    "d.m.y": (re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})"), (3, 2, 1)),
    "d/m/y": (re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})"), (3, 2, 1)),
    "m/d/y": (re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})"), (3, 1, 2)),
}
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?")


def to_number(text: str, style: str) -> Decimal:
    """The value of a text that fits the style."""
    mark, group = style[0], style[1]
    for sign in _SPACES if group == "_" else group:
        text = text.replace(sign, "")
    return Decimal(text.replace(mark, "."))


def to_boolean(text: str) -> bool | None:
    word = text.strip().lower()
    return True if word in TRUE else False if word in FALSE else None


def to_date(text: str, style: str) -> date | None:
    """None when the text isn't a date of this style (30.02.2026 isn't one in any)."""
    pattern, (year, month, day) = DATE_STYLES[style]
    found = pattern.fullmatch(text)
    if found is None:
        return None
    try:
        return date(int(found[year]), int(found[month]), int(found[day]))
    except ValueError:
        return None


def to_timestamp(text: str, style: str) -> datetime | None:
    """A date of the style, `T` or a space, and a time. Times with a zone stay text: a column has no room for it."""
    head, _, tail = text.replace("T", " ", 1).partition(" ")
    day, clock = to_date(head, style), _CLOCK.fullmatch(tail.strip())
    if day is None or clock is None:
        return None
    try:
        fraction = int((clock[4] or "0").ljust(6, "0"))
        return datetime.combine(day, time(int(clock[1]), int(clock[2]), int(clock[3] or 0), fraction))
    except ValueError:
        return None


def plain_number(value: float) -> int | Decimal:
    """A spreadsheet's float as a person sees it: 3.0 is 3, 0.30000000000000004 is 0.3."""
    if value.is_integer() and abs(value) < 1e15:
        return int(value)
    return Decimal(format(value, ".15g"))


def to_text(value: Cell) -> str:
    """How a cell of any type is written in a text column."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float():
            number = plain_number(value)
            return str(number) if isinstance(number, int) else format(number, "f")
        case datetime():
            return value.isoformat(sep=" ")
        case None:
            return ""
    return str(value)

"""Which type a column gets, and that nothing is changed by guessing."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temoctl.sheets.forced import forced_reader
from temoctl.sheets.infer import Guess
from temoctl.sheets.model import ColumnType
from temoctl.sheets.names import RESERVED, column_names
from temoctl.sheets.values import to_text


def decide(*values: Any) -> tuple[str, list[Any], bool]:
    guess = Guess()
    for value in values:
        guess.see(value)
    kind, read, doubt = guess.decide()
    return kind.value, [read(value) for value in values], doubt is not None


@pytest.mark.parametrize(
    ("values", "kind", "read"),
    [
        (["1", "-2", "0"], "integer", [1, -2, 0]),
        (["007", "8"], "text", ["007", "8"]),
        (["+491701234567", "+4930"], "text", ["+491701234567", "+4930"]),
        (["12345678901234567890"], "text", ["12345678901234567890"]),
        (["1.50", "2"], "decimal", [Decimal("1.50"), Decimal(2)]),
        (["1,50", "2"], "decimal", [Decimal("1.50"), Decimal(2)]),
        (["1 234,50", "5"], "decimal", [Decimal("1234.50"), Decimal(5)]),
        (["1\u00a0234,50"], "decimal", [Decimal("1234.50")]),
        (["1.234,50", "2.000"], "decimal", [Decimal("1234.50"), Decimal(2000)]),
        (["1,234.50", "2,000"], "decimal", [Decimal("1234.50"), Decimal(2000)]),
        (["1,234,567", "2,000"], "integer", [1234567, 2000]),
        (["12 500", "950"], "integer", [12500, 950]),
        (["0.250", "1.500"], "decimal", [Decimal("0.250"), Decimal("1.500")]),
        (["1e5"], "text", ["1e5"]),
        (["12,50 €"], "text", ["12,50 €"]),
        (["1-2"], "text", ["1-2"]),
        (["да", "нет"], "boolean", [True, False]),
        (["TRUE", "no"], "boolean", [True, False]),
        (["1", "0"], "integer", [1, 0]),
        (["2026-02-01"], "date", [date(2026, 2, 1)]),
        (["01.02.2026", "28.02.2026"], "date", [date(2026, 2, 1), date(2026, 2, 28)]),
        (["13/02/2026", "01/02/2026"], "date", [date(2026, 2, 13), date(2026, 2, 1)]),
        (["02/13/2026", "02/01/2026"], "date", [date(2026, 2, 13), date(2026, 2, 1)]),
        (["30.02.2026"], "text", ["30.02.2026"]),
        (["01.02.26"], "text", ["01.02.26"]),
        (["2026-02-01 10:20", "2026-02-01T10:20:30.5"], "timestamp", None),
        (["2026-02-01T10:20:30Z"], "text", ["2026-02-01T10:20:30Z"]),
        ([1, 2.0], "integer", [1, 2]),
        ([1, 2.5], "decimal", [1, Decimal("2.5")]),
        ([0.1 + 0.2], "decimal", [Decimal("0.3")]),
        ([1, "007"], "text", ["1", "007"]),
        ([True, False], "boolean", [True, False]),
        ([True, 1], "text", ["true", "1"]),
        ([date(2026, 1, 2)], "date", [date(2026, 1, 2)]),
        ([date(2026, 1, 2), datetime(2026, 1, 2, 3)], "timestamp", [datetime(2026, 1, 2), datetime(2026, 1, 2, 3)]),
        ([date(2026, 1, 2), "soon"], "text", ["2026-01-02", "soon"]),
        ([], "text", []),
    ],
)
def test_a_type_is_given_where_all_values_agree(values: list[Any], kind: str, read: list[Any] | None) -> None:
    found, values_read, doubt = decide(*values)
    assert found == kind
    assert not doubt
    assert read is None or values_read == read


@pytest.mark.parametrize(
    "values",
    [
        ["1,234", "2,500"],  # one thousand, or one and a bit?
        ["1.500", "2.000"],
        ["555 123 456", "555 123 457"],  # telephones
        ["01/02/2026", "03/04/2026"],  # February or January?
    ],
)
def test_what_could_be_read_in_two_ways_stays_as_it_is(values: list[str]) -> None:
    kind, read, doubt = decide(*values)
    assert (kind, read, doubt) == ("text", values, True)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("integer", "1,234", 1234),
        ("integer", "1.234", 1234),
        ("integer", "+007", 7),
        ("integer", "12 500", 12500),
        ("decimal", "1,234", Decimal("1.234")),
        ("decimal", "1.234,5", Decimal("1234.5")),
        ("decimal", "+0,5", Decimal("0.5")),
        ("boolean", "1", True),
        ("boolean", "нет", False),
        ("date", "03/04/2026", date(2026, 4, 3)),
        ("timestamp", "03.04.2026", datetime(2026, 4, 3)),
        ("text", "007", "007"),
    ],
)
def test_a_named_type_settles_what_is_left_open(kind: str, text: str, value: Any) -> None:
    assert forced_reader(ColumnType(kind), "")(text) == value


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("integer", "1,5"),
        ("integer", 1.5),
        ("integer", True),
        ("decimal", "a lot"),
        ("decimal", "1,2,3"),
        ("decimal", date(2026, 1, 1)),
        ("boolean", "perhaps"),
        ("date", "31.02.2026"),
        ("date", 5),
        ("timestamp", "tomorrow"),
    ],
)
def test_a_named_type_refuses_what_isn_t_of_it(kind: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"not|neither"):
        forced_reader(ColumnType(kind), "")(value)


@given(st.lists(st.text(max_size=12).filter(str.strip), min_size=1, max_size=8))
def test_any_text_can_be_read_as_what_it_was_taken_for(values: list[str]) -> None:
    kind, read, _ = decide(*values)
    assert len(read) == len(values)
    if kind == "text":
        assert read == values


@given(st.lists(st.from_regex(r"[+-]?[0-9]{1,12}([.,][0-9]{1,4})?", fullmatch=True), min_size=1, max_size=6))
def test_signs_and_leading_zeros_are_never_lost(values: list[str]) -> None:
    kind, read, _ = decide(*values)
    if any(
        value.startswith("+") or (value.lstrip("-")[:1] == "0" and value.lstrip("-")[1:2].isdigit()) for value in values
    ):
        assert (kind, read) == ("text", values)


@given(st.lists(st.integers(-(10**17), 10**17), min_size=1, max_size=6))
def test_whole_numbers_come_back(numbers: list[int]) -> None:
    assert decide(*map(str, numbers))[:2] == ("integer", numbers)


@given(st.lists(st.text(max_size=80), max_size=12))
def test_names_are_safe_and_unique(titles: list[str]) -> None:
    names = column_names(titles)
    assert len(set(names)) == len(names)
    for name in names:
        assert name.isascii()
        assert name.replace("_", "a").isalnum()
        assert name[0].isalpha()
        assert len(name.encode()) <= 63
        assert name not in RESERVED
        assert not name.startswith("_")


def test_numbers_are_written_as_people_write_them() -> None:
    assert [to_text(value) for value in (3.0, 0.1 + 0.2, 1e20, 12, True)] == [
        "3",
        "0.3",
        "100000000000000000000",
        "12",
        "true",
    ]

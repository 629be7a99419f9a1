"""XLSX: typed cells, sheets, formulas, and workbooks that can't be opened. Another program wrote them."""

from __future__ import annotations

import datetime
import resource
import subprocess
import sys
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from temoctl.model.diagnostic import Diagnostic
from temoctl.sheets import ReadOptions, TableInfo, check, open_table


def save(path: Path, *rows: list[Any], title: str = "Prices", more: dict[str, list[list[Any]]] | None = None) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(row)
    for name, content in (more or {}).items():
        other = book.create_sheet(name)
        for row in content:
            other.append(row)
    book.save(path)
    return path


def read(path: Path, **options: Any) -> tuple[TableInfo | None, list[Diagnostic]]:
    return check(path, ReadOptions(**options), shown="menu.xlsx")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "menu.xlsx"


def test_cells_keep_their_types(path: Path) -> None:
    day, moment = datetime.date(2026, 1, 2), datetime.datetime(2026, 1, 2, 3, 4)
    save(path, ["sku", "n", "price", "ok", "day", "at", "mixed"], ["007", 1, 1.5, True, day, moment, 5])
    book = openpyxl.load_workbook(path)
    book["Prices"].append(["008", 2, 0.1 + 0.2, False, day, moment, "five"])
    book.save(path)
    info, found = read(path)
    assert not found
    assert info is not None
    assert [one.type.value for one in info.columns] == [
        "text",
        "integer",
        "decimal",
        "boolean",
        "date",
        "timestamp",
        "text",
    ]
    rows = list(open_table(path, ReadOptions()).rows())
    assert rows[0] == ("007", 1, Decimal("1.5"), True, day, moment, "5")
    assert rows[1][2] == Decimal("0.3")


def test_a_table_may_begin_anywhere(path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for place, value in {"C4": "name", "D4": "price", "C5": "tea", "D5": 1, "C7": "coffee", "D7": "x"}.items():
        sheet[place] = value
    book.save(path)
    info, found = read(path, columns={"price": "decimal"})
    assert info is None
    (only,) = found
    assert only.code == "TEMO312"
    assert only.where is not None
    assert (only.where.line, only.where.column, only.where.column_name, only.where.sheet) == (7, 4, "price", "Sheet")
    assert str(only.where) == "menu.xlsx:Sheet:7:4"


def test_merged_cells_come_as_they_are(path: Path) -> None:
    save(path, ["Price list"], ["name", "price"], ["tea", 1], ["coffee", 2])
    book = openpyxl.load_workbook(path)
    book["Prices"].merge_cells("A1:B1")
    book.save(path)
    info, found = read(path)
    assert info is not None
    assert (info.count, info.header_row) == (2, 2)
    assert [one.code for one in found] == ["TEMO314"]


def test_formula_errors_are_named_with_their_cells(path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["name", "price"])
    for row, error in enumerate(("#REF!", "#N/A", "#DIV/0!"), 2):
        sheet.append(["tea", error])
        sheet.cell(row, 2).data_type = "e"
    sheet.append(["#REF! is a text here", 4])
    book.save(path)
    info, found = read(path)
    assert info is None
    assert [(one.code, one.where.line, one.where.column, one.where.column_name) for one in found if one.where] == [
        ("TEMO311", row, 2, "price") for row in (2, 3, 4)
    ]
    assert "#REF!" in found[0].summary


def test_formulas_that_were_never_computed_are_not_taken_for_empty(path: Path) -> None:
    save(path, ["name", "price"], ["tea", "=1+1"], ["coffee", 3])
    info, found = read(path)
    assert info is None
    assert [(one.code, one.where.line, one.where.column) for one in found if one.where] == [("TEMO311", 2, 2)]
    assert "no value" in found[0].summary


def test_computed_formulas_are_values(path: Path) -> None:
    save(path, ["name", "price"], ["tea", "=1+1"])
    part = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(path) as book:
        members = {name: book.read(name) for name in book.namelist()}
    xml = (
        members[part]
        .replace(b"<f>1+1</f><v />", b"<f>1+1</f><v>2</v>")
        .replace(b"<f>1+1</f><v/>", b"<f>1+1</f><v>2</v>")
    )
    assert xml != members[part]
    with zipfile.ZipFile(path, "w") as book:
        for name, data in {**members, part: xml}.items():
            book.writestr(name, data)
    assert list(open_table(path, ReadOptions()).rows()) == [("tea", 2)]


def test_one_filled_sheet_is_the_one(path: Path) -> None:
    save(path, ["a"], [1], more={"Empty": [], "Empty too": []})
    info, found = read(path)
    assert not found
    assert info is not None
    assert info.sheet == "Prices"


def test_several_sheets_need_a_name(path: Path) -> None:
    save(path, ["a"], [1], more={"Notes": [["b"], [2]]})
    info, found = read(path)
    assert info is None
    assert (found[0].code, found[0].allowed) == ("TEMO306", ("Prices", "Notes"))
    info, _ = read(path, sheet="Notes")
    assert info is not None
    assert info.columns[0].title == "b"
    _, found = read(path, sheet="notes")
    assert (found[0].code, found[0].suggestion) == ("TEMO306", "Notes")


def test_hidden_sheets_are_read_only_by_name(path: Path) -> None:
    save(path, ["a"], [1], more={"Hidden": [["b"], [2]]})
    book = openpyxl.load_workbook(path)
    book["Hidden"].sheet_state = "hidden"
    book.save(path)
    info, _ = read(path)
    assert info is not None
    assert info.sheet == "Prices"
    info, _ = read(path, sheet="Hidden")
    assert info is not None


def test_workbooks_that_can_t_be_opened_say_why(path: Path) -> None:
    save(path, ["a"], [1])
    whole = path.read_bytes()
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
    for content, code in (
        (whole[: len(whole) // 2], "TEMO304"),
        (b"PK\x03\x04" + b"rubbish" * 50, "TEMO304"),
        (ole + "EncryptedPackage".encode("utf-16-le"), "TEMO303"),
        (ole, "TEMO302"),
        (b"", "TEMO301"),
    ):
        path.write_bytes(content)
        info, found = read(path)
        assert info is None
        assert [one.code for one in found] == [code]
        assert found[0].fix


def test_a_workbook_under_another_name_is_read_and_told(path: Path) -> None:
    other = save(path, ["a"], [1]).rename(path.with_suffix(".csv"))
    info, found = read(other)
    assert info is not None
    assert [one.code for one in found] == ["TEMO305"]


def test_a_zip_bomb_is_not_unpacked(path: Path) -> None:
    save(path, ["a"], [1])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as book, book.open("xl/bomb.xml", "w") as bomb:
        for _ in range(450):
            bomb.write(b"0" * 1_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    info, found = read(path)
    assert info is None
    assert [one.code for one in found] == ["TEMO316"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_an_empty_workbook_is_told(path: Path) -> None:
    openpyxl.Workbook().save(path)
    info, found = read(path)
    assert info is None
    assert [one.code for one in found] == ["TEMO301"]


def write_big(path: Path, rows: list[list[Any]]) -> None:
    """A plain workbook by hand: openpyxl needs half a minute for this size."""
    content = "http://schemas.openxmlformats.org/package/2006/content-types"
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{content}"><Default Extension="rels" ContentType='
            '"application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
            f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        )
        link = (
            f'<Relationships xmlns="{package}"><Relationship Id="r1" Type="{office}/%s" Target="%s"/></Relationships>'
        )
        book.writestr("_rels/.rels", link % ("officeDocument", "xl/workbook.xml"))
        book.writestr("xl/_rels/workbook.xml.rels", link % ("worksheet", "worksheets/sheet1.xml"))
        book.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="Data" sheetId="1" r:id="r1"/></sheets>'
            "</workbook>",
        )
        with book.open("xl/worksheets/sheet1.xml", "w") as sheet:
            sheet.write(f'<worksheet xmlns="{main}"><sheetData>'.encode())
            for number, row in enumerate(rows, 1):
                cells = "".join(_cell(f"{chr(65 + at)}{number}", value) for at, value in enumerate(row))
                sheet.write(f'<row r="{number}">{cells}</row>'.encode())
            sheet.write(b"</sheetData></worksheet>")


def _cell(place: str, value: Any) -> str:
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    return f'<c r="{place}"><v>{value}</v></c>'


MEASURE = """
import resource, sys
from pathlib import Path
from temoctl.sheets import ReadOptions, open_table
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
table = open_table(Path(sys.argv[1]), ReadOptions())
count = sum(1 for row in table.rows())
print(count, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) // 1024)
"""


@pytest.mark.parametrize(("suffix", "limit"), [("csv", 20), ("xlsx", 130)])
def test_a_hundred_thousand_rows_fit_into_bounded_memory(tmp_path: Path, suffix: str, limit: int) -> None:
    """`limit` is in megabytes above an idle interpreter."""
    path = tmp_path / f"big.{suffix}"
    header = [f"column {number}" for number in range(12)]

    def row(n: int) -> list[Any]:
        return [
            f"{n:06d}",
            f"Product {n}",
            n,
            n / 100,
            n % 2 == 0,
            f"some text of {n}",
            n % 10,
            "x",
            n,
            n,
            "2026-01-02",
            "note",
        ]

    if suffix == "csv":
        with path.open("w") as file:
            file.write(",".join(header) + "\n")
            file.writelines(",".join(map(str, row(n))) + "\n" for n in range(100_000))
    else:
        write_big(path, [header, *(row(n) for n in range(100_000))])
    done = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True)
    count, megabytes = map(int, done.stdout.split())
    assert count == 100_000
    assert megabytes < limit

"""Rows of one sheet of an XLSX workbook, read by python-calamine.

calamine gives an empty cell for a formula's error (#REF!) and for a formula that was never computed. Both would be
loaded as "nothing" unnoticed, so the sheet's XML is scanned for them (`formula_faults`).
"""

from __future__ import annotations

import html
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from temoctl.sheets.problems import Findings
from temoctl.sheets.values import Cell

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

UNPACKED_LIMIT = 400_000_000
"""Bytes of XML a workbook may hold. 100,000 rows of 12 columns take about 60 million."""

_CHUNK = 1 << 20
_OVERLAP = 1 << 15
_PREFIX = rb"<(?:\w+:)?"
_ERROR_CELL = re.compile(
    _PREFIX + rb'c\b([^<>]*\bt="e"[^<>]*)>(?:' + _PREFIX + rb"f\b[^<>]*(?:/>|>[^<]*</[^>]*>))?\s*(?:"
    rb"<(?:\w+:)?v>([^<]*)<)?"
)
_NO_VALUE = re.compile(
    _PREFIX + rb"c\b([^<>]*)>" + _PREFIX + rb"f\b[^<>]*(?:/>|>[^<]*</(?:\w+:)?f>)"
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?</(?:\w+:)?c>"
)
_REFERENCE = re.compile(rb'\br="([A-Z]{1,3})(\d{1,7})"')


@dataclass(frozen=True, slots=True)
class FormulaFault:
    """A cell whose formula gave an error (`shown` is "#REF!") or no value at all (`shown` is "")."""

    row: int
    column: int
    shown: str


class XlsxSource:
    """The rows of one sheet; the parsed sheet stays in memory until the source is dropped."""

    kind = "xlsx"
    encoding = ""
    delimiter = ""

    def __init__(self, path: Path, sheet: CalamineSheet) -> None:
        self._path, self._sheet = path, sheet
        self.sheet: str = sheet.name
        self.first_column = sheet.start[1] + 1 if sheet.start else 1

    def rows(self, findings: Findings) -> Iterator[tuple[int, Sequence[Cell]]]:
        yield from enumerate(self._sheet.iter_rows(), 1)

    def formula_faults(self) -> Iterator[FormulaFault]:
        return _formula_faults(self._path, self.sheet)


def visible_sheets(workbook: CalamineWorkbook) -> list[str]:
    """Names of worksheets a person can see, in order."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    return [
        one.name
        for one in workbook.sheets_metadata
        if one.typ == SheetTypeEnum.WorkSheet and one.visible == SheetVisibleEnum.Visible
    ]


def unpacked_size(path: Path) -> int:
    """Bytes the workbook unpacks to, by its own table of contents. Raises zipfile.BadZipFile."""
    with zipfile.ZipFile(path) as archive:
        return sum(entry.file_size for entry in archive.infolist())


def _formula_faults(path: Path, sheet: str) -> Iterator[FormulaFault]:
    with zipfile.ZipFile(path) as archive:
        part = _part_of(archive, sheet)
        if not part:
            return
        seen: set[tuple[int, int]] = set()
        with archive.open(part) as stream:
            for window in _windows(stream):
                for attributes, shown in _faulty_cells(window):
                    found = _REFERENCE.search(attributes)
                    place = (int(found[2]), _column_number(found[1])) if found else (0, 0)
                    if place not in seen:
                        seen.add(place)
                        yield FormulaFault(*place, shown)


def _faulty_cells(window: bytes) -> Iterator[tuple[bytes, str]]:
    for found in _ERROR_CELL.finditer(window):
        yield found[1], (found[2] or b"#ERROR").decode("ascii", "replace")
    for found in _NO_VALUE.finditer(window):
        if b't="e"' not in found[1] and b't="str"' not in found[1]:
            yield found[1], ""


def _windows(stream: IO[bytes]) -> Iterator[bytes]:
    """The stream in pieces that overlap by more than a cell, so that no cell is cut everywhere."""
    tail = b""
    while chunk := stream.read(_CHUNK):
        window = tail + chunk
        yield window
        tail = window[-_OVERLAP:]


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """The archive's member that holds the sheet; "" when the workbook doesn't tell."""
    try:
        workbook = archive.read("xl/workbook.xml").decode("utf-8", "replace")
        relations = archive.read("xl/_rels/workbook.xml.rels").decode("utf-8", "replace")
    except KeyError:
        return ""
    wanted = ""
    for tag in re.findall(r"<(?:\w+:)?sheet\b[^>]*>", workbook):
        name, relation = re.search(r'\bname="([^"]*)"', tag), re.search(r'\w+:id="([^"]*)"', tag)
        if name and relation and html.unescape(name[1]) == sheet:
            wanted = relation[1]
    for tag in re.findall(r"<(?:\w+:)?Relationship\b[^>]*>", relations):
        identity, target = re.search(r'\bId="([^"]*)"', tag), re.search(r'\bTarget="([^"]*)"', tag)
        if identity and target and identity[1] == wanted:
            path = html.unescape(target[1])
            member = path.lstrip("/") if path.startswith("/") else f"xl/{path}"
            return member if member in archive.NameToInfo else ""
    return ""


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number

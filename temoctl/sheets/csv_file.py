"""Rows of a CSV file, streamed: whatever its separator, and with every broken quote named by its row."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from temoctl.sheets.problems import Findings
from temoctl.sheets.values import Cell

DELIMITERS = (",", ";", "\t", "|")
_SAMPLE = 64 * 1024
_RECORDS = 100
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n?")


def detect_delimiter(path: Path, encoding: str) -> str:
    """The separator that cuts the first rows most evenly; a comma where the file has one column."""
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        lines = file.read(_SAMPLE).splitlines(keepends=True)
    if lines and (said := _SEPARATOR_LINE.fullmatch(lines[0])):
        return said[1]
    whole = lines if len(lines) < 2 else lines[:-1]  # the sample may have cut the last line
    return max(DELIMITERS, key=lambda one: (*_evenness(whole, one), -DELIMITERS.index(one)))


def _evenness(lines: list[str], delimiter: str) -> tuple[float, int]:
    widths: list[int] = []
    reader = csv.reader(lines, delimiter=delimiter)
    while len(widths) < _RECORDS:
        try:
            record = next(reader)
        except StopIteration:
            break
        except csv.Error:
            continue
        if any(cell.strip() for cell in record):
            widths.append(len(record))
    width, times = Counter(widths).most_common(1)[0] if widths else (1, 0)
    if width == 1:
        return (0.0, 1)
    return (round(times / len(widths), 2) + (0.5 if widths[0] == width else 0.0), width)


class CsvSource:
    """The records of one file. `first_column` is the number of the first cell."""

    kind = "csv"
    sheet = ""
    first_column = 1

    def __init__(self, path: Path, encoding: str, delimiter: str) -> None:
        self._path, self.encoding, self.delimiter = path, encoding, delimiter

    def rows(self, findings: Findings) -> Iterator[tuple[int, Sequence[Cell]]]:
        """(row, cells), where row is the line the record starts in. Broken records are reported and left out."""
        with self._path.open("rb") as raw, io.TextIOWrapper(raw, self.encoding, newline="") as text:
            lines = _Lines(text)
            reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
            while True:
                row = reader.line_num + 1
                try:
                    record = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    self._broken(findings, row, reader.line_num, str(error))
                    continue
                if row == 1 and _SEPARATOR_LINE.fullmatch(self.delimiter.join(record)):
                    continue
                if lines.seen_nul:
                    lines.seen_nul = False
                    _report_nul(findings, row, record)
                if record:
                    yield row, record

    @staticmethod
    def _broken(findings: Findings, row: int, last: int, why: str) -> None:
        if "unexpected end" in why or "field larger" in why:
            findings.error(
                "TEMO308",
                'a quote (") is opened and never closed',
                row=row,
                detail=f"Everything from row {row} to row {last} is inside it.",
                fix='close the quote in this row; a quote inside a text is written twice ("")',
            )
        else:
            findings.error(
                "TEMO308",
                'a quoted text goes on after its closing quote (")',
                row=row,
                fix='write a quote inside a text twice (""), or take the quotes away',
            )


class _Lines:
    """Lines of a text, noting NUL characters on the way."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.seen_nul = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._text)
        if "\0" in line:
            self.seen_nul = True
        return line


def _report_nul(findings: Findings, row: int, record: list[str]) -> None:
    for position, cell in enumerate(record, 1):
        if "\0" in cell:
            findings.error(
                "TEMO310",
                "the cell holds a NUL character",
                row=row,
                column=position,
                fix="delete the invisible character, or save the file again from your spreadsheet program",
            )

"""Diagnostics: everything that is wrong, with its place, told in one form. Must not know how they are drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True, order=True)
class Where:
    """A place in a file people wrote. `line` and `column` count from 1; `length` is the span in characters.

    For spreadsheets `line` is the row and `sheet` its sheet; `column_name` is the column's header.
    """

    file: str
    line: int = 0
    column: int = 0
    length: int = 1
    sheet: str = ""
    column_name: str = ""

    def __str__(self) -> str:
        parts = [self.file]
        if self.sheet:
            parts.append(self.sheet)
        if self.line:
            parts.append(str(self.line))
        if self.column:
            parts.append(str(self.column))
        return ":".join(parts)


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem. `code` is `TEMOnnn` and has a page (`temoctl explain CODE`).

    `summary` is one short line; `span` is the text under the underline ("not a channel"); `detail` may be several
    lines; `allowed` lists the values that would be right; `suggestion` is the did-you-mean; `fix` is what to do.
    `tenant` is the readable id where the problem concerns one tenant ("" for problems across tenants).
    """

    code: str
    summary: str
    where: Where | None = None
    span: str = ""
    detail: str = ""
    fix: str = ""
    suggestion: str = ""
    allowed: tuple[str, ...] = ()
    severity: Severity = Severity.ERROR
    tenant: str = ""
    snippet: str = field(default="", compare=False)  # the line of the file, when it could be read

"""Everything wrong with one file, gathered with its cell, up to a cap. Must not know how files are read."""

from __future__ import annotations

from dataclasses import dataclass, field

from temoctl.model.diagnostic import Diagnostic, Severity, Where

CAP = 50
"""Errors listed per file. A file with more is broken in one way, and the first fifty show which."""


@dataclass(slots=True)
class Findings:
    """Diagnostics of one file. `file` is how the file is called for people; `errors` counts listed and unlisted."""

    file: str
    sheet: str = ""
    errors: int = 0
    _listed: list[Diagnostic] = field(default_factory=list)

    def error(
        self,
        code: str,
        summary: str,
        *,
        row: int = 0,
        column: int = 0,
        title: str = "",
        span: str = "",
        detail: str = "",
        fix: str = "",
        suggestion: str = "",
        allowed: tuple[str, ...] = (),
    ) -> None:
        self.errors += 1
        if self.errors <= CAP:
            where = self.where(row, column, title)
            self._listed.append(Diagnostic(code, summary, where, span, detail, fix, suggestion, allowed))

    def warning(
        self, code: str, summary: str, *, row: int = 0, column: int = 0, title: str = "", fix: str = ""
    ) -> None:
        where = self.where(row, column, title)
        self._listed.append(Diagnostic(code, summary, where, fix=fix, severity=Severity.WARNING))

    def where(self, row: int = 0, column: int = 0, title: str = "") -> Where:
        return Where(self.file, row, column, sheet=self.sheet, column_name=title)

    def all(self) -> list[Diagnostic]:
        """What was found, in order of rows; beyond the cap one note that says how many more there are."""
        found = sorted(self._listed, key=lambda one: (one.where.line, one.where.column) if one.where else (0, 0))
        if self.errors > CAP:
            more = f"{self.errors - CAP:,} more errors in this file are not listed"
            found.append(
                Diagnostic(
                    "TEMO317",
                    more,
                    self.where(),
                    fix="mend the listed rows first; the others are often of the same kind",
                    severity=Severity.NOTE,
                )
            )
        return found

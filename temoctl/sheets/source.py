"""What kind of file this is, by its content and never by its name alone, and how its rows are got at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Protocol

from temoctl.sheets import encodings
from temoctl.sheets.csv_file import CsvSource, detect_delimiter
from temoctl.sheets.model import ReadOptions
from temoctl.sheets.problems import Findings
from temoctl.sheets.values import Cell
from temoctl.sheets.xlsx_file import UNPACKED_LIMIT, XlsxSource, unpacked_size, visible_sheets

SIZE_LIMIT = 200_000_000
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_NOT_TABLES = (
    (b"%PDF", "a PDF document"),
    (b"{\\rtf", "a text document (RTF)"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x1f\x8b", "a compressed file"),
    (b"SQLite format 3", "a database file"),
)
_SAVE_AS = "open it in your spreadsheet program and save it as .xlsx or as CSV (UTF-8)"


class Source(Protocol):
    """Rows of one file or sheet. `rows` may be called again; it reports what is broken and leaves it out."""

    @property
    def kind(self) -> str: ...
    @property
    def sheet(self) -> str: ...
    @property
    def encoding(self) -> str: ...
    @property
    def delimiter(self) -> str: ...
    @property
    def first_column(self) -> int: ...

    def rows(self, findings: Findings) -> Iterator[tuple[int, Sequence[Cell]]]: ...


def open_source(path: Path, options: ReadOptions, findings: Findings) -> Source | None:
    """The file's rows; None when it can't be read at all, with the reason in the findings."""
    head = _readable(path, findings)
    if head is None:
        return None
    if head.startswith(_OLE):
        _old_office(path, findings)
        return None
    if head.startswith(b"PK\x03\x04"):
        if path.suffix.lower() not in (".xlsx", ".xlsm"):
            findings.warning("TEMO305", "this is an XLSX workbook, whatever its name says; it is read as one")
        return _open_workbook(path, options, findings)
    what = next((what for start, what in _NOT_TABLES if head.startswith(start)), "") or _markup(head)
    if what:
        findings.error("TEMO302", f"this is {what}, not a table", fix=_SAVE_AS)
        return None
    if path.suffix.lower() in (".xlsx", ".xlsm", ".xls", ".ods"):
        if _looks_binary(head):
            findings.error("TEMO304", "the workbook is damaged: it is not an XLSX file inside", fix=_SAVE_AS)
            return None
        findings.warning("TEMO305", "this is a text file, whatever its name says; it is read as CSV")
    return _open_text(path, options, findings, head)


def _readable(path: Path, findings: Findings) -> bytes | None:
    try:
        size = path.stat().st_size
        if not path.is_file():
            findings.error("TEMO300", "this is a folder, not a file", fix="name a .csv or .xlsx file")
            return None
        with path.open("rb") as file:
            head = file.read(4096)
    except FileNotFoundError:
        findings.error("TEMO300", "the file isn't there", fix="check the name in the spec, and whether it was added")
        return None
    except OSError as error:
        findings.error("TEMO300", f"the file can't be opened ({error.strerror})", fix="check who may read it")
        return None
    if size > SIZE_LIMIT:
        fix = f"split it: a file may have up to {SIZE_LIMIT // 1_000_000} MB"
        findings.error("TEMO316", f"the file is too large ({size // 1_000_000} MB)", fix=fix)
        return None
    if not head.strip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"):
        findings.error("TEMO301", "the file is empty", fix="fill it, or take it out of the spec")
        return None
    return head


def _old_office(path: Path, findings: Findings) -> None:
    """An OLE container is a workbook with a password, or a workbook of before 2007."""
    if "EncryptedPackage".encode("utf-16-le") in path.read_bytes():
        findings.error(
            "TEMO303",
            "the workbook is protected by a password",
            fix="open it, remove the password (File > Info > Protect Workbook) and save it again",
        )
    else:
        findings.error("TEMO302", "this is an old Excel workbook (.xls), not .xlsx", fix=_SAVE_AS)


def _markup(head: bytes) -> str:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:200].lower()
    if start.startswith((b"<!doctype html", b"<html", b"<table")):
        return "a web page"
    return "an XML or JSON file" if start.startswith((b"<?xml", b'{"', b'[{"')) else ""


def _looks_binary(head: bytes) -> bool:
    odd = sum(0 < byte < 9 or 13 < byte < 32 for byte in head)
    return odd * 20 > len(head)


def _open_text(path: Path, options: ReadOptions, findings: Findings, head: bytes) -> Source | None:
    encoding = encodings.known(options.encoding) if options.encoding else encodings.detect(path)
    if _looks_binary(head) and not encoding.startswith("utf-16") and not encoding.startswith("utf-32"):
        findings.error("TEMO302", "this is not a table: it holds no readable text", fix=_SAVE_AS)
        return None
    bad = encodings.first_bad(path, encoding)
    if bad is not None:
        findings.error(
            "TEMO307",
            f"a character can't be read as {encoding} (byte 0x{bad.byte:02x})",
            row=bad.line,
            fix=f"{_SAVE_AS}; or name the right `encoding` (for example cp1251) in the spec",
        )
        return None
    return CsvSource(path, encoding, options.delimiter or detect_delimiter(path, encoding))


def _open_workbook(path: Path, options: ReadOptions, findings: Findings) -> Source | None:
    from zipfile import BadZipFile

    from python_calamine import CalamineError, PasswordError, load_workbook

    try:
        if (size := unpacked_size(path)) > UNPACKED_LIMIT:
            fix = "delete sheets and pictures the bot doesn't need, or save the sheet as CSV"
            findings.error("TEMO316", f"the workbook unpacks to {size // 1_000_000} MB, which is too large", fix=fix)
            return None
        workbook = load_workbook(path)
        name = _choose_sheet(visible_sheets(workbook), workbook.sheet_names, options.sheet, findings)
        if name is None:
            return None
        if not name:
            filled = [one for one in visible_sheets(workbook) if workbook.get_sheet_by_name(one).height]
            name = _only_filled(filled, findings)
        if name is None:
            return None
        findings.sheet = name
        return XlsxSource(path, workbook.get_sheet_by_name(name))
    except PasswordError:
        findings.error(
            "TEMO303", "the workbook is protected by a password", fix="remove the password and save it again"
        )
    except (CalamineError, BadZipFile, OSError, ValueError, EOFError):
        findings.error("TEMO304", "the workbook is damaged and can't be opened", fix=_SAVE_AS)
    return None


def _choose_sheet(visible: list[str], all_names: list[str], asked: str, findings: Findings) -> str | None:
    """The sheet's name, "" where its content must decide, None where it can't be chosen."""
    if asked:
        if asked in all_names:
            return asked
        near = get_close_matches(asked, all_names, n=1)
        findings.error(
            "TEMO306",
            f"the workbook has no sheet called {asked!r}",
            fix="name one of its sheets in `sheet`",
            allowed=tuple(all_names),
            suggestion=near[0] if near else "",
        )
        return None
    return visible[0] if len(visible) == 1 else ""


def _only_filled(filled: list[str], findings: Findings) -> str | None:
    if len(filled) == 1:
        return filled[0]
    if not filled:
        findings.error("TEMO301", "the workbook has no sheet with data that can be seen", fix="fill or unhide a sheet")
        return None
    findings.error(
        "TEMO306",
        f"the workbook has {len(filled)} sheets, and it isn't said which one is meant",
        fix="write the sheet's name as `sheet:` beside `file:` in the spec",
        allowed=tuple(filled),
    )
    return None

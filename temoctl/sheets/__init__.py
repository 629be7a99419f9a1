"""Spreadsheets of people: CSV and XLSX in, clean typed rows out, everything wrong reported with its cell.

`check` looks at a file and says what is in it and what is wrong with it; `open_table` gives its rows in bounded
memory and refuses a file with errors before the first row. Must not know specs, tenants or PostgreSQL.
"""

from __future__ import annotations

from temoctl.sheets.model import Column, ColumnType, ReadOptions, TableInfo
from temoctl.sheets.table import Table, check, file_digest, open_table

__all__ = ["Column", "ColumnType", "ReadOptions", "Table", "TableInfo", "check", "file_digest", "open_table"]

"""What reading a spreadsheet takes and gives, as values. Must not know files, PostgreSQL or specs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from temoctl.model.value import Json

_DELIMITERS = {"tab": "\t", "\\t": "\t"}
"""How a tab is written where it would be invisible."""


class ColumnType(StrEnum):
    """The types a column may have; the value is what a spec's override says."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True, slots=True)
class Column:
    """`name` is SQL-safe and unique in its table, `title` the header as it stands in the file."""

    name: str
    title: str
    type: ColumnType

    def tree(self) -> dict[str, Json]:
        return {"name": self.name, "title": self.title, "type": self.type.value}


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a spec says about a file, where guessing isn't wanted. Empty means: find out.

    `columns` maps a column (its header or its SQL name) to a type. `header` None means: decide from the first rows.
    """

    sheet: str = ""
    encoding: str = ""
    delimiter: str = ""
    header: bool | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    def tree(self) -> dict[str, Json]:
        """Only what is set, as plain JSON (the `options` of a table's props)."""
        said: dict[str, Json] = {
            "sheet": self.sheet,
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "columns": dict(self.columns),
        }
        tree = {key: value for key, value in said.items() if value}
        return tree if self.header is None else {**tree, "header": self.header}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Json] | None) -> ReadOptions:
        tree = tree or {}
        header = tree.get("header")
        return cls(
            sheet=str(tree.get("sheet") or ""),
            encoding=str(tree.get("encoding") or ""),
            delimiter=_DELIMITERS.get(delimiter := str(tree.get("delimiter") or ""), delimiter),
            header=None if header is None else bool(header),
            columns={str(key): str(value) for key, value in (tree.get("columns") or {}).items()},
        )


@dataclass(frozen=True, slots=True)
class TableInfo:
    """What was found out about a file. `count` is the number of data rows; `encoding`/`delimiter` are CSV's."""

    columns: tuple[Column, ...]
    count: int
    kind: str  # "csv" or "xlsx"
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    header_row: int = 0  # 0: the file has none

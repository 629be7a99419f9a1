"""Kept messages in the order in which they will be forgotten, page by page: for whoever archives them first.

A message's place in that order is its date and then its id, which is also its key as a text. The index that forgets
them knows the date only, so pages are cut between two dates, and ids are asked for within one date only: a page costs
no more than its own messages, however many there are. Changes nothing.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from temoctl.engine.protocol import Line, Target
from temoctl.systems.marked import text
from temoctl.systems.mongodb.forms import FORMS
from temoctl.systems.mongodb.room import found
from temoctl.systems.mongodb.server import Server

_DIGITS = 14
"""Of a date in milliseconds, so that keys sort as dates do."""

Row = Mapping[str, Any]


async def lines(server: Server, target: Target, *, after: str, before: float, limit: int) -> Sequence[Line]:
    """What lies behind `after` and is dated before `before`: some of it, as long as there is any. `limit` keeps an
    answer below 16 MiB.
    """
    dated = FORMS[text(target.props, "validator")].dated
    reader = _Reader(server, text(target.props, "database"), text(target.props, "name"), dated, limit)
    since: dict[str, Any] = {}
    if after:
        at, _, last = after.partition("-")
        rest = await reader.crowd(_date(int(at)), behind=last)
        if rest:
            return rest
        since = {"$gt": _date(int(at))}
    rows = await reader.rows({dated: {**since, "$lt": _date(before * 1000)}}, {dated: 1})
    whole = rows if len(rows) < limit else [row for row in rows if row[dated] < rows[-1][dated]]
    if rows and not whole:
        return await reader.crowd(rows[-1][dated])
    return sorted((_line(row, dated) for row in whole), key=_key)


@dataclass(frozen=True, slots=True)
class _Reader:
    server: Server
    database: str
    collection: str
    dated: str
    limit: int

    async def rows(self, query: Mapping[str, Any], order: Mapping[str, int]) -> list[Row]:
        command = {"find": self.collection, "filter": query, "sort": order, "limit": self.limit, "singleBatch": True}
        return await found(self.server, self.database, command)

    async def crowd(self, at: datetime.datetime, behind: str = "") -> list[Line]:
        """Messages of one and the same date, of which there may be more than a page holds."""
        from bson import ObjectId

        later = {"_id": {"$gt": ObjectId(behind)}} if behind else {}
        return [_line(row, self.dated) for row in await self.rows({self.dated: at, **later}, {"_id": 1})]


def _line(row: Row, dated: str) -> Line:
    at = row[dated].replace(tzinfo=datetime.UTC)
    told = {**row, "_id": str(row["_id"]), dated: at.isoformat(timespec="milliseconds").replace("+00:00", "Z")}
    key = f"{round(at.timestamp() * 1000):0{_DIGITS}d}-{row['_id']}"
    return Line(key, json.dumps(told, ensure_ascii=False, separators=(",", ":")))


def _key(line: Line) -> str:
    return line.key


def _date(milliseconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(milliseconds=milliseconds)

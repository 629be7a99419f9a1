"""Kept messages in the order in which they will be forgotten, page by page: for whoever archives them first.

A message's place in that order is its date and its id, which is also its key as a text. Changes nothing.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from typing import Any

from temoctl.engine.protocol import Line, Target
from temoctl.systems.mongodb.forms import FORMS
from temoctl.systems.mongodb.room import found, text
from temoctl.systems.mongodb.server import Server

_DIGITS = 14
"""Of a date in milliseconds, so that keys sort as dates do."""


async def lines(server: Server, target: Target, *, after: str, before: float, limit: int) -> Sequence[Line]:
    """What lies behind `after` and is dated before `before`. One answer: `limit` keeps it below 16 MiB."""
    form = FORMS[text(target.props, "validator")]
    place: dict[str, Any] = {form.dated: {"$lt": _date(before * 1000)}}
    behind = [place, _behind(form.dated, after)] if after else [place]
    command = {
        "find": text(target.props, "name"),
        "filter": {"$and": behind},
        "sort": {form.dated: 1, "_id": 1},
        "limit": limit,
        "singleBatch": True,
    }
    return [_line(row, form.dated) for row in await found(server, text(target.props, "database"), command)]


def _behind(dated: str, key: str) -> dict[str, Any]:
    from bson import ObjectId

    at, _, last = key.partition("-")
    then = _date(int(at))
    return {"$or": [{dated: {"$gt": then}}, {dated: then, "_id": {"$gt": ObjectId(last)}}]}


def _line(row: Mapping[str, Any], dated: str) -> Line:
    at = row[dated].replace(tzinfo=datetime.UTC)
    told = {**row, "_id": str(row["_id"]), dated: at.isoformat(timespec="milliseconds").replace("+00:00", "Z")}
    key = f"{round(at.timestamp() * 1000):0{_DIGITS}d}-{row['_id']}"
    return Line(key, json.dumps(told, ensure_ascii=False, separators=(",", ":")))


def _date(milliseconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(milliseconds=milliseconds)

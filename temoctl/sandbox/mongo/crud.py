"""Commands about documents. Every write is checked against the collection's validator before it counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import bson
from bson import Int64

from temoctl.sandbox.mongo.engine import Command, Request
from temoctl.sandbox.mongo.holdings import Holding
from temoctl.sandbox.mongo.queries import (
    checked_pipeline,
    checked_query,
    checked_update,
    evaluated,
    is_operators,
    tidy,
)
from temoctl.sandbox.mongo.replies import CommandFailed, beyond
from temoctl.sandbox.mongo.talk import MOST_WRITES

FIRST_BATCH = 101
_LARGEST_BATCH = 16 * 1024 * 1024
Rows = list[Mapping[str, Any]]


def _one_by_one(request: Request, field: str, act: Callable[[Holding, Mapping[str, Any]], dict[str, Any]]) -> Any:
    """Writes of one command in order. What one adds to the answer is summed; a failed one ends an ordered list."""
    given = request.command.get(field)
    if not isinstance(given, list) or not 0 < len(given) <= MOST_WRITES:
        raise CommandFailed("InvalidOptions", f"Write batch sizes must be between 1 and {MOST_WRITES}")
    holding = request.engine.holdings.make(request.database, request.collection)
    answer: dict[str, Any] = {"n": 0}
    errors: list[dict[str, Any]] = []
    for index, one in enumerate(given):
        try:
            done = act(holding, one)
        except CommandFailed as failure:
            errors.append(failure.write_error(index))
            if request.command.get("ordered", True):
                break
            continue
        for key, value in done.items():
            if key == "upserted":
                answer.setdefault("upserted", []).append({"index": index, "_id": value})
            else:
                answer[key] = answer.get(key, 0) + value
    return {**answer, "writeErrors": errors} if errors else answer


def _insert(request: Request) -> dict[str, Any]:
    request.require("insert")

    def one(holding: Holding, document: Mapping[str, Any]) -> dict[str, Any]:
        row = tidy({"_id": bson.ObjectId(), **document})
        if isinstance(row["_id"], list | bson.Regex):
            raise CommandFailed("BadValue", "The '_id' value cannot be of that type")
        if any(name.startswith("$") for name in row):
            raise CommandFailed("BadValue", "Document can't have $ prefixed field names")
        holding.accepts(row)
        with evaluated():
            holding.rows.insert_one(row)
        return {"n": 1}

    answer: dict[str, Any] = _one_by_one(request, "documents", one)
    return answer


def _update(request: Request) -> dict[str, Any]:
    request.require("update")

    def one(holding: Holding, given: Mapping[str, Any]) -> dict[str, Any]:
        _known(given, {"q", "u", "upsert", "multi", "arrayFilters"}, "update.updates")
        if given.get("upsert"):
            request.require("insert")
        change = Change(request, holding, given["q"], given["u"], given.get("arrayFilters"))
        if given.get("multi") and not is_operators(given["u"]):
            raise CommandFailed("FailedToParse", "multi update is not supported for replacement-style update")
        found = change.matching(None if given.get("multi") else 1)
        if not found and given.get("upsert"):
            return {"n": 1, "nModified": 0, "upserted": change.upsert()["_id"]}
        modified = sum(change.apply(row) != row for row in found)
        return {"n": len(found), "nModified": modified}

    answer: dict[str, Any] = _one_by_one(request, "updates", one)
    return {"nModified": 0, **answer}


class Change:
    """One update of one collection, document by document."""

    def __init__(self, request: Request, holding: Holding, query: Any, update: Any, filters: Any = None) -> None:
        self._rows, self._holding = holding.rows, holding
        self._query = checked_query(query)
        self._update = checked_update(update, request.engine.now())
        self._more = {"array_filters": filters} if filters else {}

    def matching(self, limit: int | None, sort: Any = None) -> Rows:
        with evaluated():
            cursor = self._rows.find(self._query)
            if sort:
                cursor = cursor.sort(list(sort.items()))
            return list(cursor.limit(limit) if limit else cursor)

    def apply(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """The document as it is afterwards. One that may not become so stays what it was."""
        only = {"$and": [{"_id": row["_id"]}]} if "_id" in self._query else {"_id": row["_id"]}
        self._check_id(row["_id"])
        with evaluated():
            if is_operators(self._update):
                self._rows.update_one({**self._query, **only}, self._update, **self._more)
            else:
                self._rows.replace_one({"_id": row["_id"]}, dict(self._update))
            after: dict[str, Any] = self._rows.find_one({"_id": row["_id"]})
        if after is None or after["_id"] != row["_id"]:
            raise CommandFailed("ImmutableField", "Performing an update on the path '_id' would modify it")
        try:
            self._holding.accepts(after, row)
        except CommandFailed:
            self._rows.replace_one({"_id": row["_id"]}, dict(row))
            raise
        return after

    def _check_id(self, there: Any) -> None:
        """A change of `_id` is refused before the library sees it: there is nothing to take back then."""
        given = self._update
        asked = (
            [given]
            if not is_operators(given)
            else []
            if isinstance(given, list)
            else [fields for operator, fields in given.items() if operator != "$setOnInsert"]
        )
        if any(fields.get("_id", there) != there for fields in asked):
            raise CommandFailed("ImmutableField", "the (immutable) field '_id' was found to have been altered")

    def upsert(self) -> dict[str, Any]:
        """The document that was made, with the equalities of the query in it."""
        with evaluated():
            act = self._rows.update_one if is_operators(self._update) else self._rows.replace_one
            made = act(self._query, self._update, upsert=True, **self._more).upserted_id
            row: dict[str, Any] = self._rows.find_one({"_id": made})
        try:
            self._holding.accepts(row)
        except CommandFailed:
            self._rows.delete_one({"_id": made})
            raise
        return row


def _delete(request: Request) -> dict[str, Any]:
    request.require("remove")

    def one(holding: Holding, given: Mapping[str, Any]) -> dict[str, Any]:
        _known(given, {"q", "limit"}, "delete.deletes")
        if given.get("limit") not in (0, 1):
            raise CommandFailed("FailedToParse", "The limit field in delete objects must be 0 or 1")
        query = checked_query(given["q"])
        with evaluated():
            act = holding.rows.delete_one if given["limit"] else holding.rows.delete_many
            return {"n": int(act(query).deleted_count)}

    answer: dict[str, Any] = _one_by_one(request, "deletes", one)
    return answer


def _find_and_modify(request: Request) -> dict[str, Any]:
    given = request.command
    remove, update = bool(given.get("remove")), given.get("update")
    if remove is (update is not None):
        raise CommandFailed("FailedToParse", "Either an update or remove=true must be specified")
    request.require("remove" if remove else "update")
    holding = request.engine.holdings.make(request.database, request.collection)
    change = Change(request, holding, given.get("query") or {}, {} if remove else update, given.get("arrayFilters"))
    found = change.matching(1, given.get("sort"))
    fields = given.get("fields")
    if not found:
        return _made_instead(request, change, fields)
    before = found[0]
    if remove:
        shown = _projected(holding, before["_id"], fields)
        holding.rows.delete_one({"_id": before["_id"]})
        return {"lastErrorObject": {"n": 1}, "value": shown}
    shown = _projected(holding, before["_id"], fields)
    change.apply(before)
    if given.get("new"):
        shown = _projected(holding, before["_id"], fields)
    return {"lastErrorObject": {"n": 1, "updatedExisting": True}, "value": shown}


def _made_instead(request: Request, change: Change, fields: Any) -> dict[str, Any]:
    given = request.command
    if not given.get("upsert"):
        last = {"n": 0} if given.get("remove") else {"n": 0, "updatedExisting": False}
        return {"lastErrorObject": last, "value": None}
    request.require("insert")
    made = change.upsert()
    holding = request.engine.holdings.need(request.database, request.collection)
    value = _projected(holding, made["_id"], fields) if given.get("new") else None
    return {"lastErrorObject": {"n": 1, "updatedExisting": False, "upserted": made["_id"]}, "value": value}


def _projected(holding: Holding, key: Any, fields: Any) -> dict[str, Any]:
    with evaluated():
        return tidy(holding.rows.find_one({"_id": key}, dict(fields) if fields else None))


def _find(request: Request) -> dict[str, Any]:
    request.require("find")
    given = request.command
    query = checked_query(given.get("filter") or {})
    holding = request.engine.holdings.get(request.database, request.collection)
    rows: Rows = []
    if holding is not None:
        with evaluated():
            cursor = holding.rows.find(query, dict(given["projection"]) if given.get("projection") else None)
            if given.get("sort"):
                cursor = cursor.sort(list(given["sort"].items()))
            if given.get("skip"):
                cursor = cursor.skip(int(given["skip"]))
            if given.get("limit"):
                cursor = cursor.limit(abs(int(given["limit"])))
            rows = [tidy(row) for row in cursor]
    single = bool(given.get("singleBatch"))
    return _answer(request, rows, given.get("batchSize", FIRST_BATCH), single=single)


def _answer(request: Request, rows: Rows, size: Any, *, single: bool = False) -> dict[str, Any]:
    batch, rest = _batch(rows, int(size))
    number = Int64(0) if single else request.engine.keep(request, request.namespace, rest)
    return {"cursor": {"id": number, "ns": request.namespace, "firstBatch": batch}}


def _batch(rows: Rows, most: int) -> tuple[Rows, Rows]:
    """The first rows, as many as asked for and as fit into a message, and the others."""
    size = count = 0
    for row in rows[:most]:
        size += len(bson.encode(row))
        if count and size > _LARGEST_BATCH:
            break
        count += 1
    return rows[:count], rows[count:]


def _get_more(request: Request) -> dict[str, Any]:
    number = request.command["getMore"]
    cursor = request.engine.cursors.get(number)
    namespace = f"{request.database}.{request.command.get('collection')}"
    user = request.session.user
    me = (user.database, user.name) if user else None
    if cursor is None or cursor.namespace != namespace:
        raise CommandFailed("CursorNotFound", f"cursor id {number} not found")
    if cursor.owner != me:
        raise CommandFailed("Unauthorized", f"cursor id {number} was not created by the authenticated user")
    batch, cursor.rows = _batch(cursor.rows, int(request.command.get("batchSize") or len(cursor.rows)))
    if not cursor.rows:
        del request.engine.cursors[number]
    left = Int64(number if cursor.rows else 0)
    return {"cursor": {"id": left, "ns": namespace, "nextBatch": batch}}


def _kill_cursors(request: Request) -> dict[str, Any]:
    killed, missing = [], []
    user = request.session.user
    me = (user.database, user.name) if user else None
    for number in request.command.get("cursors") or []:
        cursor = request.engine.cursors.get(number)
        if cursor is not None and cursor.owner == me:
            del request.engine.cursors[number]
            killed.append(Int64(number))
        else:
            missing.append(Int64(number))
    return {"cursorsKilled": killed, "cursorsNotFound": missing, "cursorsAlive": [], "cursorsUnknown": []}


def _aggregate(request: Request) -> dict[str, Any]:
    request.require("find")
    given = request.command
    if not isinstance(given.get("cursor"), Mapping):
        raise CommandFailed("FailedToParse", "The 'cursor' option is required")
    pipeline = checked_pipeline(given.get("pipeline"), request.engine.now())
    holding = request.engine.holdings.get(request.database, request.collection)
    rows: Rows = []
    if holding is not None:
        with evaluated():
            rows = [tidy(row) for row in holding.rows.aggregate(pipeline)]
    return _answer(request, rows, given["cursor"].get("batchSize", FIRST_BATCH))


def _count(request: Request) -> dict[str, Any]:
    request.require("find")
    given = request.command
    holding = request.engine.holdings.get(request.database, request.collection)
    query = checked_query(given.get("query") or {})
    if holding is None:
        return {"n": 0}
    with evaluated():
        count = int(holding.rows.count_documents(query))
    count = max(0, count - int(given.get("skip") or 0))
    limit = abs(int(given.get("limit") or 0))
    return {"n": min(count, limit) if limit else count}


def _distinct(request: Request) -> dict[str, Any]:
    request.require("find")
    holding = request.engine.holdings.get(request.database, request.collection)
    query = checked_query(request.command.get("query") or {})
    if holding is None:
        return {"values": []}
    with evaluated():
        return {"values": list(holding.rows.distinct(request.command["key"], query))}


def _known(given: Mapping[str, Any], fields: set[str], path: str) -> None:
    for field in given:
        if field in ("hint", "collation"):
            raise beyond(f"{path}.{field}")
        if field not in fields:
            raise CommandFailed("Location40415", f"BSON field '{path}.{field}' is an unknown field.")


_WRITE = frozenset({"ordered"})
_MODIFY = frozenset({"query", "sort", "remove", "update", "new", "fields", "upsert", "arrayFilters"})
_FIND = frozenset({"filter", "projection", "sort", "skip", "limit", "batchSize", "singleBatch"})

COMMANDS: Mapping[str, Command] = {
    "insert": Command(_insert, _WRITE | {"documents"}, write=True),
    "update": Command(_update, _WRITE | {"updates"}, write=True),
    "delete": Command(_delete, _WRITE | {"deletes"}, write=True),
    "findAndModify": Command(_find_and_modify, _MODIFY, write=True),
    "findandmodify": Command(_find_and_modify, _MODIFY, write=True),
    "find": Command(_find, _FIND),
    "getMore": Command(_get_more, frozenset({"collection", "batchSize"})),
    "killCursors": Command(_kill_cursors, frozenset({"cursors"})),
    "aggregate": Command(_aggregate, frozenset({"pipeline", "cursor", "allowDiskUse"})),
    "count": Command(_count, frozenset({"query", "limit", "skip"})),
    "distinct": Command(_distinct, frozenset({"key", "query"})),
}

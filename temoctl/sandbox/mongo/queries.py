"""Queries, updates and pipelines before they reach the library: only what it is known to do gets through. Pure.

mongomock-ng leaves some of what it doesn't know aside without a word; a list of what is let through doesn't.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Mapping
from typing import Any

import bson
from mongomock_ng import filtering
from pymongo.errors import DuplicateKeyError, PyMongoError

from temoctl.sandbox.mongo.replies import CommandFailed, beyond

_QUERY = frozenset(
    "$eq $ne $gt $gte $lt $lte $in $nin $and $or $nor $not $exists $type $regex $options $size $all $elemMatch"  # noqa: SIM905
    " $expr".split()
)
_UPDATE = frozenset(
    "$set $unset $inc $min $max $rename $setOnInsert $push $addToSet $pull $pullAll $pop $currentDate".split()  # noqa: SIM905
)
_UPDATE_STAGES = frozenset({"$set", "$addFields", "$unset", "$project", "$replaceRoot"})
_STAGES = _UPDATE_STAGES | {"$match", "$sort", "$limit", "$skip", "$group", "$count", "$unwind"}
_LITERAL = ("$expr", "$eq", "$ne", "$gt", "$gte", "$lt", "$lte")
_FROM_LIBRARY = (PyMongoError, NotImplementedError, ValueError, TypeError, LookupError, AttributeError)


@contextlib.contextmanager
def evaluated() -> Iterator[None]:
    """What the library can't do becomes a refusal; nothing of it is taken for a result."""
    try:
        yield
    except DuplicateKeyError as error:
        details = error.details or {}
        more = {key: details[key] for key in ("keyPattern", "keyValue") if key in details}
        words = "E11000 duplicate key error collection"
        raise CommandFailed("DuplicateKey", f"{words}: dup key: {more.get('keyValue', '')}", **more) from None
    except NotImplementedError as error:
        raise beyond(str(error).partition("\n")[0] or "what was asked") from None
    except _FROM_LIBRARY as error:
        raise CommandFailed("BadValue", str(error) or type(error).__name__) from None


def checked_query(given: Any) -> dict[str, Any]:
    """A filter as the library takes it. Raises CommandFailed for operators that are none or aren't known here."""
    if not isinstance(given, Mapping):
        raise CommandFailed("TypeMismatch", "Expected field filter to be of type object")
    return {str(key): _checked(str(key), value) for key, value in given.items()}


def _checked(key: str, value: Any) -> Any:
    if key.startswith("$") and key not in _QUERY:
        raise CommandFailed("BadValue", f"unknown operator: {key}")
    if isinstance(value, bson.Regex):
        return value.try_compile()
    if key in _LITERAL:
        return value
    if isinstance(value, Mapping):
        # a document without operators is a value to compare with, not a query
        return checked_query(value) if any(str(one).startswith("$") for one in value) else dict(value)
    if isinstance(value, list) and key in ("$and", "$or", "$nor"):
        return [checked_query(one) for one in value]
    return value


def checked_update(given: Any, now: datetime.datetime) -> Any:
    """An update as the library takes it, with the server's time put in where it is asked for."""
    if isinstance(given, list):
        for stage in given:
            _check_stage(stage, _UPDATE_STAGES)
        return _dated(given, now)
    if not isinstance(given, Mapping):
        raise CommandFailed("FailedToParse", "an update is an object or a list of stages")
    if not is_operators(given):
        return dict(given)
    for operator, fields in given.items():
        if operator not in _UPDATE:
            raise CommandFailed("FailedToParse", f"Unknown modifier: {operator}")
        if not isinstance(fields, Mapping):
            raise CommandFailed("FailedToParse", f"Modifiers operate on fields but we found type for {operator}")
    return _with_dates({key: dict(value) for key, value in given.items()}, now)


def is_operators(given: Any) -> bool:
    """Whether an update changes fields rather than the whole document."""
    return isinstance(given, list) or next(iter(given), "").startswith("$")


def _with_dates(update: dict[str, Any], now: datetime.datetime) -> dict[str, Any]:
    asked = update.pop("$currentDate", None)
    for name, kind in (asked or {}).items():
        if kind is not True and kind != {"$type": "date"}:
            raise beyond("$currentDate with a timestamp")
        update.setdefault("$set", {})[name] = now
    return update


def checked_pipeline(given: Any, now: datetime.datetime) -> list[dict[str, Any]]:
    if not isinstance(given, list):
        raise CommandFailed("TypeMismatch", "'pipeline' option must be specified as an array")
    for stage in given:
        _check_stage(stage, _STAGES)
    stages: list[dict[str, Any]] = _dated(given, now)
    return [
        {name: checked_query(value) if name == "$match" else value for name, value in stage.items()} for stage in stages
    ]


def _check_stage(stage: Any, known: frozenset[str]) -> None:
    if not isinstance(stage, Mapping) or len(stage) != 1:
        words = "A pipeline stage specification object must contain exactly one field."
        raise CommandFailed("BadValue", words)
    (name,) = stage
    if name not in known:
        raise beyond(f"the pipeline stage {name}")


def _dated(node: Any, now: datetime.datetime) -> Any:
    """A copy with the server's time in the place of `$$NOW`."""
    if node == "$$NOW":
        return now
    if isinstance(node, Mapping):
        return {key: _dated(value, now) for key, value in node.items()}
    return [_dated(one, now) for one in node] if isinstance(node, list) else node


def matching(rows: list[dict[str, Any]], query: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Those of some documents that are no collection which a checked query finds."""
    fits: Any = filtering.filter_applies
    with evaluated():
        return [row for row in rows if fits(query, row)]


def tidy(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with its `_id` first, where a server puts it."""
    if "_id" not in document:
        return dict(document)
    return {"_id": document["_id"], **{key: value for key, value in document.items() if key != "_id"}}

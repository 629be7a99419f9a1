"""Commands about databases, collections and indexes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bson import Binary, Int64

from temoctl.sandbox.mongo import rights
from temoctl.sandbox.mongo.engine import Command, Request
from temoctl.sandbox.mongo.holdings import SYSTEM_DATABASES, Holding
from temoctl.sandbox.mongo.queries import checked_query, evaluated, matching
from temoctl.sandbox.mongo.replies import CommandFailed, beyond
from temoctl.sandbox.mongo.schema import check_schema, is_finite_seconds

_INDEX = frozenset({"key", "name", "unique", "expireAfterSeconds", "background", "v", "ns"})


def first_batch(namespace: str, rows: list[Any]) -> dict[str, Any]:
    """An answer that fits into one batch."""
    return {"cursor": {"id": Int64(0), "ns": namespace, "firstBatch": rows}}


def _matching(rows: list[dict[str, Any]], given: Any) -> list[dict[str, Any]]:
    if not given:
        return rows
    return matching(rows, checked_query(given))


def _list_databases(request: Request) -> dict[str, Any]:
    if request.database != "admin":
        raise CommandFailed("Unauthorized", "listDatabases may only be run against the admin database.")
    names = sorted({*request.engine.holdings.databases, "admin"})
    roles = request.roles
    if not rights.sees_all_databases(roles) or request.command.get("authorizedDatabases") is True:
        names = [name for name in names if rights.may(roles, "find", name)]
    homes = request.engine.holdings.databases
    rows = [{"name": name, "sizeOnDisk": Int64(4096), "empty": name not in homes} for name in names]
    rows = _matching(rows, request.command.get("filter"))
    if request.command.get("nameOnly"):
        return {"databases": [{"name": row["name"]} for row in rows]}
    return {"databases": rows, "totalSize": Int64(4096 * len(rows)), "totalSizeMb": Int64(0)}


def _list_collections(request: Request) -> dict[str, Any]:
    request.require("listCollections")
    home = request.engine.holdings.databases.get(request.database, {})
    rows = [_collection(name, one) for name, one in sorted(home.items())]
    if request.database == "admin":
        rows.append(_collection("system.version", Holding(None, request.engine.holdings.id)))
    rows = _matching(rows, request.command.get("filter"))
    if request.command.get("nameOnly"):
        rows = [{"name": row["name"], "type": row["type"]} for row in rows]
    return first_batch(f"{request.database}.$cmd.listCollections", rows)


def _collection(name: str, one: Holding) -> dict[str, Any]:
    return {
        "name": name,
        "type": "collection",
        "options": one.options(),
        "info": {"readOnly": False, "uuid": Binary.from_uuid(one.uuid)},
        "idIndex": one.indexes["_id_"],
    }


def _list_indexes(request: Request) -> dict[str, Any]:
    request.require("listIndexes")
    holding = request.engine.holdings.need(request.database, request.collection)
    return first_batch(request.namespace, list(holding.indexes.values()))


def _create(request: Request) -> dict[str, Any]:
    request.require("createCollection")
    validator, level = _validation(request.command)
    if request.engine.holdings.get(request.database, request.collection) is not None:
        words = f"namespace {request.namespace} already exists, but with different options"
        raise CommandFailed("NamespaceExists", words)
    holding = request.engine.holdings.make(request.database, request.collection)
    holding.validator, holding.level = validator, level or "strict"
    return {}


def _validation(given: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str | None]:
    """The validator and its level as a command gives them, None where it doesn't."""
    validator, level = given.get("validator"), given.get("validationLevel")
    if given.get("validationAction", "error") != "error":
        raise beyond("validationAction other than error")
    if level not in (None, "strict", "moderate", "off"):
        raise CommandFailed("BadValue", f"Enumeration value '{level}' for field 'validationLevel' is not valid")
    if validator is None:
        return None, level
    if not isinstance(validator, Mapping):
        raise CommandFailed("TypeMismatch", "'validator' has to be a document.")
    if validator and set(validator) != {"$jsonSchema"}:
        raise beyond("a validator that is not $jsonSchema alone")
    if validator:
        check_schema(validator["$jsonSchema"])
    return validator or None, level


def _drop(request: Request) -> dict[str, Any]:
    request.require("dropCollection")
    holding = request.engine.holdings.get(request.database, request.collection)
    if holding is None:
        return {}  # since MongoDB 7.0
    count = len(holding.indexes)
    request.engine.holdings.drop(request.database, request.collection)
    return {"ns": request.namespace, "nIndexesWas": count}


def _drop_database(request: Request) -> dict[str, Any]:
    if request.database in SYSTEM_DATABASES:
        raise CommandFailed("IllegalOperation", f"Dropping the '{request.database}' database is prohibited.")
    request.require("dropDatabase")
    if request.command["dropDatabase"] != 1:
        raise CommandFailed("BadValue", "Expected 1 for dropDatabase")
    there = request.database in request.engine.holdings.databases
    request.engine.holdings.drop_database(request.database)
    return {"dropped": request.database} if there else {}


def _coll_mod(request: Request) -> dict[str, Any]:
    request.require("collMod")
    holding = request.engine.holdings.need(request.database, request.collection)
    given, answer = request.command, {}
    validator, level = _validation(given)
    if "index" in given:
        answer = _change_expiry(holding, given["index"])
    if "validator" in given:
        holding.validator = validator
    if level is not None:
        holding.level = level
    return answer


def _change_expiry(holding: Holding, given: Mapping[str, Any]) -> dict[str, Any]:
    for field in given:
        if field not in ("name", "keyPattern", "expireAfterSeconds"):
            raise beyond(f"collMod of an index' {field}")
    if ("name" in given) is ("keyPattern" in given):
        raise CommandFailed("InvalidOptions", "Either name or keyPattern of an index must be given, not both")
    seconds: Any = given.get("expireAfterSeconds")
    if not is_finite_seconds(seconds):
        raise CommandFailed(
            "InvalidOptions", "TTL index 'expireAfterSeconds' option must be within an acceptable range"
        )
    found = [
        one
        for one in holding.indexes.values()
        if one["name"] == given.get("name")
        or ("keyPattern" in given and _keys(one) == list(given["keyPattern"].items()))
    ]
    if not found:
        raise CommandFailed("IndexNotFound", "cannot find index for ns")
    (index,) = found
    if len(index["key"]) != 1 or "_id" in index["key"]:
        raise CommandFailed("InvalidOptions", "TTL indexes are single-field indexes, and not on _id")
    old: Any = index.get("expireAfterSeconds")
    holding.indexes[index["name"]] = {**index, "expireAfterSeconds": seconds}
    told = {} if old is None else {"expireAfterSeconds_old": Int64(old)}
    return {**told, "expireAfterSeconds_new": Int64(int(seconds))} if old != seconds else {}


def _keys(index: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return list(index["key"].items())


def _create_indexes(request: Request) -> dict[str, Any]:
    request.require("createIndex")
    given = request.command.get("indexes")
    if not isinstance(given, list) or not given:
        raise CommandFailed("BadValue", "Must specify at least one index to create")
    indexes = [_index(one) for one in given]
    holdings = request.engine.holdings
    new = holdings.get(request.database, request.collection) is None
    holding = holdings.make(request.database, request.collection)
    before, made = len(holding.indexes), []
    try:
        for index in indexes:
            if not _is_there(holding, index):
                _build(holding, index)
                made.append(index["name"])
    except CommandFailed:
        for name in made:  # all of them or none
            _remove(holding, name)
        if new:
            holdings.drop(request.database, request.collection)
        raise
    answer = {
        "numIndexesBefore": before,
        "numIndexesAfter": len(holding.indexes),
        "createdCollectionAutomatically": new,
    }
    return answer if made else {**answer, "note": "all indexes already exist"}


def _index(given: Mapping[str, Any]) -> dict[str, Any]:
    """An index as it is kept. Raises CommandFailed for one that this server can't have."""
    for field in given:
        if field not in _INDEX:
            raise beyond(f"an index' {field}")
    keys, name = given.get("key"), given.get("name")
    if not isinstance(keys, Mapping) or not keys or not isinstance(name, str) or not name:
        raise CommandFailed("FailedToParse", "an index has a key and a name")
    if any(way not in (1, -1) for way in keys.values()):
        raise beyond("indexes other than ascending and descending ones")
    index: dict[str, Any] = {"v": 2, "key": {field: int(way) for field, way in keys.items()}, "name": name}
    if given.get("unique"):
        index["unique"] = True
    if "expireAfterSeconds" in given:
        seconds = given["expireAfterSeconds"]
        if not is_finite_seconds(seconds):
            raise CommandFailed(
                "CannotCreateIndex", "TTL index 'expireAfterSeconds' must be within an acceptable range"
            )
        if "_id" in keys:
            raise CommandFailed("InvalidIndexSpecificationOption", "'expireAfterSeconds' is not valid for an _id index")
        if len(keys) > 1:
            words = "TTL indexes are single-field indexes, compound indexes do not support TTL"
            raise CommandFailed("CannotCreateIndex", words)
        index["expireAfterSeconds"] = seconds
    return index


def _is_there(holding: Holding, index: Mapping[str, Any]) -> bool:
    """Whether exactly this index is there. Raises CommandFailed where another one is in its way."""
    for one in holding.indexes.values():
        same_keys, same_name = _keys(one) == _keys(index), one["name"] == index["name"]
        if same_keys and (same_name or one["name"] == "_id_"):
            if one["name"] == "_id_" or dict(one) == dict(index):
                return True
            words = f"An equivalent index already exists with the same name but different options. {one['name']}"
            raise CommandFailed("IndexOptionsConflict", words)
        if same_keys:
            raise CommandFailed("IndexOptionsConflict", f"Index already exists with a different name: {one['name']}")
        if same_name:
            words = f"An existing index has the same name as the requested index: {one['name']}"
            raise CommandFailed("IndexKeySpecsConflict", words)
    return False


def _build(holding: Holding, index: dict[str, Any]) -> None:
    if index.get("unique"):
        with evaluated():
            holding.rows.create_index(_keys(index), name=index["name"], unique=True)
    holding.indexes[index["name"]] = index


def _remove(holding: Holding, name: str) -> None:
    if holding.indexes.pop(name).get("unique"):
        holding.rows.drop_index(name)


def _drop_indexes(request: Request) -> dict[str, Any]:
    request.require("dropIndex")
    holding = request.engine.holdings.need(request.database, request.collection)
    which, before = request.command.get("index"), len(holding.indexes)
    match which:
        case "*":
            names = [name for name in holding.indexes if name != "_id_"]
        case str():
            names = [which]
        case list():
            names = which
        case Mapping():
            names = [one["name"] for one in holding.indexes.values() if _keys(one) == list(which.items())] or [""]
        case _:
            raise CommandFailed("TypeMismatch", "index must be a name, a list of names or a key")
    if "_id_" in names:
        raise CommandFailed("InvalidOptions", "cannot drop _id index")
    for name in names:
        if name not in holding.indexes:
            raise CommandFailed("IndexNotFound", f"index not found with name [{name}]")
    for name in names:
        _remove(holding, name)
    return {"nIndexesWas": before}


_VALIDATION = frozenset({"validator", "validationLevel", "validationAction"})
_LIST = frozenset({"filter", "nameOnly", "cursor", "authorizedCollections", "authorizedDatabases"})

COMMANDS: Mapping[str, Command] = {
    "listDatabases": Command(_list_databases, _LIST),
    "listCollections": Command(_list_collections, _LIST),
    "listIndexes": Command(_list_indexes, frozenset({"cursor"})),
    "create": Command(_create, _VALIDATION, write=True),
    "drop": Command(_drop, frozenset(), write=True),
    "dropDatabase": Command(_drop_database, frozenset(), write=True),
    "collMod": Command(_coll_mod, _VALIDATION | {"index"}, write=True),
    "createIndexes": Command(_create_indexes, frozenset({"indexes", "commitQuorum"}), write=True),
    "dropIndexes": Command(_drop_indexes, frozenset({"index"}), write=True),
}

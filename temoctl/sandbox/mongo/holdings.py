"""Databases and collections: their options and indexes here, their documents in mongomock-ng.

Times are naive UTC, as BSON has them. Must not know commands, users or the wire.
"""

from __future__ import annotations

import datetime
import re
import uuid
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import bson
from mongomock_ng import MongoClient

from temoctl.sandbox.mongo.replies import CommandFailed
from temoctl.sandbox.mongo.schema import fits

ID_INDEX: Mapping[str, Any] = {"v": 2, "key": {"_id": 1}, "name": "_id_"}
SYSTEM_DATABASES = ("admin", "config", "local")
LARGEST = 16 * 1024 * 1024
_BAD_DATABASE = re.compile(r'[/\\. "$*<>:|?\x00]')


@dataclass(slots=True)
class Holding:
    """One collection. `rows` is mongomock's; `indexes` are as `listIndexes` shows them, by name."""

    rows: Any
    uuid: uuid.UUID = field(default_factory=uuid.uuid4)
    validator: Mapping[str, Any] | None = None
    level: str = "strict"
    indexes: MutableMapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"_id_": ID_INDEX})

    def options(self) -> dict[str, Any]:
        """As `listCollections` shows them."""
        if self.validator is None:
            return {}
        return {"validator": dict(self.validator), "validationLevel": self.level, "validationAction": "error"}

    def accepts(self, document: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> None:
        """Raise CommandFailed for a document that is too large or not as the validator asks."""
        if _size(document) > LARGEST:
            if before is not None:
                raise CommandFailed("Location17419", f"Resulting document after update is larger than {LARGEST}")
            raise CommandFailed("BSONObjectTooLarge", f"object to insert too large. max size: {LARGEST}")
        schema = (self.validator or {}).get("$jsonSchema")
        if schema is None or self.level == "off" or fits(schema, document):
            return
        if self.level == "moderate" and before is not None and not fits(schema, before):
            return
        details = {"failingDocumentId": document.get("_id"), "details": {"operatorName": "$jsonSchema"}}
        raise CommandFailed("DocumentValidationFailure", "Document failed validation", errInfo=details)

    def expire(self, now: datetime.datetime) -> int:
        """Delete what its TTL indexes say is over; returns how many documents went."""
        gone = 0
        for index in self.indexes.values():
            seconds = index.get("expireAfterSeconds")
            if seconds is None:
                continue
            (name,) = index["key"]
            limit = now - datetime.timedelta(seconds=float(seconds))
            over = [row["_id"] for row in self.rows.find({}, {name: 1}) if _over(_value(row, name), limit)]
            for one in over:
                gone += int(self.rows.delete_one({"_id": one}).deleted_count)
        return gone


def _size(document: Mapping[str, Any]) -> int:
    try:
        return len(bson.encode(document))
    except (bson.errors.BSONError, OverflowError) as error:  # a number that has become too large for BSON
        raise CommandFailed("BadValue", f"Failed to apply the change: {error}") from None


def _value(row: Mapping[str, Any], path: str) -> Any:
    found: Any = row
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _over(value: Any, limit: datetime.datetime) -> bool:
    """Of several dates the earliest counts; what is no date never ends."""
    dates = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, datetime.datetime)]
    return bool(dates) and min(dates) <= limit


class Holdings:
    """Everything a server holds, by database and collection."""

    def __init__(self) -> None:
        self._library: Any = MongoClient()
        self.databases: MutableMapping[str, MutableMapping[str, Holding]] = {}
        self.id = uuid.uuid4()

    def get(self, database: str, name: str) -> Holding | None:
        return self.databases.get(database, {}).get(name)

    def need(self, database: str, name: str) -> Holding:
        found = self.get(database, name)
        if found is None:
            raise CommandFailed("NamespaceNotFound", f"ns does not exist: {database}.{name}")
        return found

    def make(self, database: str, name: str) -> Holding:
        """The collection; made, and its database with it, when it isn't there."""
        found = self.get(database, name)
        if found is None:
            self._check_names(database, name)
            found = Holding(self._library[database][name])
            self.databases.setdefault(database, {})[name] = found
        return found

    def drop(self, database: str, name: str) -> None:
        home = self.databases[database]
        home.pop(name).rows.drop()
        if not home:
            del self.databases[database]

    def drop_database(self, database: str) -> None:
        for name in list(self.databases.get(database, {})):
            self.drop(database, name)

    def expire(self, now: datetime.datetime) -> None:
        for home in self.databases.values():
            for holding in home.values():
                holding.expire(now)

    def _check_names(self, database: str, name: str) -> None:
        if not database or len(database.encode()) > 63 or _BAD_DATABASE.search(database):
            raise CommandFailed("InvalidNamespace", f"Invalid database name: '{database}'")
        twin = next((one for one in self.databases if one.lower() == database.lower() and one != database), None)
        if twin is not None:
            raise CommandFailed(
                "DatabaseDifferCase",
                f"db already exists with different case already have: [{twin}] trying to create [{database}]",
            )
        if database in SYSTEM_DATABASES:
            raise CommandFailed("IllegalOperation", f"the sandbox's MongoDB keeps no documents in {database}")
        bad = not name or name.startswith((".", "system.")) or name.endswith(".") or "$" in name or "\0" in name
        if bad or len(f"{database}.{name}".encode()) > 255:
            raise CommandFailed("InvalidNamespace", f"Invalid collection name: {name}")

    def dump(self) -> dict[str, Any]:
        """All of it in plain values, to be kept over a stop."""
        kept: dict[str, Any] = {}
        for database, home in self.databases.items():
            for name, one in home.items():
                kept[f"{database}.{name}"] = {
                    "options": bson.encode({"validator": one.validator, "level": one.level}),
                    "uuid": one.uuid,
                    "indexes": [bson.encode(index) for index in one.indexes.values()],
                    "rows": [bson.encode(row) for row in one.rows.find()],
                }
        return {"id": self.id, "collections": kept}

    def restore(self, kept: Mapping[str, Any]) -> None:
        self.id = kept["id"]
        for namespace, row in kept["collections"].items():
            database, _, name = namespace.partition(".")
            holding = self.make(database, name)
            options = bson.decode(row["options"])
            holding.uuid, holding.validator, holding.level = row["uuid"], options["validator"], options["level"]
            for encoded in row["indexes"]:
                index = bson.decode(encoded)
                holding.indexes[index["name"]] = index
                if index.get("unique"):
                    keys = list(index["key"].items())
                    holding.rows.create_index(keys, name=index["name"], unique=True)
            for encoded in row["rows"]:
                holding.rows.insert_one(bson.decode(encoded))

"""Documents checked against `$jsonSchema`, and schemas checked for what is known here. Pure.

A keyword that isn't known is refused when the schema is set: one that is silently ignored would let anything pass.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import bson

from temoctl.sandbox.mongo.replies import CommandFailed


def _int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _fits(value: int) -> bool:
    return -(2**31) <= value < 2**31


def _number(value: Any) -> bool:
    return _int(value) or isinstance(value, float | bson.Decimal128)


_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, Mapping),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "date": lambda value: isinstance(value, datetime.datetime),
    "objectId": lambda value: isinstance(value, bson.ObjectId),
    "binData": lambda value: isinstance(value, bytes),
    "regex": lambda value: isinstance(value, bson.Regex | re.Pattern),
    "timestamp": lambda value: isinstance(value, bson.Timestamp),
    "decimal": lambda value: isinstance(value, bson.Decimal128),
    "double": lambda value: isinstance(value, float),
    "long": lambda value: isinstance(value, bson.Int64) or (_int(value) and not _fits(value)),
    "int": lambda value: _int(value) and not isinstance(value, bson.Int64) and _fits(value),
    "number": _number,
}
_OWN_NAMES = {name: name for name in _TYPES}
_ALIASES = {"object": "object", "array": "array", "string": "string", "boolean": "bool", "null": "null"}
_ALIASES["number"] = "number"


def _amount(value: Any) -> Any:
    return value.to_decimal() if isinstance(value, bson.Decimal128) else value


def _types(value: Any, names: Any, table: Mapping[str, str]) -> bool:
    return any(_TYPES[table[name]](value) for name in (names if isinstance(names, list) else [names]))


def _same(left: Any, right: Any) -> bool:
    return bool(left == right) and isinstance(left, bool) is isinstance(right, bool)


_CHECKS: Mapping[str, Callable[[Any, Any], bool]] = {
    "bsonType": lambda value, given: _types(value, given, _OWN_NAMES),
    "type": lambda value, given: _types(value, given, _ALIASES),
    "enum": lambda value, given: any(_same(value, one) for one in given),
    "minLength": lambda value, given: not isinstance(value, str) or len(value) >= given,
    "maxLength": lambda value, given: not isinstance(value, str) or len(value) <= given,
    "pattern": lambda value, given: not isinstance(value, str) or re.search(given, value) is not None,
    "minimum": lambda value, given: not _number(value) or _amount(value) >= _amount(given),
    "maximum": lambda value, given: not _number(value) or _amount(value) <= _amount(given),
    "minItems": lambda value, given: not isinstance(value, list) or len(value) >= given,
    "maxItems": lambda value, given: not isinstance(value, list) or len(value) <= given,
    "required": lambda value, given: not isinstance(value, Mapping) or all(name in value for name in given),
}
_NESTED = ("properties", "additionalProperties", "items")
_WORDS_ONLY = ("title", "description")


def check_schema(schema: Any, path: str = "$jsonSchema") -> None:
    """Raise CommandFailed for a schema that holds anything not known here."""
    if not isinstance(schema, Mapping):
        raise CommandFailed("TypeMismatch", f"{path} must be an object")
    for keyword, given in schema.items():
        match keyword:
            case "properties":
                for name, inner in given.items():
                    check_schema(inner, f"{path}.properties.{name}")
            case "additionalProperties" | "items":
                if not isinstance(given, bool):
                    check_schema(given, f"{path}.{keyword}")
            case "bsonType" | "type":
                _check_types(keyword, given)
            case _ if keyword not in _CHECKS and keyword not in _WORDS_ONLY:
                raise CommandFailed("FailedToParse", f"Unknown $jsonSchema keyword: {keyword}")


def _check_types(keyword: str, given: Any) -> None:
    known = _TYPES if keyword == "bsonType" else _ALIASES
    for name in given if isinstance(given, list) else [given]:
        if name not in known:
            raise CommandFailed("BadValue", f"Unknown type name alias: {name}")


def fits(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether a value is as the schema asks."""
    for keyword, given in schema.items():
        if keyword in _CHECKS:
            if not _CHECKS[keyword](value, given):
                return False
        elif keyword in _NESTED and not _inner(keyword, given, schema, value):
            return False
    return True


def _inner(keyword: str, given: Any, schema: Mapping[str, Any], value: Any) -> bool:
    if keyword == "items":
        return not isinstance(value, list) or given is True or all(fits(given, one) for one in value)
    if not isinstance(value, Mapping):
        return True
    known = schema.get("properties", {})
    if keyword == "properties":
        return all(fits(inner, value[name]) for name, inner in given.items() if name in value)
    others = [value[name] for name in value if name not in known]
    if isinstance(given, bool):
        return given or not others
    return all(fits(given, one) for one in others)


def is_finite_seconds(value: Any) -> bool:
    """Whether a value may be the seconds of a TTL index."""
    return (_int(value) or isinstance(value, float)) and math.isfinite(value) and 0 <= value <= 2**31 - 1

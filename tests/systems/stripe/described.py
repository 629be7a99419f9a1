"""Stripe's own description of its API, as a check for every exchange with the stand-in.

Two files beside the repository: operations and schemas, rebuilt from the official SDK (it describes no errors), and
Stripe's example objects. Neither is copied into the project; tests that need them skip where they aren't.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from temoctl.systems.fake_http import FakeRequest, FakeResponse
from temoctl.systems.stripe.fake import FakeStripe
from temoctl.systems.stripe.fake_store import parse_body, parsed

SPECS = Path(__file__).parents[4] / "shared" / "specs"
OPENAPI, EXAMPLES = SPECS / "stripe-openapi.from-python-sdk.json", SPECS / "stripe-fixtures3.json"
MISSING = not (OPENAPI.exists() and EXAMPLES.exists())
WHY = "Stripe's description is not here (shared/specs beside the repository)"

Schema = Mapping[str, Any]


@lru_cache(maxsize=1)
def description() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(OPENAPI.read_text())
    return found


@lru_cache(maxsize=1)
def examples() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(EXAMPLES.read_text())["resources"]
    return found


@lru_cache(maxsize=1)
def _registry() -> Any:
    nullable = _nullable({"components": description()["components"]})
    registry: Any = Registry().with_resource("urn:stripe", Resource(nullable, DRAFT4))
    return registry


def _nullable(tree: Any) -> Any:
    """OpenAPI 3.0's `nullable` as JSON Schema says it."""
    if isinstance(tree, list):
        return [_nullable(one) for one in tree]
    if not isinstance(tree, dict):
        return tree
    plain = {key: _nullable(one) for key, one in tree.items()}
    if plain.get("nullable") is True:
        del plain["nullable"]
        return {"anyOf": [plain, {"type": "null"}]}
    if "$ref" in plain:
        plain["$ref"] = plain["$ref"].replace("#/", "urn:stripe#/")
    return plain


def operation(method: str, path: str) -> tuple[str, Schema]:
    """The description's entry for a request; fixed paths win over ones with parts."""
    for shape in sorted(description()["paths"], key=lambda one: (one.count("{"), one)):
        entry = description()["paths"][shape]
        if method.lower() in entry and re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", shape), path):
            return shape, entry[method.lower()]
    raise AssertionError(f"Stripe has no {method} {path}")


def resolved(schema: Schema) -> Schema:
    """The schema behind references and one-armed combinations."""
    while True:
        if "$ref" in schema:
            schema = description()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        elif len(schema.get("allOf", ())) == 1:
            schema = schema["allOf"][0]
        else:
            return schema


def typed(schema: Schema, value: Any) -> Any:
    """A form's texts with the types that the schema gives them, as far as they can be read that way."""
    schema = resolved(schema)
    for one in schema.get("anyOf", schema.get("oneOf", ())):
        found = typed(one, value)
        if not list(problems(one, found)):
            return found
    if isinstance(value, dict):
        inner = schema.get("properties", {})
        return {key: typed(inner.get(key, {}), one) for key, one in value.items()}
    if isinstance(value, list):
        return [typed(schema.get("items", {}), one) for one in value]
    kind = schema.get("type")
    if kind == "integer" and re.fullmatch(r"-?\d+", value):
        return int(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    if kind == "number" and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return float(value)
    return value


def problems(schema: Schema, value: Any) -> Iterator[str]:
    scoped = _nullable(json.loads(json.dumps(schema)))
    for error in Draft4Validator(scoped, registry=_registry()).iter_errors(value):
        yield f"{'/'.join(str(part) for part in error.absolute_path)}: {error.message[:160]}"


def strangers(schema: Schema, value: Any, path: str = "") -> Iterator[str]:
    """Names in a value that the schema doesn't know."""
    schema = resolved(schema)
    arms = [resolved(one) for one in schema.get("anyOf", schema.get("oneOf", ()))]
    if arms:
        told = [list(strangers(one, value, path)) for one in arms if _fits(one, value)]
        yield from min(told, key=len, default=[])
    elif isinstance(value, list):
        for one in value:
            yield from strangers(schema.get("items", {}), one, path)
    elif isinstance(value, dict) and "properties" in schema:
        for key, one in value.items():
            if key in schema["properties"]:
                yield from strangers(schema["properties"][key], one, f"{path}/{key}")
            elif not schema.get("additionalProperties"):
                yield f"{path}/{key}: unknown"


def _fits(schema: Schema, value: Any) -> bool:
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
    kind = schema.get("type") or ("object" if "properties" in schema else None)
    return kind is None or isinstance(value, kinds.get(str(kind), object))


def unlike(row: Mapping[str, Any]) -> Iterator[str]:
    """In what an object differs in shape from Stripe's example of its kind."""
    kind = str(row.get("object"))
    example, schema = examples().get(kind), _schema_of(kind)
    if row.get("deleted"):
        if row.keys() != examples()[f"deleted_{kind}"].keys():
            yield f"a deleted {kind} has {', '.join(row)}"
        return
    if example is None:
        return
    for key, value in example.items():
        if schema is not None and key not in schema.get("properties", {}):
            continue  # an older version's
        if key not in row:
            yield f"{kind} has no {key}"
        elif isinstance(value, str) and isinstance(row[key], dict) and "id" in row[key]:
            continue  # it was asked to be expanded
        elif value is not None and row[key] is not None and type(value) is not type(row[key]):
            yield f"{kind}.{key} is a {type(row[key]).__name__}, not a {type(value).__name__}"


def _schema_of(kind: str) -> Schema | None:
    schemas = description()["components"]["schemas"]
    for name in (kind.replace(".", "_"), "".join(part.title() for part in kind.split("_"))):
        for found, schema in schemas.items():
            if found.lower() == name.lower():
                result: Schema = schema
                return result
    return None


class CheckedStripe(FakeStripe):
    """A stand-in that checks everything it hears and says."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.wrong: set[str] = set()
        self.seen: set[str] = set()

    async def _dispatch(self, request: FakeRequest) -> FakeResponse:
        answer = await super()._dispatch(request)
        shape, entry = operation(request.method, request.path)
        line = f"{request.method} {shape}"
        self.seen.add(line)
        self.wrong |= {f"{line} asks {one}" for one in _asked(entry, request)}
        if answer.status == 200:
            schema = entry["responses"]["200"]["content"]["application/json"]["schema"]
            if not answer.json.get("deleted"):  # of which only the examples tell
                self.wrong |= {f"{line} answers {one}" for one in problems(schema, answer.json)}
            rows = answer.json["data"] if answer.json.get("object") == "list" else [answer.json]
            for row in rows:
                self.wrong |= {f"{line} answers: {one}" for one in unlike(row)}
        else:
            self.wrong |= {f"{line} {answer.status}: {one}" for one in _error(answer.json)}
        return answer


def _asked(entry: Schema, request: FakeRequest) -> Iterator[str]:
    if request.method == "POST":
        body = entry.get("requestBody", {}).get("content", {}).get("application/x-www-form-urlencoded", {})
        schema, given = body.get("schema", {}), parse_body(request.body)
    else:
        known = {one["name"]: one["schema"] for one in entry.get("parameters", ()) if one["in"] == "query"}
        schema, given = {"type": "object", "properties": known}, parsed(request.query.items())
    value = typed(schema, given)
    yield from strangers(schema, value)
    yield from problems(schema, value)


def _error(body: Mapping[str, Any]) -> Iterator[str]:
    error = body.get("error")
    if not isinstance(error, dict) or not {"message", "type"} <= error.keys():
        yield f"not an error of Stripe's: {body}"
    elif error["type"] not in ("api_error", "card_error", "idempotency_error", "invalid_request_error"):
        yield f"no such type of error: {error['type']}"

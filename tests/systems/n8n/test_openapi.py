"""What client and stand-in say to each other, against n8n's own description of its API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft4Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from temoctl.engine.protocol import Readiness, Scope, Verb
from temoctl.systems.fake_http import FakeRequest, FakeResponse
from tests.systems.n8n.rig import FakeRig
from tests.systems.n8n.samples import INGRESS, KNOWLEDGE, NEW_TOKEN, OWNER, SAMPLES, TELEGRAM, TENANT
from tests.systems.n8n.stage import Stage, stage

SPEC = Path(__file__).parents[4] / "shared" / "specs" / "n8n-public-api-v1-2.40.7.yml"

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not SPEC.exists(), reason=f"no {SPEC.parent.parent.name}/specs beside the repository"),
]


@lru_cache(maxsize=1)
def description() -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    # Examples hold dates that YAML turns into objects; as texts they are what is sent.
    loader = type("Texts", (loader,), {"yaml_implicit_resolvers": dict(loader.yaml_implicit_resolvers)})
    for first, kinds in list(loader.yaml_implicit_resolvers.items()):
        loader.yaml_implicit_resolvers[first] = [one for one in kinds if one[0] != "tag:yaml.org,2002:timestamp"]
    return _nullable(yaml.load(SPEC.read_text(), loader))


def _nullable(tree: Any) -> Any:
    """OpenAPI 3.0's `nullable` as JSON Schema says it."""
    if isinstance(tree, list):
        return [_nullable(one) for one in tree]
    if not isinstance(tree, dict):
        return tree
    plain = {key: _nullable(one) for key, one in tree.items()}
    if plain.pop("nullable", False) is True:
        return {"anyOf": [plain, {"type": "null"}]} if plain else {}
    return plain


def operation(method: str, path: str) -> tuple[str, dict[str, Any]]:
    """The description's entry for a request; literal paths win over ones with parts."""
    paths = sorted(description()["paths"], key=lambda one: one.count("{"))
    for shape in paths:
        found = re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", shape), path.removeprefix("/api/v1"))
        if found and method.lower() in description()["paths"][shape]:
            return shape, description()["paths"][shape][method.lower()]
    raise AssertionError(f"n8n has no {method} {path}")


def problems(schema: dict[str, Any], value: Any) -> Iterator[str]:
    registry: Registry[Any] = Registry().with_resource("urn:n8n", Resource(description(), DRAFT4))
    scoped = json.loads(json.dumps(schema).replace('"#/', '"urn:n8n#/'))
    for error in Draft4Validator(scoped, registry=registry).iter_errors(value):
        yield f"{'/'.join(str(part) for part in error.absolute_path)}: {error.message[:200]}"


def _content(part: dict[str, Any]) -> dict[str, Any] | None:
    if "$ref" in part:
        part = description()["components"]["responses"][part["$ref"].rpartition("/")[2]]
    found: dict[str, Any] | None = part.get("content", {}).get("application/json", {}).get("schema")
    return found


def check(request: FakeRequest, answer: FakeResponse) -> list[str]:
    """What is wrong with one exchange."""
    if not request.path.startswith("/api/v1"):
        return []
    shape, entry = operation(request.method, request.path)
    line = f"{request.method} {shape} {answer.status}"
    wrong = []
    known = {one.get("name", one.get("$ref", "").rpartition("/")[2]) for one in entry.get("parameters", ())}
    wrong += [f"{line}: no parameter {key}" for key in request.query if key not in known]
    body = entry.get("requestBody")
    if body is not None and request.body not in (b"", b"null") and answer.status == 200:
        schema = body["content"]["application/json"]["schema"]
        wrong += [f"{line} request {one}" for one in problems(schema, request.json)]
    told = entry["responses"].get(str(answer.status))
    if told is None:
        if answer.status not in (400, 404, 409):  # n8n answers these in more places than it describes
            wrong.append(f"{line}: not described")
    elif answer.status == 200 and (schema := _content(told)) is not None:
        wrong += [f"{line} response {one}" for one in problems(schema, answer.json)]
    return wrong


class Watching:
    """Checks every exchange that the stand-in has."""

    def __init__(self, rig: FakeRig) -> None:
        self.wrong: list[str] = []
        self.seen: set[str] = set()
        inner = rig.fake._dispatch

        async def dispatch(request: FakeRequest) -> FakeResponse:
            answer = await inner(request)
            self.wrong += check(request, answer)
            if request.path.startswith("/api/v1"):
                self.seen.add(f"{request.method} {operation(request.method, request.path)[0]}")
            return answer

        rig.fake._dispatch = dispatch  # type: ignore[method-assign]


async def test_every_exchange_is_as_n8n_describes_it() -> None:
    made: Stage = await stage()
    watching = Watching(made.rig)
    await made.rig.system.instance()
    await made.create(*SAMPLES)
    assert (await made.ready(INGRESS)).state is Readiness.READY
    await made.do(Verb.UPDATE, INGRESS, INGRESS.changed)
    await made.do(Verb.UPDATE, INGRESS, {**INGRESS.props, "active": False})
    await made.rig.call("POST", f"/workflows/{made.made[INGRESS.address].ref}/archive")
    await made.do(Verb.UPDATE, INGRESS)
    await made.ready(INGRESS)
    await made.new_token(NEW_TOKEN)
    for sample in SAMPLES:
        await made.probe(sample)
        await made.seen(sample)
    await made.rig.system.observe(Scope((), {"acme": OWNER}))
    await made.rig.call("GET", "/executions")
    await made.rig.call("GET", "/credentials/schema/postgres")
    for sample in (INGRESS, TENANT, TELEGRAM, KNOWLEDGE):
        await made.do(Verb.DELETE, sample)
        await made.rig.system.gone(made.target(sample))
    assert not watching.wrong, "\n".join(sorted(set(watching.wrong)))
    assert {"PUT /workflows/{workflowId}", "POST /credentials/{id}/test", "GET /users"} <= watching.seen
    assert len(watching.seen) >= 18

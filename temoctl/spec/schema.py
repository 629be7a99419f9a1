"""JSON Schema of what people write, for editors that complete and check while one types."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel

from temoctl.spec.channels import KINDS
from temoctl.spec.fields import CHANNEL_NAME
from temoctl.spec.plan_spec import PlanSpec
from temoctl.spec.platform_spec import PlatformSpec
from temoctl.spec.tenant import TenantSpec

SchemaKind = Literal["tenant", "plan", "platform"]
SCHEMA_KINDS: tuple[SchemaKind, ...] = ("tenant", "plan", "platform")
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_DEFAULTED = {"Company": ("language", "time_zone")}  # may come from platform.yaml


def json_schema(kind: SchemaKind) -> dict[str, Any]:
    """The schema of a tenant's spec, of a plan, or of the platform file."""
    models: dict[str, type[BaseModel]] = {"tenant": TenantSpec, "plan": PlanSpec, "platform": PlatformSpec}
    schema = models[kind].model_json_schema(mode="validation")
    schema = {"$schema": _DRAFT, **schema, "title": f"temoctl {kind}"}
    for name, keys in _DEFAULTED.items():
        if name in schema.get("$defs", {}):
            one = schema["$defs"][name]
            one["required"] = [key for key in one["required"] if key not in keys]
    if kind == "tenant":
        schema["properties"]["channels"] = _channels(schema["properties"]["channels"])
    return schema


def schema_text(kind: SchemaKind) -> str:
    """The schema as it is kept in docs/schema/."""
    return json.dumps(json_schema(kind), indent=2, ensure_ascii=False) + "\n"


def _channels(schema: dict[str, Any]) -> dict[str, Any]:
    """A channel called `telegram` needs no `kind`; one with a name of its own does."""
    mapping = schema["additionalProperties"]["discriminator"]["mapping"]
    named = {"allOf": [{"required": ["kind"]}, {"oneOf": [{"$ref": mapping[kind]} for kind in KINDS]}]}
    return {
        "type": "object",
        "description": "Channel name -> settings. `kind` defaults to the name.",
        "properties": {kind: {"$ref": mapping[kind]} for kind in KINDS},
        "patternProperties": {f"^(?!(?:{'|'.join(KINDS)})$)": named},
        "propertyNames": {"pattern": f"^{CHANNEL_NAME}$"},
        "maxProperties": schema.get("maxProperties", 50),
    }

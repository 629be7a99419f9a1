"""The reference for managers names every key that may be written."""

from __future__ import annotations

from typing import Any

import pytest

from temoctl.spec.schema import SCHEMA_KINDS, SchemaKind, json_schema
from tests.spec.conftest import ROOT


def keys(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return set().union(*(keys(one) for one in schema))
    if not isinstance(schema, dict):
        return set()
    own = set(schema.get("properties", {})) if isinstance(schema.get("properties"), dict) else set()
    return own.union(*(keys(one) for one in schema.values()))


@pytest.mark.parametrize("kind", SCHEMA_KINDS)
def test_every_key_is_in_the_reference(kind: SchemaKind) -> None:
    text = (ROOT / "docs/spec.md").read_text(encoding="utf-8")
    missing = {key for key in keys(json_schema(kind)) if f"`{key}`" not in text and f"`{key}:" not in text}
    assert missing - {"secret", "env", "file"} == set()
    assert "{secret:" in text
    assert "{env:" in text

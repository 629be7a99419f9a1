"""The JSON Schemas: kept up to date, named by the examples, and of one mind with the models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from temoctl.spec.channels import KINDS
from temoctl.spec.schema import SCHEMA_KINDS, SchemaKind, json_schema, schema_text
from temoctl.spec.source import Source
from temoctl.spec.tenant_file import parse_tenant
from temoctl.spec.yaml_reader import read_document
from tests.spec.conftest import GOOD, ROOT
from tests.spec.test_channels import CHANNELS

EXAMPLES: list[tuple[Path, SchemaKind]] = [
    *((path, "tenant") for path in sorted(ROOT.glob("tenant_specs/*.yaml"))),
    *((path, "plan") for path in sorted(ROOT.glob("plans/*.yaml"))),
    (ROOT / "platform.yaml", "platform"),
]


def complaints(kind: SchemaKind, text: str) -> list[str]:
    value = read_document(Source("x.yaml", text)).value
    return [error.message for error in Draft202012Validator(json_schema(kind)).iter_errors(value)]


@pytest.mark.parametrize("kind", SCHEMA_KINDS)
def test_the_kept_schema_is_current(kind: SchemaKind) -> None:
    kept = (ROOT / f"docs/schema/{kind}.schema.json").read_text(encoding="utf-8")
    assert kept == schema_text(kind), f"write it anew: temoctl schema {kind} > docs/schema/{kind}.schema.json"
    Draft202012Validator.check_schema(json_schema(kind))


@pytest.mark.parametrize(("path", "kind"), EXAMPLES, ids=lambda one: getattr(one, "name", one))
def test_examples_name_their_schema_and_fit_it(path: Path, kind: SchemaKind) -> None:
    text = path.read_text(encoding="utf-8")
    named = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / named).resolve() == ROOT / f"docs/schema/{kind}.schema.json"
    assert complaints(kind, text) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_channel_fits(kind: str) -> None:
    assert complaints("tenant", GOOD.replace("channels:\n", f"channels:\n  {CHANNELS[kind]}\n")) == []
    renamed = CHANNELS[kind].replace(f"{kind}: {{", f"second: {{kind: {kind}, ", 1)
    assert complaints("tenant", GOOD.replace("channels:\n", f"channels:\n  {renamed}\n")) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("country: DE", "country: Germany"),
        ("retention:", "retentoin:"),
        ("{secret: telegram/token}", "{file: token.txt}"),
        ("{secret: telegram/token}", "text"),
        ("  telegram:\n", "  other:\n"),
        ("{command: menu,", "{command: /Menu,"),
        ("plan: START\n", ""),
        ("history_days: 14", "history_days: soon"),
        ("Coffee, cakes and tables in Berlin.", "x" * 121),
    ],
)
def test_editors_see_what_validate_sees(old: str, new: str) -> None:
    text = GOOD.replace(old, new, 1)
    assert parse_tenant(text)[0] is None
    assert complaints("tenant", text) != []


def test_what_the_platform_may_fill_in_is_not_required() -> None:
    assert complaints("tenant", GOOD.replace("  language: en\n", "")) == []


def test_no_schema_leaks_a_secret_form_for_tenants() -> None:
    secret: dict[str, Any] = json_schema("tenant")["$defs"]["TenantSecret"]
    assert set(secret["properties"]) == {"secret", "env"}
    assert set(json_schema("platform")["$defs"]["SecretSource"]["properties"]) == {"secret", "env", "file"}

"""Whatever stands in a file, reading it gives diagnostics and never an exception, and good specs stay good."""

from __future__ import annotations

import random

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from temoctl.model.slug import slug
from temoctl.spec.source import Source, decode
from temoctl.spec.tenant import TenantSpec
from temoctl.spec.tenant_file import parse_tenant
from temoctl.spec.tokens import mask, search, shown
from temoctl.spec.yaml_reader import read_document
from tests.spec.conftest import GOOD

PIECES = ["a: ", "- ", "{", "}", "[", "]", '"', "'", "|\n", ">\n", "\n", "  ", "\t", "&x ", "*x ", "!y ", "? ", ": "]
PIECES += [
    "#",
    "%",
    "---\n",
    "...\n",
    "id: aurora\n",
    "channels:\n",
    "telegram:\n",
    "<<: ",
    "\u2028",
    "\ufeff",
    "ж",
    "@",
]
yamlish = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=60).map("".join)
plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner), max_leaves=12)
quick = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def sound(text: str) -> None:
    spec, problems = parse_tenant(text)
    assert spec is not None or problems
    lines = Source("x", text).lines
    for one in problems:
        assert one.code.startswith("TEMO2")
        assert one.summary
        assert one.where is None or 0 <= one.where.line <= max(1, len(lines))
        assert one.snippet.isprintable() or "\t" in one.snippet


@quick
@given(st.binary(max_size=300))
def test_any_bytes(raw: bytes) -> None:
    source, problems = decode(raw, "x.yaml")
    assert (source is None) == bool(problems)
    if source is not None:
        sound(source.text)


@quick
@given(yamlish)
def test_anything_like_yaml(text: str) -> None:
    sound(text)


@quick
@given(st.dictionaries(st.sampled_from([*TenantSpec.model_fields, "x"]), values))
def test_any_values_in_any_field(value: dict[str, object]) -> None:
    sound(yaml.safe_dump(value, allow_unicode=True))


@quick
@given(st.integers(0, len(GOOD)), st.integers(0, 30), st.sampled_from(PIECES) | st.text(max_size=3))
def test_any_edit_of_a_good_spec(start: int, length: int, new: str) -> None:
    sound(GOOD[:start] + new + GOOD[start + length :])


@quick
@given(st.randoms(use_true_random=False))
def test_any_order_of_keys_means_the_same(source: random.Random) -> None:
    def shuffled(value: object) -> object:
        if isinstance(value, dict):
            items = list(value.items())
            source.shuffle(items)
            return {key: shuffled(item) for key, item in items}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    good = read_document(Source("x", GOOD)).value
    spec, problems = parse_tenant(yaml.safe_dump(shuffled(good), sort_keys=False, allow_unicode=True))
    assert problems == []
    assert spec is not None
    first = parse_tenant(GOOD)[0]
    assert first is not None
    assert spec.digest == first.digest


@quick
@given(st.text(max_size=200))
def test_masking_keeps_the_length_and_finds_nothing_twice(text: str) -> None:
    masked = mask(text)
    assert len(masked) == len(text)
    assert list(search(masked)) == []
    assert shown(text).isprintable() or "\t" in shown(text)


@quick
@given(st.text(max_size=80))
def test_slugs_fit_addresses(name: str) -> None:
    made = slug(name)
    assert made == "" or (made.isascii() and len(made) <= 40 and made.strip("-") == made)
    assert slug(made) == made


def test_slugs_are_readable() -> None:
    assert slug("Меню ресторана «Уют» 2026") == "menyu-restorana-uyut-2026"
    assert slug("Crème brûlée & Straße") == "creme-brulee-and-strasse"
    assert slug("Щучье – объект") == "shchuche-obekt"
    assert slug("Καφές") == "kafes"
    assert slug("日本") == ""

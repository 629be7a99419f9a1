"""Templates: rendered leaf by leaf, always valid JSON, and no words of people ever become code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from temoctl.blueprint import tenant_resources
from temoctl.blueprint.template import render
from temoctl.blueprint.text import FreeText, as_identifier, as_json, as_literal, inert
from temoctl.model.errors import Bug, TemoError, UserError
from tests.blueprint.world import TEMPLATES, context, tenant

WORDS = st.text(alphabet=st.sampled_from("ab={}[]$1'\"\\<; -\n%#|"), max_size=20)
REF = {"$ref": "acme/n8n.credential.telegram", "output": "id"}


@pytest.fixture
def fill(tmp_path: Path) -> Any:
    def filled(template: Any, **values: Any) -> Any:
        path = tmp_path / "t.json"
        path.write_text(json.dumps(template))
        return render(path, values)

    return filled


def test_a_whole_leaf_becomes_the_value_itself(fill: Any) -> None:
    assert fill({"a": "[[ x ]]", "b": [" [[x]] "]}, x=REF) == {"a": REF, "b": [REF]}
    assert fill({"a": "[[ x.y ]]"}, x={"y": 3}) == {"a": 3}


def test_inside_a_text_the_words_are_put_in(fill: Any) -> None:
    assert fill({"a": "Hello [[ x ]] and [[ y ]]"}, x=FreeText("world"), y=2) == {"a": "Hello world and 2"}


def test_n8ns_own_expressions_stay_as_they_are(fill: Any) -> None:
    template = {"a": "={{ $json.text }}", "b": "const a = [[1, 2], [3]];".replace("[[", "[ [")}
    assert fill(template) == template


def test_parts_without_placeholders_are_shared() -> None:
    path = TEMPLATES / "n8n" / "core.json"
    one, other = (
        render(path, {"llm_url": "u", "llm_model": "m", "credential_llm": 1, "credential_llm_name": 2}) for _ in "ab"
    )
    assert one["settings"] is other["settings"]


@pytest.mark.parametrize(
    ("template", "place", "said"),
    [
        ({"nodes": [{"name": "Core", "text": "[[ compnay ]]"}]}, ".nodes[Core].text", "compnay"),
        ({"a": "x [[ compnay ]]"}, ".a", "compnay"),
        ({"a": "x [[ ref ]]"}, ".a", "can only stand alone"),
        ({"a": "[[ 1 + ]] x"}, ".a", ""),
        ({"a": "={{ '[[ company ]]' }}"}, ".a", "| json"),
        ({"query": "select '[[ company ]]'"}, ".query", "| literal"),
        ({"jsCode": "[[ company ]]"}, ".jsCode", "| json"),
        ({"jsCode": "x([[ company ~ '' ]])"}, ".jsCode", "| json"),
        ({"query": "select * from [[ company | ident ]]"}, ".query", "name that temoctl gives"),
    ],
)
def test_errors_name_template_and_place(fill: Any, template: Any, place: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        fill(template, company=FreeText("Acme; drop table"), ref=REF)
    assert caught.value.code == "TEMO452"
    assert f"at {place}:" in caught.value.detail and said in caught.value.detail
    assert caught.value.where is not None and caught.value.where.file.endswith("t.json")


@pytest.mark.parametrize(
    ("template", "code"),
    [
        ({"a": "x [[ company ]"}, "TEMO452"),
        ({"[[ company ]]": 1}, "TEMO455"),
        ({"a": "[% raw %][[ a ]][% endraw %]"}, "TEMO455"),
    ],
)
def test_a_placeholder_that_is_left_over_is_an_error(fill: Any, template: Any, code: str) -> None:
    with pytest.raises(TemoError) as caught:
        fill(template, company="x")
    assert caught.value.code == code
    assert isinstance(caught.value, Bug) is (code == "TEMO455")


@settings(max_examples=200, deadline=None)
@given(WORDS)
def test_json_survives_as_a_literal_without_double_braces(words: str) -> None:
    for value in (words, [words], {"a": {"b": {"c": words}}}):
        text = as_json(value)
        assert json.loads(text) == value
        assert "{{" not in text and "}}" not in text


@settings(max_examples=200, deadline=None)
@given(WORDS)
def test_an_sql_literal_is_one_text_and_no_parameter(words: str) -> None:
    text = as_literal(words)
    assert _sql(text) == words
    assert "{{" not in text and "}}" not in text and "$1" not in text and "${" not in text


def _sql(text: str) -> str:
    """A reader of standard and E'' literals joined by ||: what PostgreSQL would make of it."""
    found, rest = "", text
    while rest:
        escapes = rest.startswith("E")
        rest = rest[1:] if escapes else rest
        assert rest[0] == "'"
        rest = rest[1:]
        while not (rest[0] == "'" and rest[1:2] != "'"):
            step = 2 if rest[:2] == "''" or (escapes and rest[:2] == "\\\\") else 1
            found, rest = found + rest[0], rest[step:]
        rest = rest[1:]
        assert not rest or rest.startswith("||")
        rest = rest.removeprefix("||")
    return found


@settings(max_examples=100, deadline=None)
@given(WORDS)
def test_words_that_n8n_would_evaluate_become_a_text_that_yields_them(words: str) -> None:
    found = inert({"deep": [FreeText(words)]})["deep"][0]
    if words.startswith("="):
        assert found.startswith("={{ ") and json.loads(found[3:-2].strip()) == words
    else:
        assert found == words


def test_identifiers_are_only_those_we_give() -> None:
    assert as_identifier("temo_0_k") == '"temo_0_k"'
    for wrong in ('a"b', "A", "", "x" * 64):
        with pytest.raises(ValueError, match="not a name"):
            as_identifier(wrong)


def _copy(tmp_path: Path, name: str, change: Any) -> Path:
    """The test templates with one of them changed."""
    folder = tmp_path / "templates" / "n8n"
    folder.mkdir(parents=True)
    for path in (TEMPLATES / "n8n").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    whole = json.loads((folder / name).read_text())
    change(whole)
    (folder / name).write_text(json.dumps(whole))
    return folder.parent


def test_an_authors_credential_never_reaches_a_tenant(tmp_path: Path) -> None:
    def forget(whole: Any) -> None:
        whole["nodes"][0]["name"] = "A node that no binding names"

    [problem] = tenant_resources(tenant(), context(templates=_copy(tmp_path, "tenant.json", forget))).problems
    assert problem.code == "TEMO457" and "A node that no binding names" in problem.detail


def test_a_binding_puts_values_into_parameters(tmp_path: Path) -> None:
    folder = _copy(tmp_path, "core.json", lambda whole: None)
    text = "credentials:\n  postgres: knowledge\nparameters:\n  Remember:\n    options.uid: tenant_uid\n"
    (folder / "n8n" / "tenant.binding.yaml").write_text(text)
    found = tenant_resources(tenant(), context(templates=folder))
    workflow = next(one for one in found.resources if str(one.address) == "acme/n8n.workflow.tenant")
    remember = next(node for node in workflow.props["nodes"] if node["name"] == "Remember")
    assert remember["parameters"]["options"] == {"uid": "acme000000000000"}
    assert remember["credentials"]["postgres"]["id"]["$ref"] == "acme/n8n.credential.knowledge"


@pytest.mark.parametrize("text", ["nothing: [", "- a list"])
def test_a_broken_binding_is_told(tmp_path: Path, text: str) -> None:
    folder = _copy(tmp_path, "core.json", lambda whole: None)
    (folder / "n8n" / "tenant.binding.yaml").write_text(text)
    [problem] = tenant_resources(tenant(), context(templates=folder)).problems
    assert problem.code == "TEMO451" and problem.where is not None


@pytest.mark.parametrize("text", ["{", "[]", '{"nodes": 1}'])
def test_a_broken_template_stops_its_tenant_only(tmp_path: Path, text: str) -> None:
    folder = _copy(tmp_path, "core.json", lambda whole: None)
    (folder / "n8n" / "tenant.json").write_text(text)
    [problem] = tenant_resources(tenant(), context(templates=folder)).problems
    assert problem.code == "TEMO451" and problem.tenant == "acme"

"""Every code that specs can give has a page, and the pages' examples give the code they stand for."""

from __future__ import annotations

import re

import pytest

from temoctl.spec.source import Source
from temoctl.spec.yaml_reader import read_document
from tests.spec.conftest import ROOT

PAGES = sorted((ROOT / "temoctl/spec/explain").glob("TEMO*.md"))
CODE = re.compile(r"TEMO2\d\d")
_SYNTAX = ("204", "206", "207", "208", "209", "210", "211", "213", "214", "217", "218", "219")


def test_every_code_has_a_page_and_no_page_is_left_over() -> None:
    used = {code for path in (ROOT / "temoctl/spec").glob("*.py") for code in CODE.findall(path.read_text())}
    assert used == {path.stem for path in PAGES}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_says_what_it_is_and_what_to_do(path: object) -> None:
    text = path.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    code = path.stem  # type: ignore[attr-defined]
    assert text.startswith(f"# {code}: ")
    assert "## What to do" in text
    assert 8 <= len(text.splitlines()) <= 32
    assert max(len(line) for line in text.splitlines()) <= 120


@pytest.mark.parametrize("code", _SYNTAX)
def test_refused_examples_are_refused_with_this_code_and_right_ones_are_not(code: str) -> None:
    text = (ROOT / f"temoctl/spec/explain/TEMO{code}.md").read_text(encoding="utf-8")
    refused, right = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert [one.code for one in read_document(Source("x", refused)).problems] == [f"TEMO{code}"]
    assert read_document(Source("x", right)).problems == []


def test_right_examples_of_settings_are_readable() -> None:
    for path in PAGES:
        for block in re.findall(r"Right:\n\n```yaml\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
            assert read_document(Source("x", block)).problems == [], path.stem

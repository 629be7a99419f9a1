"""Every code has its page, and every page is about a code that temoctl can say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from temoctl.app.explain import pages, title

SOURCE = Path(__file__).resolve().parents[2] / "temoctl"
CODE = re.compile(r"\bTEMO\d{3}\b")


def said() -> dict[str, set[str]]:
    """Every code that stands in the source (docstrings too), and where."""
    found: dict[str, set[str]] = {}
    for path in SOURCE.rglob("*.py"):
        for code in CODE.findall(path.read_text(encoding="utf-8")):
            found.setdefault(code, set()).add(str(path.relative_to(SOURCE)))
    return found


def test_every_code_has_a_page() -> None:
    missing = {code: sorted(files) for code, files in said().items() if code not in pages()}
    assert not missing


def test_every_page_has_a_code() -> None:
    assert sorted(set(pages()) - set(said())) == []


def test_no_code_has_two_pages() -> None:
    names = [path.name for path in SOURCE.rglob("explain/TEMO*.md")]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("code", sorted(pages()))
def test_a_page_is_a_page(code: str) -> None:
    text = pages()[code].read_text(encoding="utf-8")
    lines = text.splitlines()
    assert lines[0].startswith(f"# {code}: ") and title(code)
    assert 5 <= len(lines) <= 40, len(lines)

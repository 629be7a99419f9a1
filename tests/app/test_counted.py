"""Files are read once per machine, and every change is noticed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from temoctl import assets, sheets
from temoctl.app.counted import load_counted


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEMOCTL_HOME", str(tmp_path / "home"))
    root = tmp_path / "project"
    shutil.copytree(assets.tenant_specs(), root / "tenant_specs")
    shutil.copytree(assets.plans(), root / "plans")
    return root


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were really read."""
    seen: list[str] = []
    real = sheets.check

    def counting(path: Path, *rest: object, **named: object) -> object:
        seen.append(path.name)
        return real(path, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(sheets, "check", counting)
    return seen


def test_an_unchanged_file_is_read_once(project: Path, readings: list[str]) -> None:
    first = load_counted(project, "")
    assert sorted(readings) == ["menu.csv", "services.xlsx", "shop.csv"]
    readings.clear()
    second = load_counted(project, "")
    assert readings == []
    assert (second.digests, second.errors) == (first.digests, first.errors)
    assert {name: file.rows for name, file in second.knowledge.items()} == {
        name: file.rows for name, file in first.knowledge.items()
    }


def test_a_changed_file_is_read_again_and_judged(project: Path, readings: list[str]) -> None:
    load_counted(project, "")
    readings.clear()
    menu = project / "tenant_specs" / "kb" / "aurora" / "menu.csv"
    menu.write_text(menu.read_text() + "a,b,c,d,e,f,g,h,i\n")
    broken = load_counted(project, "")
    assert readings == ["menu.csv"]
    assert [one.tenant for one in broken.errors] == ["aurora"]
    readings.clear()
    assert load_counted(project, "").errors == broken.errors, "a file with problems is never taken from memory"
    assert readings == ["menu.csv"]


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"a": "b"}'])
def test_a_damaged_cache_is_no_cache(project: Path, readings: list[str], tmp_path: Path, text: str) -> None:
    load_counted(project, "")
    (tmp_path / "home" / "counted-rows.json").write_text(text)
    readings.clear()
    load_counted(project, "")
    assert len(readings) == 3

"""Projects of one tenant in a temporary folder, made from the example specs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from temoctl.spec.project import Project, load_project

ROOT = Path(__file__).resolve().parents[2]
GOOD = (ROOT / "tenant_specs" / "aurora.yaml").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with the example plans, the tenant `aurora` and its files."""
    shutil.copytree(ROOT / "plans", tmp_path / "plans")
    shutil.copytree(ROOT / "tenant_specs" / "kb", tmp_path / "tenant_specs" / "kb")
    (tmp_path / "tenant_specs" / "aurora.yaml").write_text(GOOD, encoding="utf-8")
    return tmp_path


@pytest.fixture
def load(folder: Path) -> Callable[..., Project]:
    """Load the project with the text of `aurora.yaml` (and of further specs by name) replaced."""

    def _load(text: str = GOOD, *, profile: str = "", read_files: bool = False, **others: str) -> Project:
        for name, one in {"aurora": text, **others}.items():
            (folder / "tenant_specs" / f"{name}.yaml").write_text(one, encoding="utf-8", newline="")
        return load_project(folder, profile, read_files=read_files)

    return _load


def place(text: str, needle: str) -> tuple[int, int]:
    """Line and column of a needle that stands once in a text."""
    assert text.count(needle) == 1, f"{needle!r} stands {text.count(needle)} times"
    before = text[: text.index(needle)]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1

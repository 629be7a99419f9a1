"""Where a spec stands in git, told at the head of its plan."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from temoctl.app import revision

NOW = 1_800_000_000.0


@pytest.fixture
def project(tmp_path: Path) -> Path:
    if shutil.which("git") is None:
        pytest.skip("there is no git on this machine")
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "acme.yaml").write_text("id: acme\n")
    git(tmp_path, "add", "acme.yaml")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def git(folder: Path, *words: str) -> None:
    date = f"{NOW - 7200:.0f} +0000"
    own = {"GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date, "GIT_CONFIG_GLOBAL": "", "GIT_CONFIG_SYSTEM": ""}
    named = ("-c", "user.name=desk", "-c", "user.email=desk@temoweb.example")
    subprocess.run(("git", "-C", str(folder), *named, *words), check=True, env={**os.environ, **own})


def test_a_committed_spec_says_when(project: Path) -> None:
    assert revision.of_file(project / "acme.yaml", NOW) == ("main", 7200.0)


def test_what_is_not_committed_is_told(project: Path) -> None:
    (project / "acme.yaml").write_text("id: acme\nplan: PRO\n")
    assert revision.of_file(project / "acme.yaml", NOW) == ("main", None)
    (project / "bolt.yaml").write_text("id: bolt\n")
    assert revision.of_file(project / "bolt.yaml", NOW) == ("main", None)


def test_a_detached_head_is_told_by_its_commit(project: Path) -> None:
    git(project, "checkout", "-q", "--detach")
    branch, seconds = revision.of_file(project / "acme.yaml", NOW)
    assert len(branch) >= 7 and seconds == 7200.0


def test_without_git_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acme.yaml").write_text("id: acme\n")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert revision.of_file(tmp_path / "acme.yaml", NOW) == ("", None)
    monkeypatch.setenv("PATH", "")
    assert revision.of_file(tmp_path / "acme.yaml", NOW) == ("", None)

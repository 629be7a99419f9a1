"""The project, without reading again what an earlier run on this machine has read: a file's rows by its contents.

A cache only: losing it costs time, and a changed file or option is always read. Must not judge a project.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from temoctl.app.home import home
from temoctl.spec import Project, load_project

_FILE = "counted-rows.json"
_KEPT = 20_000


def load_counted(root: Path, profile: str) -> Project:
    """The project; files whose rows were counted before are hashed, but not read."""
    known = _known()
    project = load_project(root, profile, known_rows=known)
    if project.counted:
        _keep({**known, **project.counted})
    return project


def _known() -> dict[str, int]:
    try:
        found = json.loads((home() / _FILE).read_text())
    except (OSError, ValueError):
        return {}
    return {key: rows for key, rows in found.items() if isinstance(rows, int)} if isinstance(found, dict) else {}


def _keep(counted: dict[str, int]) -> None:
    """The newest counts, written whole or not at all; a folder that can't be written is no reason to fail."""
    kept = dict(list(counted.items())[-_KEPT:])
    fresh = home() / f".{_FILE}.{os.getpid()}"
    try:
        home().mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.write_text(json.dumps(kept))
        fresh.replace(home() / _FILE)
    except OSError:
        return

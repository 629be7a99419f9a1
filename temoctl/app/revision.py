"""Where a spec stands in git, in a few words for the head of a plan. Must not fail: no git, no words."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_SECONDS = 2.0


def of_file(file: Path, now: float) -> tuple[str, float | None]:
    """The branch, and how many seconds ago the file was committed: ("main", 7200.0).

    None instead of seconds where it holds something that isn't committed; ("", None) where there is no git.
    """
    branch = _git(file.parent, "symbolic-ref", "--short", "--quiet", "HEAD") or _git(
        file.parent, "rev-parse", "--short", "HEAD"
    )
    if not branch:
        return "", None
    changed = _git(file.parent, "status", "--porcelain", "--", file.name)
    committed = "" if changed else _git(file.parent, "log", "-1", "--format=%ct", "--", file.name)
    return branch, max(0.0, now - float(committed)) if committed else None


def _git(folder: Path, *words: str) -> str | None:
    """What git says; None where it can't be asked or says no. Hooks and pagers stay out, and so does its index lock."""
    try:
        told = subprocess.run(
            ("git", "-C", str(folder), *words),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return told.stdout.strip() if told.returncode == 0 else None

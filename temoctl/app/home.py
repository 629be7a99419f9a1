"""Where temoctl keeps its own files on this computer. Knows paths only."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def home() -> Path:
    """`TEMOCTL_HOME`, or the place this system keeps users' application data."""
    if given := os.environ.get("TEMOCTL_HOME"):
        return Path(given).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "temoctl"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "temoctl"

"""The sandbox's folder: where it is, what lies in it, and that nobody else can read it. Knows paths only.

lock            one start or stop at a time
world.json      ports, processes and the control token of the running world (0600)
serving.json    written by the serving process itself, so that no crash leaves it unknown (0600)
platform.yaml   the profile `sandbox`
secrets/        what platform.yaml refers to, a file each (0600)
postgres/       the embedded PostgreSQL
*.log
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from temoctl.model.errors import Refused

VARIABLE = "TEMOCTL_SANDBOX_DIR"
PROFILE = "sandbox"


class Folder:
    """One sandbox's folder; it need not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.world = self.path / "world.json"
        self.serving = self.path / "serving.json"
        self.ports = self.path / "ports.json"
        self.platform = self.path / "platform.yaml"
        self.secrets = self.path / "secrets"
        self.postgres = self.path / "postgres"
        self.n8n = self.path / "n8n"
        self.memory = self.path / "memory"
        self.log = self.path / "serving.log"

    @classmethod
    def of(cls, root: Path) -> Folder:
        """The folder that belongs to a project."""
        given = os.environ.get(VARIABLE)
        return cls(Path(given).expanduser() if given else root / ".sandbox")

    def make(self) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.path.stat().st_uid != os.geteuid():
            raise Refused(
                "TEMO801",
                f"the sandbox folder {self.path} belongs to another account",
                fix=f"use the account that made it, or name another folder in {VARIABLE}",
            )
        self.path.chmod(0o700)
        self.secrets.mkdir(mode=0o700, exist_ok=True)
        (self.path / ".gitignore").write_text("*\n")  # a world is never part of a project's history

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """While this is held, nobody else starts or stops this world."""
        self.make()
        with (self.path / "lock").open("w") as handle:
            await asyncio.to_thread(fcntl.flock, handle, fcntl.LOCK_EX)
            yield

    def secret(self, name: str) -> str | None:
        """The text of a secret file, None where there is none."""
        try:
            return (self.secrets / name).read_text()
        except FileNotFoundError:
            return None

    def keep_secret(self, name: str, text: str) -> None:
        write_private(self.secrets / name, text)


def write_private(path: Path, text: str) -> None:
    """Write a file for this account alone, whole or not at all."""
    write_private_bytes(path, text.encode())


def write_private_bytes(path: Path, content: bytes) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(content)
    fresh.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """The file's object; empty where it is missing or broken (a crash may have cut it)."""
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_json(path: Path, tree: Mapping[str, Any]) -> None:
    write_private(path, json.dumps(tree, indent=2))

"""temoctl as its users have it: real processes over a sandbox of their own. Shared by the tests that need both."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, LiteralString

import httpx
import psycopg

from temoctl.sandbox.control import TOKEN_HEADER

TEMOCTL = str(Path(sys.executable).parent / "temoctl")
REPOSITORY = Path(__file__).resolve().parents[2]


class Desk:
    """A project folder, a sandbox folder, and commands run in them."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TEMOCTL_")},
            "TEMOCTL_PROFILE": "sandbox",
            "TEMOCTL_SANDBOX_DIR": str(folder / "world"),
            "TEMOCTL_DIR": str(self.project),
            "TEMOCTL_HOME": str(folder / "home"),
            "COLUMNS": "80",
        }
        if cache := os.environ.get("TEMOCTL_CACHE"):
            self.env["TEMOCTL_CACHE"] = cache

    def copy_examples(self) -> None:
        """The shipped example project, so that it can be edited."""
        for name in ("tenant_specs", "plans"):
            shutil.copytree(REPOSITORY / name, self.project / name)

    def run(self, *words: str, timeout: float = 300.0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [TEMOCTL, *words],
            env=self.env,
            cwd=self.project,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
        )

    def must(self, *words: str, codes: tuple[int, ...] = (0,), timeout: float = 300.0) -> str:
        """Run a command whose exit code is known; anything else fails with everything it said."""
        done = self.run(*words, timeout=timeout)
        assert done.returncode in codes, f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def ask(self, *words: str, codes: tuple[int, ...] = (0,)) -> Any:
        return json.loads(self.must(*words, "--json", codes=codes))

    def spawn(self, *words: str, said: Path | None = None) -> subprocess.Popen[bytes]:
        """A command in a process group of its own, to be killed with everything it started. `said` gets its output."""
        with (said or Path(os.devnull)).open("wb") as out:
            return subprocess.Popen(
                [TEMOCTL, *words],
                env=self.env,
                cwd=self.project,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    # --- the world behind the commands, as somebody with a login sees it

    @property
    def world(self) -> Path:
        return Path(self.env["TEMOCTL_SANDBOX_DIR"])

    def query(self, question: LiteralString, database: str = "systemdata") -> list[tuple[Any, ...]]:
        dsn = (self.world / "secrets" / f"{database}-dsn").read_text()
        with psycopg.connect(dsn, autocommit=True) as connection:
            return connection.execute(question).fetchall()

    def until(self, question: LiteralString, seconds: float = 30.0) -> None:
        """Wait until a question to SystemData has an answer row whose first column is true."""
        deadline = time.monotonic() + seconds
        while not any(row[0] for row in self.query(question)):
            assert time.monotonic() < deadline, f"it never came to: {question}"
            time.sleep(0.02)

    def writes(self) -> dict[str, int]:
        """How many changes each stand-in has been asked for so far."""
        known = json.loads((self.world / "world.json").read_text())
        headers = {TOKEN_HEADER: known["control_token"]}
        answer = httpx.get(f"{known['urls']['control']}/requests", headers=headers, trust_env=False)
        return {name: seen["writes"] for name, seen in answer.json().items()}

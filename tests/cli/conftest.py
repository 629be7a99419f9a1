"""A command line to call: the real entry function over a world in memory."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from temoctl.app.home import home
from temoctl.cli.main import main
from temoctl.systemdata.embedded import EmbeddedPostgres
from tests.app.toy import Vendors, project, vendors

__all__ = ["project", "vendors"]


class Pipe(StringIO):
    """Standard input that is no terminal."""


@dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Temoctl:
    """`run("plan", "acme")` is `temoctl plan acme` in the project's folder."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self._capsys, self._patch = root, capsys, monkeypatch

    def run(self, *words: str, stdin: str = "") -> Answer:
        self._capsys.readouterr()
        self._patch.setattr(sys, "stdin", Pipe(stdin))
        self._patch.setenv("TEMOCTL_DIR", str(self.root))
        code = main(list(words))
        out, err = self._capsys.readouterr()
        return Answer(code, out, err)

    def ready(self) -> Temoctl:
        """The secrets that the example specs ask for."""
        for tenant, path, value in (
            ("platform", "llm/api-key", "sk-test-1234567890"),
            ("aurora", "telegram/token", "111111111:AAaurora-token-for-tests-000000000"),
            ("nordwind", "telegram/token", "222222222:AAnordwind-token-for-tests-0000000"),
        ):
            assert self.run("secrets", "set", tenant, path, stdin=value).code == 0
        return self


@pytest.fixture
def temoctl(
    project: Path, vendors: Vendors, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Temoctl]:
    yield Temoctl(project, capsys, monkeypatch)
    kept = home() / "systemdata"
    if kept.is_dir():  # the embedded server keeps running by design; a test leaves none behind
        asyncio.run(EmbeddedPostgres(kept).stop())

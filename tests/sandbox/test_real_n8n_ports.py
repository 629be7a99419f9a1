"""A real n8n whose port somebody takes while it starts: a stand-in program plays n8n's part."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from temoctl.model.errors import Unavailable
from temoctl.sandbox import real_n8n
from temoctl.sandbox.real_n8n import RealN8n
from temoctl.sandbox.real_n8n_install import Installed

pytestmark = pytest.mark.anyio

PROGRAM = """
import os, pathlib, sys
tries = pathlib.Path(os.environ["N8N_USER_FOLDER"], "tries")
tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
print(f"n8n Task Broker's port {os.environ['N8N_RUNNERS_BROKER_PORT']} is already in use." if TAKEN else "no database")
sys.exit(1)
"""


class NoDatabase:
    host, port = "127.0.0.1", 1


@pytest.mark.parametrize(("taken", "tries"), [(True, 3), (False, 1)])
async def test_it_looks_for_other_ports_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: bool, tries: int
) -> None:
    program = tmp_path / "n8n.py"
    program.write_text(PROGRAM.replace("TAKEN", str(taken)))

    async def installed(*_: Any) -> Installed:
        return Installed(node=Path(sys.executable), n8n=program)

    async def no_database(*_: Any) -> None: ...

    monkeypatch.setattr(real_n8n, "install", installed)
    n8n = RealN8n(tmp_path / "world")
    monkeypatch.setattr(n8n, "_database", no_database)
    with pytest.raises(Unavailable, match="ended right after its start"):
        await n8n.start(NoDatabase())  # type: ignore[arg-type]
    assert len((tmp_path / "world" / "home" / "tries").read_text()) == tries

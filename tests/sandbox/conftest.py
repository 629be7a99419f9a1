"""One running world for the tests that only use it; its own folder for those that stop or break one."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from temoctl.sandbox import seeding, world

REPOSITORY = Path(__file__).resolve().parents[2]


def make_project(root: Path) -> Path:
    """The shipped example tenants, in a folder of their own."""
    for name in ("tenant_specs", "plans"):
        shutil.copytree(REPOSITORY / name, root / name)
    return root


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project whose sandbox isn't started; whatever a test leaves running is stopped."""
    monkeypatch.delenv("TEMOCTL_SANDBOX_DIR", raising=False)
    root = make_project(tmp_path / "project")
    yield root
    asyncio.run(world.stop(root))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, world.World]]:
    """A project with a world that is up and seeded, shared by a module's tests."""
    root = make_project(tmp_path_factory.mktemp("world") / "project")

    async def bring_up() -> world.World:
        up = await world.start(root)
        await seeding.seed(root, up)
        return up

    yield root, asyncio.run(bring_up())
    asyncio.run(world.stop(root))

"""Getting n8n: whole or not at all, once however many ask, and with words for what is missing. npm is played."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from temoctl.model.errors import Refused, Unavailable
from temoctl.sandbox import real_n8n_install as install_module
from temoctl.sandbox.real_n8n_install import VERSION, cache_folder, install, installed

pytestmark = pytest.mark.anyio

NPM = """\
import json, pathlib, sys, time
here = pathlib.Path.cwd()
with open({calls!r}, "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
wanted = json.loads((here / "package.json").read_text())
time.sleep(0.2)
program = here / "node_modules" / "n8n" / "bin" / "n8n"
program.parent.mkdir(parents=True)
if {works!r}:
    program.write_text(wanted["dependencies"]["n8n"])
else:
    print("npm error code ENOTFOUND")
    sys.exit(1)
"""


def node(folder: Path, *, version: str = "v24.19.0", works: bool = True) -> Path:
    """A Node whose npm makes what npm would make. Returns the file that notes npm's calls."""
    calls = folder / "calls"
    program = folder / "bin" / "node"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo {version} && exit\nexec python3 "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    npm = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    npm.parent.mkdir(parents=True)
    npm.write_text(NPM.format(calls=str(calls), works=works))
    return calls


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine whose only Node is the one in the returned folder."""
    monkeypatch.setattr(install_module.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", f"{tmp_path / 'node' / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setattr(
        install_module.shutil, "which", lambda name: str(tmp_path / "node" / "bin" / name) if name == "node" else None
    )
    return tmp_path / "node"


async def test_it_is_fetched_once_however_many_ask(only: Path, tmp_path: Path) -> None:
    calls = node(only)
    cache = tmp_path / "cache"
    assert installed(cache) is None
    said: list[str] = []
    found = await asyncio.gather(*(install(cache, said.append) for _ in range(3)))
    assert len(set(found)) == 1
    assert found[0].n8n.read_text() == VERSION
    assert calls.read_text().splitlines() == ["install --ignore-scripts --no-audit --no-fund"]
    assert any("npm registry" in line for line in said)
    assert [one.name for one in (cache / "n8n").iterdir() if one.is_dir()] == [VERSION], "no half-made folder stays"


async def test_a_failed_npm_leaves_nothing_and_says_why(only: Path, tmp_path: Path) -> None:
    node(only, works=False)
    with pytest.raises(Unavailable) as caught:
        await install(tmp_path / "cache")
    assert caught.value.code == "TEMO820"
    assert "ENOTFOUND" in caught.value.detail
    assert installed(tmp_path / "cache") is None
    assert not [one for one in (tmp_path / "cache" / "n8n").iterdir() if one.is_dir()]


@pytest.mark.parametrize("version", ["v22.11.0", "nonsense"])
async def test_an_old_node_is_not_used(only: Path, tmp_path: Path, version: str) -> None:
    node(only, version=version)
    with pytest.raises(Refused) as caught:
        await install(tmp_path / "cache")
    assert caught.value.code == "TEMO821"
    assert "temoctl[live]" in caught.value.fix


def test_the_cache_is_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TEMOCTL_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("TEMOCTL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "temoctl"

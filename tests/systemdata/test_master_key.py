"""Where the master key may come from, and what is refused."""

from __future__ import annotations

import base64
import os
import stat
import threading
from pathlib import Path

import keyring
import keyring.backend
import keyring.backends.fail
import keyring.backends.null
import pytest

from temoctl.model.errors import Refused
from temoctl.systemdata import master_key
from temoctl.systemdata.master_key import FILE_VARIABLE, KEY_VARIABLE, MasterKey

RAW = bytes(range(32))
TEXT = base64.b64encode(RAW).decode()


class Real(keyring.backend.KeyringBackend):
    """Stands for a desktop's keyring."""

    priority = 5  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "get_keyring", keyring.backends.fail.Keyring)


@pytest.mark.parametrize("text", [TEXT, RAW.hex(), f"  {TEXT}\n", RAW.hex().upper()])
def test_from_the_environment(text: str, tmp_path: Path) -> None:
    assert master_key.load(tmp_path, environ={KEY_VARIABLE: text}).raw == RAW
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["canary-4711", "AAAA", RAW.hex()[:-2], "ü" * 44])
def test_what_is_no_key_is_told_without_showing_it(text: str) -> None:
    with pytest.raises(Refused, match="TEMO621") as caught:
        master_key.load(environ={KEY_VARIABLE: text})
    assert text not in f"{caught.value} {caught.value.detail} {caught.value.fix}"


def test_from_a_named_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(TEXT)
    path.chmod(0o600)
    assert master_key.load(environ={FILE_VARIABLE: str(path)}).raw == RAW


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    path.write_text(TEXT)
    path.chmod(mode)
    with pytest.raises(Refused, match="TEMO624"):
        master_key.load(environ={FILE_VARIABLE: str(path)})


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(TEXT)
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "link").symlink_to(tmp_path / "key")
    with pytest.raises(Refused, match="TEMO621"):
        master_key.load(environ={FILE_VARIABLE: str(tmp_path / "link")})


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="TEMO621"):
        master_key.load(tmp_path, environ={FILE_VARIABLE: str(tmp_path / "nothing")})


def test_made_once_and_kept_private(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    first = master_key.load(folder, environ={})
    assert stat.S_IMODE(os.stat(folder / "master.key").st_mode) == 0o600
    assert master_key.load(folder, environ={}).raw == first.raw
    assert sorted(path.name for path in folder.iterdir()) == ["master.key"]
    assert first.raw.hex() not in repr(first)


def test_two_at_once_make_one_key(tmp_path: Path) -> None:
    found: list[bytes] = []
    gate = threading.Barrier(6)

    def make() -> None:
        gate.wait()
        found.append(master_key.load(tmp_path / "state", environ={}).raw)

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1


def test_nothing_is_made_where_a_key_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="TEMO621"):
        master_key.load(tmp_path, environ={}, create=False)
    with pytest.raises(Refused, match="TEMO621"):
        master_key.load(environ={})
    assert list(tmp_path.iterdir()) == []


def test_a_real_keyring_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Real()
    monkeypatch.setattr(keyring, "get_keyring", lambda: real)
    assert master_key.store_in_keyring(tmp_path, MasterKey(RAW))
    assert master_key.load(tmp_path, environ={}, create=False).raw == RAW
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", ["keyring.backends.null", "keyrings.cryptfile.cryptfile", "keyrings.alt.file"])
def test_a_stand_in_for_a_keyring_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    unreal = type("Keyring", (Real,), {"__module__": module})()
    monkeypatch.setattr(keyring, "get_keyring", lambda: unreal)
    assert not master_key.store_in_keyring(tmp_path, MasterKey(RAW))
    assert unreal.kept == {}
    with pytest.raises(Refused, match="TEMO621"):
        master_key.load(tmp_path, environ={}, create=False)

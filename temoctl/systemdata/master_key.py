"""Where the master key comes from: the environment, a file, or the machine's keyring. Never from the database.

    TEMOCTL_MASTER_KEY        the key itself: 32 bytes as base64 or 64 hex digits
    TEMOCTL_MASTER_KEY_FILE   a file that holds it, readable by its owner only
    <folder>/master.key       likewise
    the keyring               where a real one is there (not the null, failing or file-based stand-ins)

`load` makes a key when there is none anywhere, and keeps it in the folder. Must not know what is sealed with it.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from temoctl.model.errors import Refused
from temoctl.systemdata.sealing import MasterKey, fresh_key

__all__ = ["FILE_VARIABLE", "KEY_VARIABLE", "MasterKey", "load", "store_in_keyring"]

KEY_VARIABLE = "TEMOCTL_MASTER_KEY"
FILE_VARIABLE = "TEMOCTL_MASTER_KEY_FILE"
SERVICE = "temoctl"
UNREAL = ("keyring.backends.null", "keyring.backends.fail", "keyrings.cryptfile", "keyrings.alt")
"""Backends that lose what is stored, refuse everything, or ask for a password on the terminal."""


class Backend(Protocol):
    """What is used of a keyring backend."""

    def get_password(self, service: str, username: str) -> str | None: ...

    def set_password(self, service: str, username: str, password: str) -> None: ...


def load(folder: Path | None = None, *, environ: Mapping[str, str] | None = None, create: bool = True) -> MasterKey:
    """The master key. `folder` is where a key file may lie and where a new one is put.

    With `create` False a missing key is refused instead of made (a database that already holds secrets needs its
    own key, not a new one).
    """
    variables = os.environ if environ is None else environ
    if variables.get(KEY_VARIABLE):
        return _parsed(variables[KEY_VARIABLE], f"environment variable {KEY_VARIABLE}")
    if variables.get(FILE_VARIABLE):
        return _read(Path(variables[FILE_VARIABLE]))
    if folder is not None and (folder / "master.key").exists():
        return _read(folder / "master.key")
    kept = _from_keyring(str(folder)) if folder is not None else None
    if kept is not None:
        return kept
    if folder is None or not create:
        raise Refused(
            "TEMO621",
            "there is no master key, so secrets can't be opened",
            fix=f"Set {KEY_VARIABLE} or {FILE_VARIABLE}, or put master.key back where it was. A lost key can't be "
            "made again: the secrets would have to be stored anew.",
        )
    return _made(folder)


def store_in_keyring(folder: Path, key: MasterKey) -> bool:
    """Keep the key in the machine's keyring; False when there is no real one."""
    backend = _real_backend()
    if backend is None:
        return False
    backend.set_password(SERVICE, str(folder), base64.b64encode(key.raw).decode())
    return True


def _parsed(text: str, origin: str) -> MasterKey:
    """Takes base64 and hex. The text itself never gets into the error."""
    compact = "".join(text.split())
    try:
        if re.fullmatch(r"[0-9a-fA-F]{64}", compact):
            return MasterKey(bytes.fromhex(compact), origin)
        return MasterKey(base64.b64decode(compact, validate=True), origin)
    except (ValueError, binascii.Error):
        raise Refused(
            "TEMO621",
            f"the master key from {origin} isn't a key",
            fix="A key is 32 random bytes as base64 (44 characters) or 64 hex digits: openssl rand -base64 32",
        ) from None


def _read(path: Path) -> MasterKey:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as problem:
        raise Refused(
            "TEMO621",
            f"the master key file can't be read: {path}",
            detail=problem.strerror or "",
            fix="Put the file back, or name the right one in TEMOCTL_MASTER_KEY_FILE.",
        ) from None
    with os.fdopen(descriptor) as handle:
        found = os.fstat(descriptor)
        if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO) or found.st_uid not in (os.geteuid(), 0):
            raise Refused(
                "TEMO624",
                f"the master key file can be read by others: {path}",
                fix=f"chmod 600 {path} (and make sure that it belongs to you)",
            )
        return _parsed(handle.read(), str(path))


def _made(folder: Path) -> MasterKey:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "master.key"
    key = MasterKey(fresh_key(), str(path))
    descriptor, name = tempfile.mkstemp(prefix=".master.key.", dir=folder)  # readable by its owner only
    fresh = Path(name)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(base64.b64encode(key.raw) + b"\n")
        handle.flush()
        os.fsync(descriptor)
    try:
        os.link(fresh, path)  # fails when another process was first: its key is the key
    except FileExistsError:
        return _read(path)
    finally:
        fresh.unlink()
    return key


def _from_keyring(account: str) -> MasterKey | None:
    backend = _real_backend()
    if backend is None:
        return None
    import keyring.errors

    try:
        text = backend.get_password(SERVICE, account)
    except keyring.errors.KeyringError:  # locked, or asked and refused
        return None
    return _parsed(text, "the keyring") if text else None


def _real_backend() -> Backend | None:
    """The machine's keyring, imported late: it costs a quarter of a second."""
    import keyring
    from keyring.backends.chainer import ChainerBackend

    found = keyring.get_keyring()
    parts = list(found.backends) if isinstance(found, ChainerBackend) else [found]
    real: list[Backend] = [one for one in parts if not type(one).__module__.startswith(UNREAL)]
    return real[0] if real else None

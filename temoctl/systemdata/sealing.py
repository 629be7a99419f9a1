"""How secrets are sealed: a master key outside the database wraps a data key per tenant, which seals the values.

AES-256-GCM at both stages. What a ciphertext belongs to (tenant, path, versions) is authenticated with it, each part
with its length in front, so that a ciphertext moved to another row, tenant or version is refused. Putting an old row
back as a whole is not noticed. Pure: must not know where ciphertexts or keys are kept.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, field

from temoctl.model.errors import Refused
from temoctl.model.secret import Secret

KEY_BYTES = 32
NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class MasterKey:
    """The key-encryption key. `kek` names it without giving it away; `origin` says where it came from."""

    raw: bytes = field(repr=False)
    origin: str = ""

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise ValueError(f"a master key has {KEY_BYTES} bytes")

    @property
    def kek(self) -> str:
        return self._derived(b"temoctl key id")[:8].hex()

    @property
    def check_value(self) -> bytes:
        """What is kept beside the data, so that a wrong key is noticed before anything is written with it."""
        return self._derived(b"temoctl key check")

    def _derived(self, purpose: bytes) -> bytes:
        return hmac.new(self.raw, purpose, hashlib.sha256).digest()


def fresh_key() -> bytes:
    return os.urandom(KEY_BYTES)


def wrap(master: MasterKey, key: bytes, tenant: str, version: int) -> bytes:
    """Seal a data key for its place."""
    return _seal(master.raw, key, _place("data key", master.kek, tenant, str(version)))


def unwrap(master: MasterKey, wrapped: bytes, tenant: str, version: int) -> bytes:
    return _open(master.raw, wrapped, _place("data key", master.kek, tenant, str(version)))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value belongs: it opens nowhere else."""

    tenant: str
    path: str
    version: int
    key_version: int

    @property
    def encoded(self) -> bytes:
        return _place("value", self.tenant, self.path, str(self.version), str(self.key_version))


def seal(key: bytes, value: Secret, place: Place) -> bytes:
    """Seal a value for its place."""
    return _seal(key, value.reveal().encode(), place.encoded)


def unseal(key: bytes, sealed: bytes, place: Place) -> Secret:
    return Secret(_open(key, sealed, place.encoded).decode())


def keyed_hash(key: bytes, purpose: str, text: str) -> str:
    """Equal texts of one purpose give equal hashes; without the key nothing can be tried out."""
    return hmac.new(key, _place("hash", purpose, text), hashlib.sha256).hexdigest()


def _place(*parts: str) -> bytes:
    """The parts with their lengths: no two lists of parts give the same bytes."""
    encoded = [part.encode() for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def _seal(key: bytes, plain: bytes, place: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, place)


def _open(key: bytes, sealed: bytes, place: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place)
    except (InvalidTag, ValueError):  # ValueError: too short to be a ciphertext at all
        raise Refused(
            "TEMO623",
            "a stored secret can't be opened: it was changed, or moved here from another place",
            fix="Find it with `temoctl state check`, then store it again with `temoctl secrets set`.",
        ) from None

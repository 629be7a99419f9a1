"""Randomness, injected: uids, intents, generated secrets, jitter. Must not know what the ids are for."""

from __future__ import annotations

import random
import secrets

from temoctl.model.identity import ALPHABET
from temoctl.model.secret import Secret

_PASSWORD_LENGTH = 32  # 160 bits in base 32


class RandomIds:
    """From the operating system's source of randomness."""

    def token(self, length: int) -> str:
        return "".join(secrets.choice(ALPHABET) for _ in range(length))

    def password(self) -> Secret:
        return Secret(self.token(_PASSWORD_LENGTH))

    def jitter(self) -> float:
        return secrets.randbelow(1 << 30) / (1 << 30)


class SeededIds:
    """The same ids for the same seed: for simulations, never for a real tenant."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose

    def token(self, length: int) -> str:
        return "".join(self._random.choices(ALPHABET, k=length))

    def password(self) -> Secret:
        return Secret(self.token(_PASSWORD_LENGTH))

    def jitter(self) -> float:
        return self._random.random()

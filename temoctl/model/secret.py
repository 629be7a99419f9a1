"""Secrets as values. A `Secret` can be carried, compared and sent, but never shown by accident.

Must not know where secrets are kept (systemdata.vault) or how they are sealed.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn


class Secret:
    """A text that has no `str()`: `repr` and `format` give `<secret>`, pickling is refused."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. Call it at the last moment, in the client that sends it."""
        return self._text

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "<secret>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(("Secret", self._text))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never pickled")


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a tenant's secret lies in the vault: `path` like `telegram/token`, and the version meant.

    `generate` says that temoctl makes the value itself (role passwords) and commits it to the vault before the first
    effect that uses it (DECISIONS 14). In property trees it is written `{"$secret": path, "version": n}`.
    """

    path: str
    version: int
    generate: bool = False

    def tree(self) -> dict[str, object]:
        tree: dict[str, object] = {"$secret": self.path, "version": self.version}
        if self.generate:
            tree["generate"] = True
        return tree


class Redactor:
    """Masks known secret texts in anything that is about to be shown: the last net, not the first.

    `fingerprints` are the exact texts, old and new; texts shorter than 6 characters are not masked, because they
    would eat ordinary words.
    """

    def __init__(self) -> None:
        self._texts: set[str] = set()

    def learn(self, secret: Secret) -> None:
        text = secret.reveal()
        if len(text) >= 6:
            self._texts.add(text)

    def mask(self, text: str) -> str:
        for known in sorted(self._texts, key=len, reverse=True):
            text = text.replace(known, "<secret>")
        return text


Reveal = Callable[[SecretRef], Secret]

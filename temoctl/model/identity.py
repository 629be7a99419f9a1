"""Who owns an object, and how it is found again. Must not know any vendor's field for markers.

An object of ours carries a `Marker`: installation, tenant uid, kind and name, and the intent that made it. Names
that a system lets us choose are built by `object_name`, one injective grammar that fits the tightest vendor
(PostgreSQL 63 bytes, MongoDB < 64, WAHA 54 of [A-Za-z0-9_-]).
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, replace
from enum import StrEnum

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32 in lower case: safe in SQL identifiers, URLs and file names, no look-alikes."""

INSTALLATION_LENGTH = 10
UID_LENGTH = 16
INTENT_LENGTH = 12


class Identity(StrEnum):
    """How a resource is found again after a lost response (DESIGN §7)."""

    CHOSEN = "chosen"  # we pick its name: creating again is harmless
    LOOKUP = "lookup"  # found by the marker we wrote
    SERVER = "server"  # only the server knows
    ISSUED_ONCE = "issued-once"  # its secret is shown once: an unknown outcome means replace
    GATE = "gate"  # a person makes it: observed, never created
    WITNESS = "witness"  # another resource's doing, seen from outside: observed, never created


@dataclass(frozen=True, slots=True)
class Owner:
    """One incarnation of one tenant in one installation. `installation` and `uid` are base-32 strings."""

    installation: str
    uid: str


@dataclass(frozen=True, slots=True)
class Marker:
    """What we write on an object so that it is known as ours."""

    owner: Owner
    kind: str
    name: str
    intent: str | None = None

    @property
    def text(self) -> str:
        """`temo:<installation>.<uid>.<kind>.<name>~<intent>`; at most 96 characters for names up to 40."""
        base = f"temo:{self.owner.installation}.{self.owner.uid}.{self.kind}.{self.name}"
        return f"{base}~{self.intent}" if self.intent else base

    @property
    def tail(self) -> str:
        return f"{self.kind}.{self.name}"

    def same_object(self, other: Marker) -> bool:
        """True when both mark the same address of the same incarnation, whoever made it."""
        return (self.owner, self.kind, self.name) == (other.owner, other.kind, other.name)

    @classmethod
    def search(cls, text: str) -> Marker | None:
        """The first marker inside a longer text (an n8n name, a COMMENT), or None."""
        found = _MARKER.search(text)
        if found is None:
            return None
        part = found.groupdict()
        return cls(Owner(part["installation"], part["uid"]), part["kind"], part["name"], part["intent"])


_MARKER = re.compile(
    rf"temo:(?P<installation>[{ALPHABET}]{{{INSTALLATION_LENGTH}}})\.(?P<uid>[{ALPHABET}]{{{UID_LENGTH}}})"
    rf"\.(?P<kind>[a-z][a-z-]*)\.(?P<name>[a-z0-9][a-z0-9-]*)(?:~(?P<intent>[{ALPHABET}]{{{INTENT_LENGTH}}}))?"
)


def webhook_id(ingress: Marker) -> str:
    """The id in the address of an ingress workflow's webhook: the same for every making of it, and nobody else's."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, replace(ingress, intent=None).text))


def object_name(owner: Owner, part: str) -> str:
    """`temo_<installation>_<uid>_<part>`: a name that no other owner can produce.

    `part` is `[a-z0-9]{1,16}`; the result is at most 49 characters of `[a-z0-9_]`. Installation and uid have fixed
    lengths and no underscore, so the grammar is injective. Raises ValueError for another `part`.
    """
    if not re.fullmatch(r"[a-z0-9]{1,16}", part):
        raise ValueError(f"not a name part: {part!r}")
    return f"temo_{owner.installation}_{owner.uid}_{part}"
